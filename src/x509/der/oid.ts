import { X509Error } from '../errors.ts';

/** Content octets. The longest in use, Microsoft's template OIDs, have 20. */
const MAX_OID_OCTETS = 64;

interface Known {
  readonly octets: Uint8Array;
  readonly text: string;
}

/** A cache, since the same few identifiers are read over and over: each slot holds the text of the one read last. */
const KNOWN: (Known | undefined)[] = new Array<Known | undefined>(256).fill(undefined);

/**
 * Dotted text of an object identifier's content octets (X.690 8.19).
 * Throws `bad-oid` for padded or truncated arcs, arcs above 2^53, and more than 64 octets.
 */
export function decodeOid(bytes: Uint8Array, start: number, end: number, what: string): string {
  const slot = ((bytes[end - 1] ?? 0) + 16 * (bytes[end - 2] ?? 0) + 64 * (end - start)) & 255;
  const known = KNOWN[slot];
  if (known !== undefined && isThere(known.octets, bytes, start, end)) return known.text;
  const text = readOid(bytes, start, end, what);
  KNOWN[slot] = { octets: bytes.slice(start, end), text };
  return text;
}

function isThere(octets: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (octets.length !== end - start) return false;
  for (let i = 0; i < octets.length; i++) if (octets[i] !== bytes[start + i]) return false;
  return true;
}

function readOid(bytes: Uint8Array, start: number, end: number, what: string): string {
  if (end === start || end - start > MAX_OID_OCTETS) {
    throw new X509Error('bad-oid', `${what} has ${end - start} octets; 1 to ${MAX_OID_OCTETS} are accepted`, start);
  }
  if (bytes[end - 1]! >= 0x80) throw new X509Error('bad-oid', `${what} ends within an arc`, start);
  let text = '';
  let arc = 0;
  let fresh = true;
  for (let i = start; i < end; i++) {
    const octet = bytes[i]!;
    if (fresh && octet === 0x80) throw new X509Error('bad-oid', `${what} has an arc that is not in the fewest octets`, start);
    arc = arc * 128 + (octet & 0x7f);
    if (arc > Number.MAX_SAFE_INTEGER) throw new X509Error('bad-oid', `${what} has an arc over 2^53`, start);
    fresh = octet < 0x80;
    if (!fresh) continue;
    text += text === '' ? firstTwoArcs(arc) : `.${arc}`;
    arc = 0;
  }
  return text;
}

/** X.690 8.19.4: the first two arcs are combined into 40 * first + second. */
function firstTwoArcs(number: number): string {
  const first = Math.min(2, Math.floor(number / 40));
  return `${first}.${number - first * 40}`;
}

/** Content octets from dotted text. Throws `bad-oid`. */
export function encodeOid(text: string): Uint8Array {
  const arcs = /^[0-2](\.(0|[1-9][0-9]{0,15}))+$/.test(text) ? text.split('.').map(Number) : [];
  const [first, second] = arcs;
  if (first === undefined || second === undefined || (first < 2 && second > 39) || arcs.some((arc) => !Number.isSafeInteger(arc + 80))) {
    throw new X509Error('bad-oid', `'${text.slice(0, 100)}' is not an object identifier in dotted text`);
  }
  const octets: number[] = [];
  for (const arc of [first * 40 + second, ...arcs.slice(2)]) {
    const group = [arc % 128];
    for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) group.unshift((rest % 128) | 0x80);
    octets.push(...group);
  }
  if (octets.length > MAX_OID_OCTETS) throw new X509Error('bad-oid', `'${text.slice(0, 100)}' has more than ${MAX_OID_OCTETS} octets`);
  return Uint8Array.from(octets);
}
