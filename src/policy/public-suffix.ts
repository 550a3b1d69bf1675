import { getPublicSuffix, parse } from 'tldts';

/**
 * Whether anybody may register names directly below a domain: it is on the Public Suffix List, by its first or its private section, or
 * a top-level domain. Who had a wildcard for it could pose as all of them. `domain` in lower case, other scripts as A-labels.
 */
export const isPublicSuffix = (domain: string): boolean =>
  getPublicSuffix(domain, { allowPrivateDomains: true, extractHostname: false, validateHostname: false }) === domain;

/** Whether a name belongs to the public DNS: its top-level domain is a registry's. `name` in lower case, other scripts as A-labels. */
export const isPublicName = (name: string): boolean => parse(name, { extractHostname: false, validateHostname: false }).isIcann === true;
