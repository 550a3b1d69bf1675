import { sha256 } from '../digest.ts';
import { requesterKey } from '../identity/identity.ts';
import type { Claim } from '../store/store.ts';
import { lifeOf } from './certify.ts';
import type { Checked } from './check.ts';
import type { IssueInput } from './input.ts';

const SAME_CSR_SHARE = 2 / 3;
const IDEMPOTENCY_SECONDS = 86_400;

/** Same key, names and profile: the same request. */
export const csrDigest = ({ issuing, candidate, keyHash }: Checked): string =>
  sha256(JSON.stringify([issuing.profile.name, keyHash, candidate.names.map(({ kind, value }) => `${kind}:${value}`).sort()]));

/** Retry is safe: the same requester with the same CSR, and a call repeated with its Idempotency-Key, find the first request. */
export function claimsOf(input: IssueInput, checked: Checked, now: number): Claim[] {
  const seconds = Math.floor(now / 1000);
  const digest = csrDigest(checked);
  const claims: Claim[] = [];
  // First, so that a key used again for something else is told as that.
  if (input.idempotencyKey !== undefined) {
    const key = sha256(`${requesterKey(input.identity)}\n${input.idempotencyKey}`);
    claims.push({ key: `idempotency/request/${key}`, fingerprint: digest, expires: seconds + IDEMPOTENCY_SECONDS, livesWithRequest: false });
  }
  // A token keeps its own uses. For all others the claim ends where a renewal becomes due.
  if (input.identity.grant.token === undefined) {
    const key = sha256(`${requesterKey(input.identity)}\n${digest}`);
    const left = lifeOf(checked.issuing, checked.candidate, now).notAfter + 1 - seconds;
    claims.push({ key: `csr/${key}`, fingerprint: digest, expires: seconds + Math.floor(left * SAME_CSR_SHARE), livesWithRequest: true });
  }
  return claims;
}
