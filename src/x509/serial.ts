import type { DerReader } from './der/reader.ts';
import { INTEGER } from './der/tags.ts';
import { X509Error } from './errors.ts';

/** RFC 5280 4.1.2.2: a serial number has at most 20 octets, including the sign octet. */
export const MAX_SERIAL_OCTETS = 20;

/** The value of each lower-case hex digit, by character code; -1 for other characters. */
const DIGITS = new Int8Array(128).fill(-1);
for (const [value, digit] of Array.from('0123456789abcdef').entries()) DIGITS[digit.charCodeAt(0)] = value;

/**
 * Encodes a serial number as INTEGER, from lower-case hex in whole octets without leading 00.
 * Throws `bad-integer` for anything else, for zero, and for more than 20 octets.
 */
export function encodeSerial(hex: string): Uint8Array {
  const octets = hex.length / 2;
  const refuse = (why: string): never => {
    throw new X509Error('bad-integer', `serial '${hex.slice(0, 50)}' ${why}`);
  };
  if (octets === 0 || !Number.isInteger(octets)) refuse('is not in whole octets of hex');
  const sign = hex.charCodeAt(0) >= 0x38 ? 1 : 0;
  if (octets + sign > MAX_SERIAL_OCTETS) refuse(`needs ${octets + sign} octets; at most ${MAX_SERIAL_OCTETS} are accepted`);
  const der = new Uint8Array(2 + sign + octets);
  der[0] = INTEGER;
  der[1] = sign + octets;
  for (let i = 0; i < octets; i++) {
    const high = DIGITS[hex.charCodeAt(2 * i)] ?? -1;
    const low = DIGITS[hex.charCodeAt(2 * i + 1)] ?? -1;
    if (high < 0 || low < 0) refuse('has a character that is not a lower-case hex digit');
    der[2 + sign + i] = (high << 4) | low;
  }
  if (der[2 + sign] === 0) refuse('is zero or begins with 00');
  return der;
}

/**
 * Reads a serial number as lower-case hex. Zero is read as `00`: some roots have it, and readers should tolerate it (RFC 5280 4.1.2.2).
 * Throws `bad-integer` for negative ones and for more than 20 octets.
 */
export function readSerial(reader: DerReader, what: string): string {
  const start = reader.offset;
  const value = reader.integer(what);
  if (value.length > MAX_SERIAL_OCTETS) reader.fail('bad-integer', `${what} has ${value.length} octets; at most ${MAX_SERIAL_OCTETS} are accepted`, start);
  if (value[0]! >= 0x80) reader.fail('bad-integer', `${what} is negative`, start);
  const from = value[0] === 0 && value.length > 1 ? 1 : 0;
  return Buffer.from(value.buffer, value.byteOffset + from, value.length - from).toString('hex');
}
