/** Identifier octets, X.690 8.1.2: class, constructed bit and tag number combined. */
export const BOOLEAN = 0x01;
export const INTEGER = 0x02;
export const BIT_STRING = 0x03;
export const OCTET_STRING = 0x04;
export const NULL = 0x05;
export const OBJECT_IDENTIFIER = 0x06;
export const ENUMERATED = 0x0a;
export const UTF8_STRING = 0x0c;
export const PRINTABLE_STRING = 0x13;
const T61_STRING = 0x14;
export const IA5_STRING = 0x16;
export const UTC_TIME = 0x17;
export const GENERALIZED_TIME = 0x18;
const VISIBLE_STRING = 0x1a;
const UNIVERSAL_STRING = 0x1c;
const BMP_STRING = 0x1e;
export const SEQUENCE = 0x30;
export const SET = 0x31;

/** Bit 6 of an identifier octet: the content consists of elements. */
export const CONSTRUCTED = 0x20;

/** `[n]`, primitive: IMPLICIT tag on a primitive type. */
export const contextTag = (n: number): number => 0x80 | n;

/** `[n]`, constructed: EXPLICIT tag, or IMPLICIT tag on a SEQUENCE or SET. */
export const contextConstructedTag = (n: number): number => 0xa0 | n;

const NAMES: Readonly<Record<number, string>> = {
  [BOOLEAN]: 'BOOLEAN',
  [INTEGER]: 'INTEGER',
  [BIT_STRING]: 'BIT STRING',
  [OCTET_STRING]: 'OCTET STRING',
  [NULL]: 'NULL',
  [OBJECT_IDENTIFIER]: 'OBJECT IDENTIFIER',
  [ENUMERATED]: 'ENUMERATED',
  [UTF8_STRING]: 'UTF8String',
  [PRINTABLE_STRING]: 'PrintableString',
  [T61_STRING]: 'T61String',
  [IA5_STRING]: 'IA5String',
  [UTC_TIME]: 'UTCTime',
  [GENERALIZED_TIME]: 'GeneralizedTime',
  [VISIBLE_STRING]: 'VisibleString',
  [UNIVERSAL_STRING]: 'UniversalString',
  [BMP_STRING]: 'BMPString',
  [SEQUENCE]: 'SEQUENCE',
  [SET]: 'SET',
};

/** Name of a tag for error messages: `SEQUENCE`, `[0]`, or the octet in hex. */
export function tagName(tag: number): string {
  if (tag < 0) return 'the end';
  const known = NAMES[tag];
  if (known !== undefined) return known;
  if ((tag & 0xc0) === 0x80 && (tag & 0x1f) !== 0x1f) return `[${tag & 0x1f}]`;
  return `tag 0x${tag.toString(16).padStart(2, '0')}`;
}
