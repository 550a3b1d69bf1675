import { X509Error } from '../errors.ts';
import { encodeOid } from './oid.ts';
import * as tags from './tags.ts';
import { isPrintable } from './text.ts';
import { encodeGeneralizedTime, encodeTime } from './time.ts';

const ENCODER = new TextEncoder();

/** An element with this identifier octet whose content is the given parts, in order. */
export function element(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  return elementOf(tag, parts);
}

/** Identifier and length octets of an element with that much content. */
export function elementHeader(tag: number, length: number): Uint8Array {
  const octets = lengthOctets(length);
  const out = new Uint8Array(2 + octets);
  writeHeader(out, tag, length, octets);
  return out;
}

/** An element from a list of parts: a CRL has a million, more than a call can take as arguments. */
export function elementOf(tag: number, parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const octets = lengthOctets(length);
  const out = new Uint8Array(2 + octets + length);
  writeHeader(out, tag, length, octets);
  let offset = 2 + octets;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}

/** Octets that a length takes after its first one. */
const lengthOctets = (length: number): number => (length < 0x80 ? 0 : length < 0x100 ? 1 : length < 0x10000 ? 2 : length < 0x1000000 ? 3 : 4);

function writeHeader(out: Uint8Array, tag: number, length: number, octets: number): void {
  out[0] = tag;
  out[1] = octets === 0 ? length : 0x80 | octets;
  for (let i = octets, rest = length; i > 0; i--, rest = Math.floor(rest / 256)) out[1 + i] = rest & 0xff;
}

/** A SEQUENCE, or SEQUENCE OF, of encoded elements. */
export const sequence = (...parts: readonly Uint8Array[]): Uint8Array => elementOf(tags.SEQUENCE, parts);

/** A SET OF encoded elements, sorted as X.690 11.6 requires. */
export function set(...parts: readonly Uint8Array[]): Uint8Array {
  return elementOf(tags.SET, parts.length < 2 ? parts : [...parts].sort(compareBytes));
}

/** Lexicographic order; a prefix comes first (for complete elements this agrees with the padding rule of X.690 11.6). */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** `[n] EXPLICIT`, or `[n] IMPLICIT` on a constructed type, around encoded elements. */
export const contextExplicit = (n: number, ...parts: readonly Uint8Array[]): Uint8Array => elementOf(tags.contextConstructedTag(n), parts);

/** `[n] IMPLICIT` on a primitive type, around its content octets. */
export const contextPrimitive = (n: number, content: Uint8Array): Uint8Array => element(tags.contextTag(n), content);

export const boolean = (value: boolean): Uint8Array => Uint8Array.of(tags.BOOLEAN, 1, value ? 0xff : 0);

/** A non-negative INTEGER from a whole number, or from the octets of its magnitude (leading zeros are removed). */
export function integer(value: number | bigint | Uint8Array): Uint8Array {
  return element(tags.INTEGER, signedContent(typeof value === 'object' ? value : magnitude(value)));
}

export const enumerated = (value: number): Uint8Array => element(tags.ENUMERATED, signedContent(magnitude(value)));

function magnitude(value: number | bigint): Uint8Array {
  if (value < 0 || (typeof value === 'number' && !Number.isSafeInteger(value))) throw new X509Error('bad-integer', `${value} is not a whole number from 0`);
  const hex = value.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
}

/** Prepends a sign octet to a magnitude whose first bit is set. */
function signedContent(value: Uint8Array): Uint8Array {
  let start = 0;
  while (start < value.length - 1 && value[start] === 0) start++;
  if (value.length > 0 && value[start]! < 0x80) return value.subarray(start);
  const content = new Uint8Array(value.length - start + 1);
  content.set(value.subarray(start), 1);
  return content;
}

export const nullValue = (): Uint8Array => Uint8Array.of(tags.NULL, 0);

/** An OBJECT IDENTIFIER from dotted text. */
export const oid = (text: string): Uint8Array => element(tags.OBJECT_IDENTIFIER, encodeOid(text));

export const octetString = (...content: readonly Uint8Array[]): Uint8Array => elementOf(tags.OCTET_STRING, content);

/** A BIT STRING of whole octets. */
export const bitString = (content: Uint8Array): Uint8Array => element(tags.BIT_STRING, Uint8Array.of(0), content);

/** A named bit list from bit numbers, without trailing zero bits (X.690 11.2.2). */
export function namedBits(bits: readonly number[]): Uint8Array {
  if (bits.length === 0) return Uint8Array.of(tags.BIT_STRING, 1, 0);
  const highest = Math.max(...bits);
  const content = new Uint8Array(2 + (highest >> 3));
  content[0] = 7 - (highest & 7);
  for (const bit of bits) content[1 + (bit >> 3)]! |= 0x80 >> (bit & 7);
  return element(tags.BIT_STRING, content);
}

export const utf8String = (text: string): Uint8Array => element(tags.UTF8_STRING, utf8Bytes(text));

/** Throws `bad-string` for characters outside PrintableString. */
export function printableString(text: string): Uint8Array {
  const content = utf8Bytes(text);
  if (!isPrintable(content, 0, content.length)) throw new X509Error('bad-string', `'${text.slice(0, 100)}' has characters outside PrintableString`);
  return element(tags.PRINTABLE_STRING, content);
}

/** Throws `bad-string` for characters above 7F. */
export const ia5String = (text: string): Uint8Array => element(tags.IA5_STRING, ia5Bytes(text));

/** Octets of seven-bit text, for IMPLICIT IA5String. Throws `bad-string`. */
export function ia5Bytes(text: string): Uint8Array {
  const content = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0x80) throw new X509Error('bad-string', `'${text.slice(0, 100)}' has characters that IA5String does not allow`);
    content[i] = code;
  }
  return content;
}

function utf8Bytes(text: string): Uint8Array {
  // Most text is short ASCII, for which this is faster than a call into the runtime.
  const content = new Uint8Array(text.length);
  let i = 0;
  for (; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0x80) break;
    content[i] = code;
  }
  if (i === text.length) return content;
  if (/\p{Surrogate}/u.test(text)) throw new X509Error('bad-string', 'the text has half a surrogate pair');
  return ENCODER.encode(text);
}

/** A Time from seconds since the Unix epoch: UTCTime through 2049, GeneralizedTime after (RFC 5280 4.1.2.5). */
export function time(seconds: number): Uint8Array {
  const { tag, text } = encodeTime(seconds);
  return element(tag, ia5Bytes(text));
}

/** A GeneralizedTime from seconds since the Unix epoch, whatever the year. */
export const generalizedTime = (seconds: number): Uint8Array => element(tags.GENERALIZED_TIME, ia5Bytes(encodeGeneralizedTime(seconds)));
