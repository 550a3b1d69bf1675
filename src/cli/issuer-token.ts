import type { EarnedToken } from '../agent/enroll.ts';
import { rootDigestOf } from '../agent/attest/earn-token.ts';
import { Failure } from '../client/failure.ts';

/** Three base64url parts: a JWT. */
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/**
 * The token in the form that `enroll` needs. An enrolment token names the root to trust; a token of an OpenID Connect issuer does not, so
 * the root must be given with it. Throws Failure.
 */
export function withRoot(token: string, ca: string | undefined): string | EarnedToken {
  if (!JWT.test(token)) {
    if (ca !== undefined) throw new Failure('usage', '--ca goes with --attest, or with a token of an OpenID Connect issuer', { advice: 'an enrolment token says itself which service is trusted' });
    return token;
  }
  if (ca === undefined) {
    throw new Failure('usage', '--ca is missing', { advice: 'with a token of an OpenID Connect issuer, the root certificate of the service says which one is trusted: its root.pem' });
  }
  return { rootDigest: rootDigestOf(ca), earn: () => Promise.resolve(token) };
}
