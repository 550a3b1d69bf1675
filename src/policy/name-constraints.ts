import type { GeneralName, NameKind } from '../x509/general-name.ts';
import { parseCidr, parseIpAddress } from '../x509/ip-address.ts';
import type { NameConstraints, NameSubtree } from '../x509/name-constraints.ts';

/**
 * Explains which names violate a CA's name constraints (RFC 5280 4.2.1.10), one sentence for each. A name must be within one of the permitted
 * subtrees of its kind, if there are any, and in none of the excluded ones.
 */
export function constraintViolations({ permitted, excluded }: NameConstraints, names: readonly GeneralName[]): string[] {
  const violations: string[] = [];
  for (const name of names) {
    const allowed = permitted.filter(({ kind }) => kind === name.kind);
    if (allowed.length > 0 && !allowed.some((subtree) => isWithin(name, subtree))) {
      violations.push(`${name.value} is in none of the permitted subtrees (${allowed.map(({ value }) => value).join(', ')})`);
    }
    const forbidden = excluded.find((subtree) => subtree.kind === name.kind && mayTouch(name, subtree));
    if (forbidden !== undefined) violations.push(`${name.value} is in the excluded subtree ${forbidden.value}`);
  }
  return violations;
}

type Rule = (name: string, subtree: string) => boolean;

/** Whether everything a name stands for lies within a subtree; both in lower case. */
const WITHIN: Readonly<Record<NameKind, Rule>> = {
  dns: isHostWithin,
  ip: isAddressWithin,
  email: (name, subtree) => subtree.includes('@') ? name === subtree : isHostOf(name.slice(name.lastIndexOf('@') + 1), subtree),
  uri: (name, subtree) => isHostOf(uriHost(name), subtree),
};

function isWithin({ kind, value }: GeneralName, subtree: NameSubtree): boolean {
  return WITHIN[kind](comparable(kind, value), comparable(kind, subtree.value));
}

/** Whether anything a name stands for lies within a subtree: for a wildcard this is a weaker condition. */
function mayTouch(name: GeneralName, subtree: NameSubtree): boolean {
  if (isWithin(name, subtree)) return true;
  if (name.kind === 'uri') return uriHost(name.value) === '';
  const value = subtree.value.toLowerCase().replace(/^\./, '');
  return name.kind === 'dns' && name.value.startsWith('*.') && value.slice(value.indexOf('.') + 1) === name.value.slice(2);
}

/** The local part of a mail address is case-sensitive (RFC 5280 7.5); its host and all other names are not. */
function comparable(kind: NameKind, value: string): string {
  const at = kind === 'email' ? value.lastIndexOf('@') : -1;
  return value.slice(0, at + 1) + value.slice(at + 1).toLowerCase();
}

/** DNS: the host and everything below it; with a leading dot, as in OpenSSL, only what is below. The empty subtree contains everything. */
function isHostWithin(host: string, subtree: string): boolean {
  if (subtree === '') return true;
  return subtree.startsWith('.') ? host.endsWith(subtree) : host === subtree || host.endsWith(`.${subtree}`);
}

/** Mail and URI: exactly that host; with a leading dot, only what is below it. */
const isHostOf: Rule = (host, subtree) => (subtree.startsWith('.') ? host.endsWith(subtree) : host === subtree);

/** Empty for URNs and IP addresses, which no URI constraint can permit. */
function uriHost(uri: string): string {
  const host = /^[a-z][a-z0-9+.-]*:\/\/([^/?#:]+)/i.exec(uri)?.[1]?.toLowerCase() ?? '';
  return parseIpAddress(host) === undefined && !host.startsWith('[') ? host : '';
}

function isAddressWithin(address: string, network: string): boolean {
  const octets = parseIpAddress(address);
  const range = parseCidr(network);
  if (octets === undefined || range === undefined || range.length !== octets.length * 2) return false;
  return octets.every((octet, i) => (octet & range[octets.length + i]!) === range[i]);
}
