import type { RandomBytes } from '../identity/credential.ts';

const RANDOM_BYTES = 15;
const TIME_DIGITS = 10;
/** Milliseconds. Records close in time are close on disk: a coarser unit would spread the records of one moment over more pages. */
const TIME_UNIT = 8;
const POOLED = 256;

/**
 * Draws serial numbers: five octets of time, then 120 bits from the CSPRNG. Positive and 20 octets long (RFC 5280 4.1.2.2; BR 7.1
 * requires 64 random bits).
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
    // The first bit of the first octet stays clear until 2109; the octet has been non-zero since 1974.
    return Math.floor(now / TIME_UNIT).toString(16).padStart(TIME_DIGITS, '0') + tail;
  };
}

const SERIAL = /^[0-9a-f]{1,40}$/;

/** Converts a serial as people write it (either case, with or without colons) to the form used in records; undefined if it is not one. */
export function normaliseSerial(text: string): string | undefined {
  if (text.length > 64) return undefined;
  const plain = text.toLowerCase().replaceAll(':', '');
  return SERIAL.test(plain) ? plain.padStart(plain.length + (plain.length % 2), '0') : undefined;
}
