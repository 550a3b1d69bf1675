import { createHmac, timingSafeEqual } from 'node:crypto';
import { sha256 } from '../digest.ts';

/** RFC 4648 base32 in lower case: letters and digits that survive shells, URLs and double clicks. */
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
const ID_BYTES = 10;
const SECRET_BYTES = 32;

/** A source of random bytes: `crypto.randomBytes`, or a fixed one in tests. */
export type RandomBytes = (size: number) => Uint8Array;

export interface Credential {
  readonly id: string;
  readonly secret: string;
}

/** A new id (80 bits) and secret (256 bits). */
export const newCredential = (random: RandomBytes): Credential => ({ id: base32(random(ID_BYTES)), secret: base32(random(SECRET_BYTES)) });

/**
 * The credential determined by `master` and `label`: it allows a creating call repeated with the same Idempotency-Key to return the same secret
 * without the store keeping it.
 */
export function derivedCredential(master: Uint8Array, label: string): Credential {
  const bytes = createHmac('sha512', master).update(label).digest();
  return { id: base32(bytes.subarray(0, ID_BYTES)), secret: base32(bytes.subarray(ID_BYTES, ID_BYTES + SECRET_BYTES)) };
}

/** SHA-256 of a secret, hex, which the store keeps. Secrets have 256 random bits, so a fast hash suffices. */
export const secretHash = (secret: string): string => sha256(secret);

/** Compares in constant time. */
export const secretMatches = (secret: string, hash: string): boolean =>
  timingSafeEqual(Buffer.from(secretHash(secret), 'hex'), Buffer.from(hash.padEnd(64, '0').slice(0, 64), 'hex'));

export const ID_PATTERN = '[a-z2-7]{16}';
export const SECRET_PATTERN = '[a-z2-7]{52}';

function base32(bytes: Uint8Array): string {
  let text = '';
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[(held >>> bits) & 31];
    }
    held &= (1 << bits) - 1;
  }
  return bits > 0 ? text + ALPHABET[(held << (5 - bits)) & 31] : text;
}
