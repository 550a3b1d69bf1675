import { parseCidr } from '../x509/ip-address.ts';

/** A block of addresses of one family. */
export interface Network {
  readonly text: string;
  /** 4 or 16 octets each. */
  readonly address: Uint8Array;
  readonly mask: Uint8Array;
}

/** From `10.0.0.0/8` or `fd00::/8`; undefined for any other form, and for addresses with bits after the prefix. */
export function parseNetwork(text: string): Network | undefined {
  const octets = parseCidr(text);
  if (octets === undefined) return undefined;
  return { text, address: octets.subarray(0, octets.length / 2), mask: octets.subarray(octets.length / 2) };
}

/** Whether an address (4 or 16 octets) lies in the block. IPv4 addresses never lie in IPv6 blocks, or vice versa. */
export const isWithin = (octets: Uint8Array, { address, mask }: Network): boolean =>
  octets.length === address.length && address.every((octet, i) => octet === (octets[i]! & mask[i]!));
