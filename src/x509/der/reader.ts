import { X509Error, type X509ErrorCode } from '../errors.ts';
import * as tags from './tags.ts';
import { decodeOid } from './oid.ts';
import { decodeGeneralizedTime, decodeTime } from './time.ts';
import { isPrintable, latin1, utf8 } from './text.ts';

/** Deeper than anything in PKIX: a certificate's name constraints reach 9. Bounds recursion on untrusted input. */
const MAX_DEPTH = 16;

/**
 * A cursor over strict DER (X.690 10 and 11): minimal definite lengths, no high tag numbers, no trailing bytes. It copies nothing: all
 * results are views of the input. Every fault is an `X509Error`.
 *
 * The name passed to each read tells the error message what was being read.
 */
export class DerReader {
  readonly bytes: Uint8Array;
  offset: number;
  readonly end: number;
  readonly depth: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length, depth = 0) {
    this.bytes = bytes;
    this.offset = start;
    this.end = end;
    this.depth = depth;
  }

  get atEnd(): boolean {
    return this.offset >= this.end;
  }

  /** The identifier octet of the next element; -1 at the end. */
  peek(): number {
    return this.offset < this.end ? this.bytes[this.offset]! : -1;
  }

  /** Whether the next element has this tag; for OPTIONAL and CHOICE. */
  is(tag: number): boolean {
    return this.offset < this.end && this.bytes[this.offset] === tag;
  }

  /** Returns a cursor over the content of the next element, which must have this tag, and moves past it. */
  enter(tag: number, what: string): DerReader {
    if (this.depth >= MAX_DEPTH) this.fail('too-deep', `${what} is nested more than ${MAX_DEPTH} deep`);
    const end = this.header(tag, what);
    const inside = new DerReader(this.bytes, this.offset, end, this.depth + 1);
    this.offset = end;
    return inside;
  }

  sequence(what: string): DerReader {
    return this.enter(tags.SEQUENCE, what);
  }

  set(what: string): DerReader {
    return this.enter(tags.SET, what);
  }

  /** The content octets of the next element. */
  content(tag: number, what: string): Uint8Array {
    const end = this.header(tag, what);
    const start = this.offset;
    this.offset = end;
    return this.bytes.subarray(start, end);
  }

  /** The complete next element: identifier, length and content. */
  element(tag: number, what: string): Uint8Array {
    const start = this.offset;
    this.offset = this.header(tag, what);
    return this.bytes.subarray(start, this.offset);
  }

  /** Throws unless everything has been read. */
  finish(what: string): void {
    if (this.offset !== this.end) this.fail('trailing-bytes', `${this.end - this.offset} bytes follow the end of ${what}`);
  }

  boolean(what: string, tag: number = tags.BOOLEAN): boolean {
    const start = this.offset;
    const end = this.header(tag, what);
    const value = this.bytes[this.offset];
    // X.690 11.1: TRUE is FF and nothing else.
    if (end - this.offset !== 1 || (value !== 0 && value !== 0xff)) this.fail('bad-boolean', `${what} must be 00 or FF in one octet`, start);
    this.offset = end;
    return value === 0xff;
  }

  /** Content octets of an INTEGER: two's complement, minimal length (X.690 8.3.2). */
  integer(what: string, tag: number = tags.INTEGER): Uint8Array {
    const start = this.offset;
    const value = this.content(tag, what);
    if (value.length === 0) this.fail('bad-integer', `${what} has no octets`, start);
    if (value.length > 1 && ((value[0] === 0 && value[1]! < 0x80) || (value[0] === 0xff && value[1]! >= 0x80))) {
      this.fail('bad-integer', `${what} is not in the fewest octets`, start);
    }
    return value;
  }

  /** Magnitude of a non-negative INTEGER, without the sign octet; zero is the single octet 00. */
  unsignedInteger(what: string): Uint8Array {
    const start = this.offset;
    const value = this.integer(what);
    if (value[0]! >= 0x80) this.fail('bad-integer', `${what} is negative`, start);
    return value[0] === 0 && value.length > 1 ? value.subarray(1) : value;
  }

  /** An INTEGER (or ENUMERATED) from 0 to 2^31 - 1. */
  smallInteger(what: string, tag: number = tags.INTEGER): number {
    const start = this.offset;
    const value = this.integer(what, tag);
    if (value[0]! >= 0x80 || value.length > 4) this.fail('bad-integer', `${what} is not a number from 0 to 2147483647`, start);
    let number = 0;
    for (const octet of value) number = (number << 8) | octet;
    return number;
  }

  null(what: string): void {
    const start = this.offset;
    if (this.content(tags.NULL, what).length !== 0) this.fail('bad-null', `${what} has content`, start);
  }

  /** Dotted text. */
  oid(what: string): string {
    const end = this.header(tags.OBJECT_IDENTIFIER, what);
    const start = this.offset;
    this.offset = end;
    return decodeOid(this.bytes, start, end, what);
  }

  octetString(what: string): Uint8Array {
    return this.content(tags.OCTET_STRING, what);
  }

  /** A BIT STRING of whole octets, as used for keys and signatures. */
  bitString(what: string): Uint8Array {
    const start = this.offset;
    const value = this.content(tags.BIT_STRING, what);
    if (value.length === 0) this.fail('bad-bit-string', `${what} lacks its count of unused bits`, start);
    if (value[0] !== 0) this.fail('bad-bit-string', `${what} is not made of whole octets`, start);
    return value.subarray(1);
  }

  /** A named bit list; bit n of the result is the bit numbered n. X.690 11.2.2: no trailing zero bits. At most 16 bits. */
  namedBits(what: string): number {
    const start = this.offset;
    const value = this.content(tags.BIT_STRING, what);
    const unused = value[0] ?? 8;
    const last = value[value.length - 1]!;
    const minimal = value.length === 1 ? unused === 0 : unused < 8 && ((last >> unused) & 1) === 1 && (last & ((1 << unused) - 1)) === 0;
    if (value.length > 3 || !minimal) this.fail('bad-bit-string', `${what} is not a DER list of at most 16 named bits`, start);
    let bits = 0;
    for (let i = 0; i < (value.length - 1) * 8; i++) if ((value[1 + (i >> 3)]! >> (7 - (i & 7))) & 1) bits |= 1 << i;
    return bits;
  }

  utf8String(what: string): string {
    const end = this.header(tags.UTF8_STRING, what);
    const text = utf8(this.bytes, this.offset, end);
    if (text === undefined) this.fail('bad-string', `${what} is not valid UTF-8`);
    this.offset = end;
    return text;
  }

  printableString(what: string): string {
    const end = this.header(tags.PRINTABLE_STRING, what);
    if (!isPrintable(this.bytes, this.offset, end)) this.fail('bad-string', `${what} has characters outside PrintableString`);
    const text = latin1(this.bytes, this.offset, end);
    this.offset = end;
    return text;
  }

  /** Seven-bit text; `tag` may be an IMPLICIT tag that replaces IA5String. */
  ia5String(what: string, tag: number = tags.IA5_STRING): string {
    const end = this.header(tag, what);
    for (let i = this.offset; i < end; i++) {
      if (this.bytes[i]! >= 0x80) this.fail('bad-string', `${what} has an octet over 7F, which IA5String does not allow`, i);
    }
    const text = latin1(this.bytes, this.offset, end);
    this.offset = end;
    return text;
  }

  /** Seconds since the Unix epoch of a Time (RFC 5280 4.1.2.5): UTCTime before 2050, GeneralizedTime from then on. */
  time(what: string): number {
    const tag = this.is(tags.GENERALIZED_TIME) ? tags.GENERALIZED_TIME : tags.UTC_TIME;
    const end = this.header(tag, what);
    const start = this.offset;
    this.offset = end;
    return decodeTime(tag, this.bytes, start, end, what);
  }

  /** Seconds since the Unix epoch of a GeneralizedTime in any year, where UTCTime is not allowed. */
  generalizedTime(what: string): number {
    const end = this.header(tags.GENERALIZED_TIME, what);
    const start = this.offset;
    this.offset = end;
    return decodeGeneralizedTime(this.bytes, start, end, what);
  }

  /** Throws an error at the current offset, or at the given one. */
  fail(code: X509ErrorCode, detail: string, offset = this.offset): never {
    throw new X509Error(code, detail, offset);
  }

  /** Reads identifier and length, leaves the cursor at the content, and returns the offset of its end. */
  private header(tag: number, what: string): number {
    const { bytes, end } = this;
    const start = this.offset;
    if (start >= end) this.fail('truncated', `${what} is missing: ${tags.tagName(tag)} expected, the end found`);
    const found = bytes[start]!;
    if (found !== tag) this.fail('unexpected-tag', `${what} must be ${tags.tagName(tag)}, found ${tags.tagName(found)}`);
    // X.690 8.1.2.4: tag numbers above 30 take more octets. PKIX uses none.
    if ((found & 0x1f) === 0x1f) this.fail('unexpected-tag', `${what} has a high tag number`);
    if (start + 1 >= end) this.fail('truncated', `${what} ends before its length`);
    let length = bytes[start + 1]!;
    let content = start + 2;
    if (length >= 0x80) {
      const octets = length & 0x7f;
      if (octets === 0) this.fail('indefinite-length', `${what} has an indefinite length, which DER forbids`);
      if (octets > 4) this.fail('truncated', `${what} gives its length in ${octets} octets: more than can follow`);
      if (content + octets > end) this.fail('truncated', `${what} ends within its length`);
      length = 0;
      for (let i = 0; i < octets; i++) length = length * 256 + bytes[content + i]!;
      // X.690 10.1: minimal length.
      if (length < 0x80 || bytes[content] === 0) this.fail('non-minimal-length', `${what} does not give its length in the fewest octets`);
      content += octets;
    }
    if (length > end - content) this.fail('truncated', `${what} is said to have ${length} octets, ${end - content} are there`);
    this.offset = content;
    return content + length;
  }
}
