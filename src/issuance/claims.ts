import { sha256 } from '../digest.ts';
import { type Identity, requesterKey } from '../identity/identity.ts';
import type { Grant } from '../policy/grant.ts';
import type { Claim } from '../store/store.ts';
import { lifeOf } from './certify.ts';
import type { Checked } from './check.ts';
import type { IssueInput } from './input.ts';

const SAME_CSR_SHARE = 2 / 3;
const IDEMPOTENCY_SECONDS = 86_400;

/** Identifies equal requests: same key, names, profile, and organization if one was requested. */
export function csrDigest({ issuing, candidate, keyHash }: Checked): string {
  const { names, organization, organizationalUnit } = candidate;
  const within = organization === undefined && organizationalUnit === undefined ? [] : [{ organization, organizationalUnit }];
  return sha256(JSON.stringify([issuing.profile.name, keyHash, names.map(({ kind, value }) => `${kind}:${value}`).sort(), ...within]));
}

/** The claim key for a requester's Idempotency-Key. */
export const claimsKeyOf = (requester: Pick<Identity, 'kind' | 'name'>, idempotencyKey: string): string =>
  `idempotency/request/${sha256(`${requesterKey(requester)}\n${idempotencyKey}`)}`;

/** The claim key for a credential that is valid for a single certificate. */
export const onceKeyOf = ({ key }: NonNullable<Grant['once']>): string => `once/${key}`;

/** Claims that make retrying safe: the same CSR from the same requester, or a repeated Idempotency-Key, finds the first request. */
export function claimsOf(input: IssueInput, checked: Checked, now: number): Claim[] {
  const seconds = Math.floor(now / 1000);
  const digest = csrDigest(checked);
  const claims: Claim[] = [];
  // First, so that an Idempotency-Key reused for something else is reported as exactly that.
  if (input.idempotencyKey !== undefined) {
    const expires = seconds + (input.idempotencyFor ?? IDEMPOTENCY_SECONDS);
    claims.push({ key: claimsKeyOf(input.identity, input.idempotencyKey), fingerprint: digest, expires, livesWithRequest: false });
  }
  const { once } = input.identity.grant;
  if (once !== undefined) claims.push({ key: onceKeyOf(once), fingerprint: digest, expires: once.expires, livesWithRequest: false });
  // Tokens track their own uses, except that a node proving itself earns a new token each time while being the same requester. Each ACME
  // order is a request of its own, even for the same key. For everyone else the claim ends when a renewal becomes due.
  if ((input.identity.grant.token === undefined || input.identity.kind === 'attestation') && input.identity.kind !== 'acme') {
    const key = sha256(`${requesterKey(input.identity)}\n${digest}`);
    const left = lifeOf(checked.issuing, checked.candidate, now).notAfter + 1 - seconds;
    claims.push({ key: `csr/${key}`, fingerprint: digest, expires: seconds + Math.floor(left * SAME_CSR_SHARE), livesWithRequest: true });
  }
  return claims;
}
