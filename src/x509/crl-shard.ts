/** The number of shards is a power of two, so that each shard of a smaller number is the union of shards of a larger one. */
export const MOST_SHARDS = 1024;

/** Hex digits of a serial that determine its shard: the random end, since the start is the time (`issuance/serial.ts`). */
const DIGITS = 8;

/** Index of the shard that lists a certificate, from 0 to `count` - 1 (`count`: a power of two). Random serials spread evenly. */
export const shardOf = (serial: string, count: number): number => parseInt(serial.slice(-DIGITS), 16) & (count - 1);
