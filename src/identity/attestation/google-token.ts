import type { KeySource } from '../oidc/key-source.ts';
import { verifySignature } from '../oidc/signature.ts';
import { checkRegistered } from '../oidc/registered-claims.ts';
import { isJwt, parseToken } from '../oidc/token.ts';
import { unproved } from './attestor.ts';
import type { GcpSettings } from './gcp.ts';

/**
 * Issuer of the identity tokens of Google's metadata service, its keys (Google's for all tokens), signature algorithm, and longest lifetime in
 * seconds.
 */
const ISSUER = 'https://accounts.google.com';
export const GOOGLE_KEYS = { issuer: ISSUER, jwksUri: 'https://www.googleapis.com/oauth2/v3/certs' } as const;
const ALGORITHMS = ['RS256'] as const;
const CLOCK_SKEW = 60;
const MOST_LIFETIME = 2 * 3600;

/** Verifies identity tokens like those of any OpenID Connect issuer, with these keys. */
export function googleTokens(keys: KeySource): GcpSettings['verify'] {
  return async (text, audience, now) => {
    if (!isJwt(text)) throw unproved('gcp', 'the token is not a JWT');
    const token = parseToken(text);
    if (token.claims['iss'] !== ISSUER) throw unproved('gcp', `the token is not of ${ISSUER}`);
    await verifySignature(token, { name: 'google', algorithms: ALGORITHMS, keys });
    checkRegistered(token.claims, { audiences: [audience], clockSkew: CLOCK_SKEW, maxLifetime: MOST_LIFETIME }, now);
    return token.claims;
  };
}
