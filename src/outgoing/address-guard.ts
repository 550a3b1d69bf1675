import { parseIpAddress } from '../x509/ip-address.ts';
import { isWithin, type Network } from './network.ts';
import { specialPurpose } from './special-purpose.ts';

/** Why an address must not be contacted, in words that continue "it is"; undefined if it may be. */
export type AddressGuard = (address: string) => string | undefined;

/**
 * Permits public addresses, and those in `permitted`. An IPv4 address embedded in IPv6 is only permitted by an IPv6 network, so that no one has to think
 * of all the forms when opening a private network.
 */
export const makeAddressGuard = (permitted: readonly Network[]): AddressGuard => (address) => {
  const octets = parseIpAddress(address);
  // Ambiguous text is refused: `127.1`, `fe80::1%eth0`.
  if (octets === undefined) return 'no IP address';
  return permitted.some((network) => isWithin(octets, network)) ? undefined : withArticle(specialPurpose(octets));
};

const withArticle = (special: string | undefined): string | undefined => special === undefined ? undefined : `in ${special}`.replace(/^in outside/, 'outside');
