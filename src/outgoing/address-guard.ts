import { parseIpAddress } from '../x509/ip-address.ts';
import { isWithin, type Network } from './network.ts';
import { specialPurpose } from './special-purpose.ts';

/** Why an address is not called, in words that follow "it is"; undefined where it may be. */
export type AddressGuard = (address: string) => string | undefined;

/**
 * Addresses of the Internet at large may be called, and those of `permitted`. An IPv4 address in IPv6 clothes is permitted only by an
 * IPv6 network: nobody has to think of all the forms when a private network is opened.
 */
export const makeAddressGuard = (permitted: readonly Network[]): AddressGuard => (address) => {
  const octets = parseIpAddress(address);
  // Text that is read in two ways is read in none: `127.1`, `fe80::1%eth0`.
  if (octets === undefined) return 'no IP address';
  return permitted.some((network) => isWithin(octets, network)) ? undefined : withArticle(specialPurpose(octets));
};

const withArticle = (special: string | undefined): string | undefined => special === undefined ? undefined : `in ${special}`.replace(/^in outside/, 'outside');
