import { X509Error } from './errors.ts';

/** The octets of an address: 4 or 16. Undefined if the text is not an IP address. */
export function parseIpAddress(text: string): Uint8Array | undefined {
  return text.includes(':') ? parseV6(text) : parseV4(text);
}

/** Four decimal numbers without leading zeros, which some programs read as octal. */
function parseV4(text: string): Uint8Array | undefined {
  if (!/^(0|[1-9][0-9]{0,2})(\.(0|[1-9][0-9]{0,2})){3}$/.test(text)) return undefined;
  const octets = text.split('.').map(Number);
  return octets.every((octet) => octet < 256) ? Uint8Array.from(octets) : undefined;
}

/** RFC 4291 2.2, all three forms; no zone index. */
function parseV6(text: string): Uint8Array | undefined {
  if (text.length > 45 || !/^[0-9A-Fa-f:.]+$/.test(text)) return undefined;
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half, i) => groups(half, i === halves.length - 1));
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined;
  const after = tail ?? [];
  const missing = 8 - head.length - after.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const octets = new Uint8Array(16);
  [...head, ...new Array<number>(missing).fill(0), ...after].forEach((group, i) => {
    octets[2 * i] = group >> 8;
    octets[2 * i + 1] = group & 0xff;
  });
  return octets;
}

/** The 16-bit groups on one side of `::`; the very last may be an IPv4 address, which yields two. */
function groups(text: string, isEnd: boolean): number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const out: number[] = [];
  for (const [i, part] of parts.entries()) {
    if (part.includes('.')) {
      const v4 = isEnd && i === parts.length - 1 ? parseV4(part) : undefined;
      if (v4 === undefined) return undefined;
      out.push((v4[0]! << 8) | v4[1]!, (v4[2]! << 8) | v4[3]!);
    } else {
      if (!/^[0-9A-Fa-f]{1,4}$/.test(part)) return undefined;
      out.push(parseInt(part, 16));
    }
  }
  return out;
}

/** Canonical text: dotted decimal, or RFC 5952 4. Throws `bad-ip-address` unless there are 4 or 16 octets. */
export function formatIpAddress(octets: Uint8Array): string {
  if (octets.length === 4) return octets.join('.');
  if (octets.length !== 16) throw new X509Error('bad-ip-address', `an address has ${octets.length} octets; 4 or 16 are accepted (RFC 5280 4.2.1.6)`);
  const words = Array.from({ length: 8 }, (_, i) => (octets[2 * i]! << 8) | octets[2 * i + 1]!);
  // RFC 5952 4.2: compress the longest run of zeros, the first if tied, never a single group.
  let [runStart, runLength] = [-1, 1];
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (i + length < 8 && words[i + length] === 0) length++;
    if (length > runLength) [runStart, runLength] = [i, length];
  }
  const hex = words.map((word) => word.toString(16));
  if (runStart < 0) return hex.join(':');
  return `${hex.slice(0, runStart).join(':')}::${hex.slice(runStart + runLength).join(':')}`;
}

/** ::ffff:0:0/96 (RFC 4291 2.5.5.2): a second name for an IPv4 address, and so refused as a name. */
export function isV4Mapped(octets: Uint8Array): boolean {
  return octets.length === 16 && octets[10] === 0xff && octets[11] === 0xff && octets.subarray(0, 10).every((octet) => octet === 0);
}

/** Address followed by mask, as in name constraints, from `10.0.0.0/8` or `2001:db8::/32`. Undefined for any other text. */
export function parseCidr(text: string): Uint8Array | undefined {
  const match = /^([^/]+)\/(0|[1-9][0-9]{0,2})$/.exec(text);
  const address = match === null ? undefined : parseIpAddress(match[1]!);
  const bits = Number(match?.[2]);
  if (address === undefined || bits > address.length * 8) return undefined;
  const out = new Uint8Array(address.length * 2);
  for (let i = 0; i < address.length; i++) {
    const mask = 0xff & (0xff00 >> Math.min(8, Math.max(0, bits - 8 * i)));
    if ((address[i]! & ~mask) !== 0) return undefined;
    out[i] = address[i]!;
    out[address.length + i] = mask;
  }
  return out;
}

/** Text form of address and mask. Throws `bad-ip-address` if the mask has gaps (RFC 5280 4.2.1.10, RFC 4632 3.1). */
export function formatCidr(octets: Uint8Array): string {
  const half = octets.length / 2;
  const mask = octets.subarray(half);
  const bits = [...mask].reduce((sum, octet) => sum + (octet.toString(2).match(/1/g)?.length ?? 0), 0);
  const text = half === 4 || half === 16 ? `${formatIpAddress(octets.subarray(0, half))}/${bits}` : '';
  if (parseCidr(text)?.every((octet, i) => octet === octets[i]) !== true) {
    throw new X509Error('bad-ip-address', `${octets.length} octets are not a network: 4 or 16 of address without host bits, and a mask without gaps`);
  }
  return text;
}

/** Whether people or programs could take the text for an IP address, including forms not accepted here: `127.1`, `010.0.0.1`, `[::1]`. */
export function looksLikeAddress(text: string): boolean {
  return /^[0-9]+(\.[0-9]+)+\.?$/.test(text) || parseIpAddress(text.replace(/^\[(.*)\]$/, '$1').replace(/%.*$/, '')) !== undefined;
}
