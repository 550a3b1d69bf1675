import { type Candidate, type EligibilityStep, failed, passed } from '../eligibility.ts';
import { type Grant, grantsName } from '../grant.ts';
import type { Name } from '../name-pattern.ts';
import { hasManyOwners } from '../public-suffix.ts';
import { isSpiffe, splitSpiffeId } from '../../x509/spiffe-id.ts';

interface NameFault {
  readonly code: string;
  readonly detail: string;
}

/** Checks the names: each must be granted to the requester, and match the profile's kinds and patterns. Collects every fault. */
export const namesStep: EligibilityStep = {
  name: 'names',
  check: (candidate) => {
    const faults: NameFault[] = candidate.nameFaults.map((detail) => ({ code: 'name-invalid', detail }));
    const { names, grant, profile } = candidate;
    if (names.length === 0 && faults.length === 0) {
      faults.push({ code: 'name-missing', detail: 'the request carries no name; expected a subject alternative name in the CSR, or "names"' });
    }
    if (names.length > profile.mostNames) {
      faults.push({ code: 'names-too-many', detail: `${names.length} names; profile ${profile.name} allows ${profile.mostNames}` });
    } else {
      for (const name of names) nameFaults(name, candidate, faults);
    }
    if (names.some(({ kind }) => kind === 'uri')) spiffeFaults(names, faults);
    if (grant.renewal !== undefined) renewalFaults(names, grant.renewal.names, faults);
    return faults.length > 0 ? failed(faults) : passed(reason(names, grant));
  },
};

function nameFaults(name: Name, candidate: Candidate, faults: NameFault[]): void {
  const { profile, grant } = candidate;
  const shown = JSON.stringify(name.value);
  if (!profile.nameKinds.has(name.kind)) {
    faults.push({ code: 'name-kind', detail: `${shown} is a name of kind ${name.kind}; profile ${profile.name} allows ${[...profile.nameKinds].join(', ')}` });
  }
  if (name.kind === 'dns' && name.value.startsWith('*.')) wildcardFault(name.value.slice(2), candidate, faults);
  if (profile.allow !== undefined && !profile.allow.some((pattern) => pattern.matches(name))) {
    faults.push({ code: 'name-profile', detail: `${shown} matches none of the names of profile ${profile.name}: ${listed(profile.allow.map(({ text }) => text))}${textOnly(name, profile, (one) => profile.allow?.some((pattern) => pattern.matches(one)) === true)}` });
  }
  const denied = profile.deny.find((pattern) => pattern.matches(name));
  if (denied !== undefined) faults.push({ code: 'name-denied', detail: `${shown} matches ${denied.text}, denied by profile ${profile.name}` });
  if (!grantsName(grant, name)) {
    faults.push({ code: 'name-not-allowed', detail: `${shown} is not allowed for this requester; allowed: ${grant.names === 'any' ? 'any' : listed(grant.names)}${textOnly(name, profile, (one) => grantsName(grant, one))}` });
  }
}

/** Notes that the name would be allowed as a host name, which is what a requester giving only a common name has in mind. */
const textOnly = ({ kind, value }: Name, { nameKinds }: Candidate['profile'], matches: (name: Name) => boolean): string =>
  (kind === 'text' && nameKinds.has('dns') && matches({ kind: 'dns', value: value.toLowerCase() }) ? '; a common name alone is a text to this profile, and these are host names: put it into the subject alternative name as well' : '');

const MOST_LISTED = 10;

/** The first members of a list, as many as are readable. */
function listed(texts: readonly string[]): string {
  if (texts.length === 0) return 'none';
  const more = texts.length - MOST_LISTED;
  return `${texts.slice(0, MOST_LISTED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** @param domain what follows the asterisk */
function wildcardFault(domain: string, { profile }: Candidate, faults: NameFault[]): void {
  const shown = JSON.stringify(`*.${domain}`);
  if (!profile.wildcards) {
    faults.push({ code: 'name-wildcard', detail: `${shown} is a wildcard; profile ${profile.name} allows none` });
  } else if (hasManyOwners(domain, profile.privateZones)) {
    faults.push({ code: 'name-public-suffix', detail: `${shown} is a wildcard for a public suffix, below which names belong to different owners; expected a domain of one owner, or ${domain} among names.privateZones of profile ${profile.name}` });
  }
}

/** X509-SVID 2: a SPIFFE ID is the only URI in its certificate. X509-SVID 3.1: the SPIFFE ID of a leaf has a path. */
function spiffeFaults(names: readonly Name[], faults: NameFault[]): void {
  const uris = names.filter(({ kind }) => kind === 'uri');
  const ids = uris.filter(({ value }) => isSpiffe(value));
  if (ids.length > 0 && uris.length > 1) {
    faults.push({ code: 'name-spiffe', detail: `a SPIFFE ID is the only URI of a certificate; found ${uris.map(({ value }) => JSON.stringify(value)).join(', ')}` });
  }
  for (const { value } of ids) {
    if (splitSpiffeId(value).path === '') faults.push({ code: 'name-spiffe', detail: `${JSON.stringify(value)} is a trust domain alone; expected a SPIFFE ID with a path` });
  }
}

function renewalFaults(names: readonly Name[], exact: readonly Name[], faults: NameFault[]): void {
  const missing = without(exact, names);
  const extra = without(names, exact);
  if (missing.length > 0) faults.push({ code: 'name-renewal', detail: `a renewal keeps every name; missing: ${missing.join(', ')}` });
  if (extra.length > 0) faults.push({ code: 'name-renewal', detail: `a renewal adds no name; not in the certificate presented: ${extra.join(', ')}` });
}

const without = (names: readonly Name[], others: readonly Name[]): string[] =>
  names.filter(({ kind, value }) => !others.some((other) => other.kind === kind && other.value === value)).map(({ value }) => JSON.stringify(value));

function reason(names: readonly Name[], grant: Grant): string {
  const by = grant.names === 'any' ? 'every name is allowed for this requester' : `allowed: ${listed(grant.names)}`;
  return `${names.length === 1 ? '1 name' : `${names.length} names`}; ${by}`;
}
