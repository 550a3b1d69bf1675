/** SPIFFE-ID, 2.3: a URI of at most 2,048 bytes, of which a trust domain has at most 255. */
const MOST = 2048;
const MOST_TRUST_DOMAIN = 255;

const SCHEME = 'spiffe://';

export const isSpiffe = (uri: string): boolean => /^spiffe:/i.test(uri);

/** Splits a SPIFFE ID: `spiffe://trust.domain/path`. `path` is empty, or begins with a slash. */
export function splitSpiffeId(uri: string): { readonly trustDomain: string; readonly path: string } {
  const rest = uri.slice(SCHEME.length);
  const slash = rest.indexOf('/');
  return slash < 0 ? { trustDomain: rest, path: '' } : { trustDomain: rest.slice(0, slash), path: rest.slice(slash) };
}

/**
 * Explains what is wrong with a SPIFFE ID; undefined if it is valid (SPIFFE-ID 2). Valid ones have a single spelling, so that octet
 * equality means identity.
 */
export function spiffeFault(uri: string): string | undefined {
  if (!uri.startsWith(SCHEME)) return 'does not begin with spiffe://, in lower case';
  if (uri.length > MOST) return `has ${uri.length} characters; a SPIFFE ID has at most ${MOST}`;
  const { trustDomain, path } = splitSpiffeId(uri);
  return trustDomainFault(trustDomain) ?? spiffePathFault(path);
}

/** SPIFFE-ID 2.1: lower-case letters, digits, dots, dashes and underscores; no port, no user. */
function trustDomainFault(trustDomain: string): string | undefined {
  if (trustDomain === '') return 'names no trust domain';
  if (trustDomain.length > MOST_TRUST_DOMAIN) return `has a trust domain of ${trustDomain.length} characters; at most ${MOST_TRUST_DOMAIN} are accepted`;
  return /^[a-z0-9._-]+$/.test(trustDomain) ? undefined : 'has a trust domain with characters other than a-z, 0-9, dots, dashes and underscores';
}

/** SPIFFE-ID 2.2: non-empty, non-relative segments of letters, digits, dots, dashes and underscores; no trailing slash, query or fragment. */
export function spiffePathFault(path: string): string | undefined {
  if (path === '') return undefined;
  const segments = path.slice(1).split('/');
  if (segments.includes('')) return 'has an empty segment, or a slash at its end';
  if (segments.some((segment) => segment === '.' || segment === '..')) return 'has a relative segment';
  return segments.every((segment) => /^[A-Za-z0-9._-]+$/.test(segment)) ? undefined : 'has a path with characters other than letters, digits, dots, dashes and underscores';
}
