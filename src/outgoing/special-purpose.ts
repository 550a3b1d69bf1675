import { type Network, isWithin, parseNetwork } from './network.ts';

/**
 * Address blocks that are not globally reachable: IANA's IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890), multicast, and reserved or
 * deprecated blocks. A few smaller blocks within them that are globally reachable are included too: no host there would need a certificate by validation.
 */
const SPECIAL: readonly (readonly [string, string])[] = [
  ['0.0.0.0/8', '"this network", RFC 791'],
  ['10.0.0.0/8', 'private use, RFC 1918'],
  ['100.64.0.0/10', 'shared address space, RFC 6598'],
  ['127.0.0.0/8', 'loopback, RFC 1122'],
  ['169.254.0.0/16', 'link local, RFC 3927'],
  ['172.16.0.0/12', 'private use, RFC 1918'],
  ['192.0.0.0/24', 'IETF protocol assignments, RFC 6890'],
  ['192.0.2.0/24', 'documentation, RFC 5737'],
  ['192.31.196.0/24', 'AS112-v4, RFC 7535'],
  ['192.52.193.0/24', 'AMT, RFC 7450'],
  ['192.88.99.0/24', '6to4 relay anycast, RFC 7526'],
  ['192.168.0.0/16', 'private use, RFC 1918'],
  ['192.175.48.0/24', 'direct delegation AS112 service, RFC 7534'],
  ['198.18.0.0/15', 'benchmarking, RFC 2544'],
  ['198.51.100.0/24', 'documentation, RFC 5737'],
  ['203.0.113.0/24', 'documentation, RFC 5737'],
  ['224.0.0.0/4', 'multicast, RFC 5771'],
  ['240.0.0.0/4', 'reserved, RFC 1112'],
  ['::/128', 'unspecified address, RFC 4291'],
  ['::1/128', 'loopback, RFC 4291'],
  ['::ffff:0:0/96', 'IPv4-mapped address, RFC 4291'],
  ['::/96', 'IPv4-compatible address, RFC 4291'],
  ['64:ff9b:1::/48', 'local-use translation, RFC 8215'],
  ['100::/64', 'discard only, RFC 6666'],
  ['100:0:0:1::/64', 'dummy prefix, RFC 9780'],
  ['2001::/32', 'Teredo, RFC 4380'],
  ['2001::/23', 'IETF protocol assignments, RFC 2928'],
  ['2001:db8::/32', 'documentation, RFC 3849'],
  ['2002::/16', '6to4, RFC 3056'],
  ['2620:4f:8000::/48', 'direct delegation AS112 service, RFC 7534'],
  ['3fff::/20', 'documentation, RFC 9637'],
  ['5f00::/16', 'segment routing SIDs, RFC 9602'],
  ['fc00::/7', 'unique local, RFC 4193'],
  ['fe80::/10', 'link local, RFC 4291'],
  ['fec0::/10', 'site local, RFC 3879'],
  ['ff00::/8', 'multicast, RFC 4291'],
];

const known = (text: string): Network => parseNetwork(text) ?? unreadable(text);
const unreadable = (text: string): never => {
  throw new TypeError(`${text} is not a network`);
};

const TABLE = SPECIAL.map(([text, use]) => ({ network: known(text), use }));

/** RFC 6052 2.1: contains an IPv4 address in its last four octets, which is the actual destination. */
const TRANSLATED = known('64:ff9b::/96');

/** RFC 4291 2.4 and IANA's IPv6 address space: contains everything that has been allocated. */
const GLOBAL_UNICAST = known('2000::/3');

/** The purpose of a special-purpose address (4 or 16 octets), for example `10.0.0.0/8 (private use, RFC 1918)`. Undefined for a public one. */
export function specialPurpose(octets: Uint8Array): string | undefined {
  if (isWithin(octets, TRANSLATED)) {
    const inner = specialPurpose(octets.subarray(12));
    return inner === undefined ? undefined : `${inner}, by way of ${TRANSLATED.text}`;
  }
  const found = TABLE.find(({ network }) => isWithin(octets, network));
  if (found !== undefined) return `${found.network.text} (${found.use})`;
  return octets.length === 4 || isWithin(octets, GLOBAL_UNICAST) ? undefined : `outside ${GLOBAL_UNICAST.text} (not assigned, RFC 4291)`;
}
