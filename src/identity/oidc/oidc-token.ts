import { sha256 } from '../../digest.ts';
import { Refused } from '../../errors.ts';
import { NO_GRANT } from '../../policy/grant.ts';
import type { BearerReader } from '../bearer.ts';
import type { Identity } from '../identity.ts';
import { decide, type Rule } from '../rules/rule.ts';
import { attributesOf } from './attributes.ts';
import { RefusedToken, shown } from './refused-token.ts';
import { checkRegistered, type ClaimRules, type Registered } from './registered-claims.ts';
import { type Signers, verifySignature } from './signature.ts';
import { isJwt, parseToken, type UnverifiedToken } from './token.ts';

/** A trusted issuer of tokens. */
export interface Issuer extends ClaimRules, Signers {
  /** Exactly as in its tokens. */
  readonly issuer: string;
  /** Whether a token with an id (`jti`) is valid for a single certificate only. */
  readonly singleUse: boolean;
  readonly rules: readonly Rule[];
}

export interface OidcOptions {
  readonly issuers: readonly Issuer[];
  /** Called with the outcome of each token: `accepted`, `no-rule`, `unavailable`, or why it was refused. */
  readonly counted: (issuer: string, outcome: string) => void;
}

/** Tokens of OpenID Connect issuers as bearer credentials. */
export function oidcTokens({ issuers, counted }: OidcOptions): BearerReader {
  const byUrl = new Map(issuers.map((issuer) => [issuer.issuer, issuer]));
  return {
    expected: 'a token of a configured issuer (a JWT)',
    reads: isJwt,
    async identify(credential, { now }) {
      let issuer: Issuer | undefined;
      try {
        const token = parseToken(credential);
        issuer = issuerOf(token, byUrl);
        const identity = await identify(token, issuer, now / 1000);
        counted(issuer.name, identity.refusal === undefined ? 'accepted' : 'no-rule');
        return identity;
      } catch (error) {
        if (error instanceof Refused) counted(issuer?.name ?? 'none', error instanceof RefusedToken ? error.fault : error.code);
        throw error;
      }
    },
  };
}

function issuerOf({ claims: { iss } }: UnverifiedToken, byUrl: ReadonlyMap<string, Issuer>): Issuer {
  const issuer = typeof iss === 'string' ? byUrl.get(iss) : undefined;
  // Unauthenticated callers need not learn which issuers are trusted.
  if (issuer === undefined) throw new RefusedToken('issuer', `its issuer is ${iss === undefined ? 'missing' : shown(iss)}; expected exactly one that is configured`, 'iss');
  return issuer;
}

/**
 * Identifies the holder of a token, and what the rules grant. A token that matches no rule is valid nevertheless: its holder may look at earlier
 * requests.
 * @throws RefusedToken, Refused `unavailable`
 */
async function identify(token: UnverifiedToken, issuer: Issuer, now: number): Promise<Identity> {
  await verifySignature(token, issuer);
  const registered = checkRegistered(token.claims, issuer, now);
  const decision = decide(issuer.rules, attributesOf(token.claims));
  const who = { kind: 'oidc', name: `${issuer.name}:${registered.subject}`, scopes: [] } as const;
  const proof = `token of ${issuer.name} (${issuer.issuer}) for ${registered.subject}`;
  if (!decision.allowed) return { ...who, proof, grant: NO_GRANT, refusal: decision.reason };
  return { ...who, proof: `${proof}, allowed by rule ${decision.rule}`, grant: { ...decision.grant, ...singleUse(registered, issuer) } };
}

/** RFC 7519 4.1.7: the id is unique to the issuer. Remembered until the token has expired by every clock. */
function singleUse({ id, expires }: Registered, { issuer, singleUse: wanted, clockSkew }: Issuer): Pick<Identity['grant'], 'once'> {
  return id === undefined || !wanted ? {} : { once: { key: `oidc/${sha256(JSON.stringify([issuer, id]))}`, expires: Math.ceil(expires) + 2 * clockSkew } };
}
