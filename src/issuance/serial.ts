import type { RandomBytes } from '../identity/credential.ts';

const RANDOM_BYTES = 16;
const POOLED = 256;

/**
 * Draws serial numbers: four bytes of time (units of 16 s, so that neighbours in time are neighbours on disk), then 128 bits
 * from the CSPRNG. Positive, 20 octets (RFC 5280 4.1.2.2; BR 7.1 asks for 64 random bits).
 * Random bytes are fetched for many serials at once; each byte is used once.
 */
export function serialSource(random: RandomBytes): (now: number) => string {
  let pool = Buffer.alloc(0);
  let used = 0;
  return (now) => {
    if (used + RANDOM_BYTES > pool.length) {
      pool = Buffer.from(random(RANDOM_BYTES * POOLED));
      used = 0;
    }
    const tail = pool.toString('hex', used, used + RANDOM_BYTES);
    used += RANDOM_BYTES;
    // 28 bits of time until the year 2106: the first bit of the first octet is never set, and the first octet never zero.
    return Math.floor(now / 16_000).toString(16).padStart(8, '0') + tail;
  };
}

const SERIAL = /^[0-9a-f]{1,40}$/;

/** A serial as people write it (either case, with or without colons) in the form of the records; undefined where it is none. */
export function normaliseSerial(text: string): string | undefined {
  if (text.length > 64) return undefined;
  const plain = text.toLowerCase().replaceAll(':', '');
  return SERIAL.test(plain) ? plain.padStart(plain.length + (plain.length % 2), '0') : undefined;
}
