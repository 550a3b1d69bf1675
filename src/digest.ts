import { createHash, hash } from 'node:crypto';

/** SHA-256, lower-case hex. The one-shot call costs a third of what a hash object does, and every request needs several. */
export const sha256 = (data: string | Uint8Array): string => hash('sha256', data, 'hex');

/** A number in [0, 1) derived from the text: deterministic, and uniformly distributed over many texts. */
export const fractionOf = (text: string): number => createHash('sha256').update(text).digest().readUIntBE(0, 6) / 2 ** 48;
