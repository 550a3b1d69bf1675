import { X509Error } from '../x509/errors.ts';
import * as tags from '../x509/der/tags.ts';
import { MAX_SERIAL_OCTETS } from '../x509/serial.ts';

/**
 * The serial numbers of a CRL as a hash table in shared memory: about 30 octets each, no heap objects, and a lookup takes about a
 * microsecond.
 */
export interface SharedSerials {
  readonly count: number;
  /** A power of two of slots, 32 bits each: 0 if empty, else the position of the serial in `octets` plus one. */
  readonly table: SharedArrayBuffer;
  /** Each serial preceded by its length. */
  readonly octets: SharedArrayBuffer;
}

export interface RevokedSerials {
  readonly count: number;
  /** @param serial its octets, without a leading sign octet */
  readonly has: (serial: Uint8Array) => boolean;
}

const INITIAL = 0x811c9dc5;
const PRIME = 0x01000193;

/** 32-bit FNV-1a of `length` octets from `start`. */
function hashOf(bytes: Uint8Array, start: number, length: number): number {
  let hash = INITIAL;
  for (let at = start; at < start + length; at += 1) hash = Math.imul(hash ^ bytes[at]!, PRIME);
  return (hash ^ (hash >>> 15)) >>> 0;
}

/** Builds the table from a CRL's entries. @param entries as in `TbsCrl`: DER that has been checked */
export function indexSerials(entries: Uint8Array, count: number): SharedSerials {
  // At least half of the slots stay empty, to keep probe sequences short.
  const slots = 2 ** Math.max(4, Math.ceil(Math.log2(count * 2 + 1)));
  const table = new SharedArrayBuffer(slots * 4);
  const octets = new SharedArrayBuffer(Math.max(1, count * (MAX_SERIAL_OCTETS + 1)));
  const [places, serials] = [new Uint32Array(table), new Uint8Array(octets)];
  let end = 0;
  for (let at = 0; at < entries.length;) {
    const entry = elementAt(entries, at, tags.SEQUENCE);
    const serial = elementAt(entries, entry.start, tags.INTEGER);
    // The leading sign octet is not part of the key.
    const sign = serial.length > 1 && entries[serial.start] === 0 ? 1 : 0;
    const length = serial.length - sign;
    serials[end] = length;
    serials.set(entries.subarray(serial.start + sign, serial.start + serial.length), end + 1);
    let slot = hashOf(serials, end + 1, length) & (slots - 1);
    while (places[slot] !== 0) slot = (slot + 1) & (slots - 1);
    places[slot] = end + 1;
    end += 1 + length;
    at = entry.start + entry.length;
  }
  return { count, table, octets };
}

/** Lookup in the table. */
export function revokedSerials({ count, table, octets }: SharedSerials): RevokedSerials {
  const [places, serials] = [new Uint32Array(table), new Uint8Array(octets)];
  const mask = places.length - 1;
  const isAt = (place: number, serial: Uint8Array): boolean => {
    if (serials[place] !== serial.length) return false;
    for (let at = 0; at < serial.length; at += 1) if (serials[place + 1 + at] !== serial[at]) return false;
    return true;
  };
  return {
    count,
    has: (serial) => {
      for (let slot = hashOf(serial, 0, serial.length) & mask; ; slot = (slot + 1) & mask) {
        const place = places[slot]!;
        if (place === 0) return false;
        if (isAt(place - 1, serial)) return true;
      }
    },
  };
}

/** The bounds of an element's content. The DER was checked before; a mismatch still throws. */
function elementAt(bytes: Uint8Array, at: number, tag: number): { readonly start: number; readonly length: number } {
  const first = bytes[at + 1] ?? 0;
  const more = first < 0x80 ? 0 : first & 0x7f;
  let length = more === 0 ? first : 0;
  for (let index = 0; index < more; index += 1) length = length * 256 + bytes[at + 2 + index]!;
  const start = at + 2 + more;
  if (bytes[at] !== tag || start + length > bytes.length) throw new X509Error('truncated', 'the entries of a CRL are not what they were checked to be');
  return { start, length };
}
