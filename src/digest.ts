import { createHash, hash } from 'node:crypto';

/** SHA-256, lower-case hex. The one-shot call costs a third of a hash object's, and every request makes several. */
export const sha256 = (data: string | Uint8Array): string => hash('sha256', data, 'hex');

/** A number from 0 up to 1, drawn by the text alone: the same each time, and spread evenly over many texts. */
export const fractionOf = (text: string): number => createHash('sha256').update(text).digest().readUIntBE(0, 6) / 2 ** 48;
