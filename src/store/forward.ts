import type { RequestRecord, RequestState } from '../issuance/request.ts';
import { isOver, isRemoved } from './objects.ts';
import type { RemovedObject, StoredObject } from './objects.ts';
import { revise } from './revise.ts';
import type { ApiKeyRecord, TokenRecord } from './store.ts';

/**
 * Merges another copy, older or newer, into what the store already holds. State only moves forward. Each function returns undefined if the
 * present copy stays as it is.
 */

const RANK: Readonly<Record<RequestState, number>> = { pending: 0, approved: 1, issued: 2, denied: 2, failed: 2 };

/**
 * Issued, denied and failed are final; approved replaces pending; of two pending copies the one updated last wins. Of the same certificate,
 * revoked wins, except for a hold, which may have been released since: the latest change of its serial tells (`PortableItem` revocation).
 */
export function forwardRecord(present: RequestRecord, other: RequestRecord): RequestRecord | undefined {
  if (RANK[other.state] > RANK[present.state]) return other;
  if (present.state === 'pending' && other.state === 'pending') return other.updatedAt > present.updatedAt ? other : undefined;
  if (present.state !== 'issued' || other.state !== 'issued' || other.revocation === undefined) return undefined;
  if (other.revocation.reason === 'certificateHold') return undefined;
  const revocation = revise(present.revocation, other.revocation);
  return revocation === undefined ? undefined : { ...present, revocation };
}

export function forwardToken(present: TokenRecord, other: TokenRecord): TokenRecord | undefined {
  const used = Math.max(present.used, other.used);
  const revokedAt = earlier(present.revokedAt, other.revokedAt);
  return used === present.used && revokedAt === present.revokedAt ? undefined : { ...present, used, ...(revokedAt === undefined ? {} : { revokedAt }) };
}

export function forwardApiKey(present: ApiKeyRecord, other: ApiKeyRecord): ApiKeyRecord | undefined {
  const revokedAt = earlier(present.revokedAt, other.revokedAt);
  return revokedAt === undefined || revokedAt === present.revokedAt ? undefined : { ...present, revokedAt };
}

/** What is over stays over; otherwise, and if either copy was removed, the higher version wins. Expiry never moves closer. */
export function forwardObject<T extends StoredObject | RemovedObject>(present: T, other: T): T | undefined {
  const [was, is] = isRemoved(present) || isRemoved(other) ? [false, false] : [isOver(present), isOver(other)];
  if (was === is ? other.version <= present.version : was) return undefined;
  return { ...other, version: Math.max(other.version, present.version + 1), expires: Math.max(present.expires, other.expires) };
}

const earlier = (one: number | undefined, other: number | undefined): number | undefined =>
  one === undefined || other === undefined ? one ?? other : Math.min(one, other);
