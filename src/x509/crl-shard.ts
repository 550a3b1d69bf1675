/** Numbers of shards are powers of two, so that each shard of a smaller number is made of whole shards of a larger one. */
export const MOST_SHARDS = 1024;

/** Hex digits of a serial that tell its shard: its end, which is random, while its start is the time (`issuance/serial.ts`). */
const DIGITS = 8;

/** The shard that lists a certificate, from 0, of `count` (a power of two). A serial of 20 octets ends in random ones, so all are of one size. */
export const shardOf = (serial: string, count: number): number => parseInt(serial.slice(-DIGITS), 16) & (count - 1);
