import { createRequire } from 'node:module';
import type { getPublicSuffix, parse } from 'tldts';

const require = createRequire(import.meta.url);
let loaded: { readonly getPublicSuffix: typeof getPublicSuffix; readonly parse: typeof parse } | undefined;

/** Loaded on first use (15 ms), since the Public Suffix List takes megabytes and few deployments issue wildcards. */
const list = (): NonNullable<typeof loaded> => (loaded ??= require('tldts') as NonNullable<typeof loaded>);

/**
 * Whether anyone can register names directly below a domain: it is on the Public Suffix List, in the ICANN or the private section, or is a
 * top-level domain. The holder of a wildcard for it could impersonate all of them. `domain` in lower case, as A-labels.
 */
export const isPublicSuffix = (domain: string): boolean =>
  list().getPublicSuffix(domain, { allowPrivateDomains: true, extractHostname: false, validateHostname: false }) === domain;

/**
 * Whether a wildcard for the domain would cover names of different owners: the domain is a public suffix, and not in a zone that the deployment
 * declares as its own.
 */
export const hasManyOwners = (domain: string, privateZones: readonly string[]): boolean =>
  isPublicSuffix(domain) && !privateZones.some((zone) => domain === zone || domain.endsWith(`.${zone}`));

/** Whether a name belongs to the public DNS, by its top-level domain. `name` in lower case, as A-labels. */
export const isPublicName = (name: string): boolean => list().parse(name, { extractHostname: false, validateHostname: false }).isIcann === true;
