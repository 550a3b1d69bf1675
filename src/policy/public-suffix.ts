import { createRequire } from 'node:module';
import type { getPublicSuffix, parse } from 'tldts';

const require = createRequire(import.meta.url);
let loaded: { readonly getPublicSuffix: typeof getPublicSuffix; readonly parse: typeof parse } | undefined;

/** The Public Suffix List takes megabytes, and few deployments give wildcards: it is loaded (15 ms) when it is first asked. */
const list = (): NonNullable<typeof loaded> => (loaded ??= require('tldts') as NonNullable<typeof loaded>);

/**
 * Whether anybody may register names directly below a domain: it is on the Public Suffix List, by its first or its private section, or
 * a top-level domain. Who had a wildcard for it could pose as all of them. `domain` in lower case, other scripts as A-labels.
 */
export const isPublicSuffix = (domain: string): boolean =>
  list().getPublicSuffix(domain, { allowPrivateDomains: true, extractHostname: false, validateHostname: false }) === domain;

/**
 * Whether a wildcard for the domain would stand for names of different owners: it is a public suffix, and in no zone that the deployment
 * says is its own.
 */
export const hasManyOwners = (domain: string, privateZones: readonly string[]): boolean =>
  isPublicSuffix(domain) && !privateZones.some((zone) => domain === zone || domain.endsWith(`.${zone}`));

/** Whether a name belongs to the public DNS: its top-level domain is a registry's. `name` in lower case, other scripts as A-labels. */
export const isPublicName = (name: string): boolean => list().parse(name, { extractHostname: false, validateHostname: false }).isIcann === true;
