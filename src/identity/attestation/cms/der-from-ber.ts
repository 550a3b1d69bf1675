import { X509Error } from '../../../x509/errors.ts';

/** Limits on depth and number of elements, far above those of a signed document with a few certificates. */
const MOST_DEPTH = 24;
const MOST_ELEMENTS = 4096;

const CONSTRUCTED = 0x20;
const OCTET_STRING = 0x04;
const END_OF_CONTENTS = 0x00;

/**
 * Converts an element to minimal definite lengths and unsegmented octet strings (X.690 10.1, 10.2). Signers of cloud metadata write BER with
 * indefinite lengths, while everything else here reads DER. DER input is returned unchanged, octet for octet; other errors are left for the strict
 * parser to find. Throws an `X509Error`, also for trailing bytes.
 */
export function derFromBer(ber: Uint8Array): Uint8Array {
  const reader = { bytes: ber, offset: 0, left: MOST_ELEMENTS };
  const der = element(reader, ber.length, 0);
  if (reader.offset !== ber.length) throw new X509Error('trailing-bytes', `${ber.length - reader.offset} octets follow the end`, reader.offset);
  return der;
}

interface Reader {
  readonly bytes: Uint8Array;
  offset: number;
  left: number;
}

function element(reader: Reader, end: number, depth: number): Uint8Array {
  const { bytes } = reader;
  const start = reader.offset;
  if (depth > MOST_DEPTH) throw new X509Error('too-deep', `elements are nested deeper than ${MOST_DEPTH}`, start);
  if (reader.left-- <= 0) throw new X509Error('too-many-elements', `more than ${MOST_ELEMENTS} elements`, start);
  if (start + 2 > end) throw new X509Error('truncated', 'an element ends before its length', start);
  const tag = bytes[start] as number;
  if ((tag & 0x1f) === 0x1f) throw new X509Error('unexpected-tag', 'an element has a high tag number', start);
  reader.offset += 1;
  const length = lengthAt(reader, end);
  if (length === undefined && (tag & CONSTRUCTED) === 0) throw new X509Error('indefinite-length', 'a primitive element has an indefinite length (X.690 8.1.3.2)', start);
  const stop = length === undefined ? end : reader.offset + length;
  if ((tag & CONSTRUCTED) === 0) {
    const content = bytes.subarray(reader.offset, stop);
    reader.offset = stop;
    return encode(tag, [content]);
  }
  const parts: Uint8Array[] = [];
  for (;;) {
    if (length === undefined && reader.offset + 2 <= end && bytes[reader.offset] === END_OF_CONTENTS && bytes[reader.offset + 1] === 0) {
      reader.offset += 2;
      break;
    }
    if (reader.offset >= stop) {
      if (length === undefined) throw new X509Error('truncated', 'an element of indefinite length does not end', start);
      break;
    }
    parts.push(element(reader, stop, depth + 1));
  }
  // X.690 8.7.3: a segmented octet string.
  return tag === (OCTET_STRING | CONSTRUCTED) ? encode(OCTET_STRING, parts.map(pieceOf)) : encode(tag, parts);
}

/** Undefined for an indefinite length. */
function lengthAt(reader: Reader, end: number): number | undefined {
  const first = reader.bytes[reader.offset++] as number;
  if (first < 0x80) return within(reader, end, first);
  if (first === 0x80) return undefined;
  const octets = first & 0x7f;
  if (octets > 4 || reader.offset + octets > end) throw new X509Error('truncated', 'an element gives a length that is not there', reader.offset);
  let length = 0;
  for (let index = 0; index < octets; index += 1) length = length * 256 + (reader.bytes[reader.offset++] as number);
  return within(reader, end, length);
}

function within({ offset }: Reader, end: number, length: number): number {
  if (length > end - offset) throw new X509Error('truncated', `an element is said to have ${length} octets, ${end - offset} are there`, offset);
  return length;
}

function pieceOf(piece: Uint8Array): Uint8Array {
  if (piece[0] !== OCTET_STRING) throw new X509Error('unexpected-tag', 'an octet string has a piece that is not one');
  return piece.subarray(piece[1]! < 0x80 ? 2 : 2 + (piece[1]! & 0x7f));
}

function encode(tag: number, parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const octets: number[] = [];
  for (let rest = length; length >= 0x80 && rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return Buffer.concat([Uint8Array.of(tag, length < 0x80 ? length : 0x80 | octets.length, ...octets), ...parts]);
}
