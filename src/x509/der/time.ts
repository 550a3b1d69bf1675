import { X509Error } from '../errors.ts';
import { GENERALIZED_TIME, tagName, UTC_TIME } from './tags.ts';

/** 2050-01-01T00:00:00Z, where RFC 5280 4.1.2.5 switches from UTCTime to GeneralizedTime. */
const YEAR_2050 = 2_524_608_000;
/** 1950-01-01T00:00:00Z, the first year that UTCTime can express. */
const YEAR_1950 = -631_152_000;
/** 9999-12-31T23:59:59Z, the last second of a four-digit year. */
const LAST_SECOND = 253_402_300_799;

/**
 * Seconds since the Unix epoch of `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`; no fractions, no offsets (RFC 5280 4.1.2.5).
 * Throws `bad-time`, including for dates that do not exist and for the wrong form for the year.
 */
export function decodeTime(tag: number, bytes: Uint8Array, start: number, end: number, what: string): number {
  const seconds = decodeDigits(tag, bytes, start, end, what);
  if (tag === GENERALIZED_TIME && seconds < YEAR_2050) throw new X509Error('bad-time', `${what} is a GeneralizedTime before 2050, where UTCTime must be used`, start);
  return seconds;
}

/** The same for any year: for fields that are always GeneralizedTime, as in OCSP (RFC 6960 4.2.2.1). */
export const decodeGeneralizedTime = (bytes: Uint8Array, start: number, end: number, what: string): number => decodeDigits(GENERALIZED_TIME, bytes, start, end, what);

function decodeDigits(tag: number, bytes: Uint8Array, start: number, end: number, what: string): number {
  const fail = (why: string): never => {
    throw new X509Error('bad-time', `${what} ${why}`, start);
  };
  const yearDigits = tag === UTC_TIME ? 2 : 4;
  if (end - start !== yearDigits + 11 || bytes[end - 1] !== 0x5a) fail(`is not a ${tagName(tag)} with seconds that ends in Z`);
  for (let i = start; i < end - 1; i++) if (bytes[i]! < 0x30 || bytes[i]! > 0x39) fail('has a character that is not a digit');

  const two = (at: number): number => bytes[at]! * 10 + bytes[at + 1]! - 0x30 * 11;
  const year = tag === UTC_TIME ? two(start) + (two(start) < 50 ? 2000 : 1900) : two(start) * 100 + two(start + 2);
  const rest = start + yearDigits;
  const [month, day, hour, minute, second] = [two(rest), two(rest + 2), two(rest + 4), two(rest + 6), two(rest + 8)];
  const lastDay = new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate();
  if (month < 1 || month > 12 || day < 1 || day > lastDay || hour > 23 || minute > 59 || second > 59) fail('is a time that does not exist');
  return Date.UTC(year, month - 1, day, hour, minute, second) / 1000;
}

/** Identifier octet and text of a Time from seconds since the Unix epoch. Throws `bad-time` before 1950 and after 9999. */
export function encodeTime(seconds: number): { readonly tag: number; readonly text: string } {
  const text = encodeGeneralizedTime(seconds);
  return seconds < YEAR_2050 ? { tag: UTC_TIME, text: text.slice(2) } : { tag: GENERALIZED_TIME, text };
}

/** `YYYYMMDDHHMMSSZ`. */
export function encodeGeneralizedTime(seconds: number): string {
  if (!Number.isInteger(seconds) || seconds < YEAR_1950 || seconds > LAST_SECOND) {
    throw new X509Error('bad-time', `${seconds} is not a whole second from 1950 to 9999`);
  }
  return `${new Date(seconds * 1000).toISOString().slice(0, 19).replace(/[-T:]/g, '')}Z`;
}
