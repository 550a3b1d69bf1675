import type { AuditDraft, AuditEntry } from '../audit/entry.ts';
import type { RequestRecord, RequestState, Revocation } from '../issuance/request.ts';
import type { CredentialRecord, Scope } from '../identity/identity.ts';
import type { CrlStore, EncodeEntry } from './crl-store.ts';
import type { ObjectChange, ObjectKey, ObjectStore } from './objects.ts';

/**
 * The store's contract; revocations and CRLs are in `crl-store.ts`, objects in `objects.ts`. Obligations of every implementation, verified by
 * test/contracts/store.ts:
 *
 * 1. Every write is one atomic step: all or nothing, even if the process is killed between any two instructions.
 * 2. A promise that resolves with a success means durable. A rejected promise means unknown: ask again.
 * 3. Writes to one record are totally ordered across processes; reads see every acknowledged write.
 * 4. The `audit` drafts of a write are in the chain exactly once if the write happened, and not at all if it did not.
 * 5. Nothing live disappears by itself; expired things are removed only by `sweep`.
 * 6. Names are inert: any string may be part of a key.
 */
export interface Store {
  readonly requests: RequestStore;
  readonly certificates: CertificateStore;
  readonly tokens: TokenStore;
  readonly apiKeys: ApiKeyStore;
  readonly crls: CrlStore;
  readonly audit: AuditStore;
  readonly leases: LeaseStore;
  readonly blockedKeys: BlockedKeyStore;
  readonly objects: ObjectStore;
  /** Throws StoreUnavailable if the store cannot accept writes now. */
  ping(): Promise<void>;
  /** Removes what has ended: records past their retention, claims, tokens, quota windows, objects. Bounded work; true if more is left. */
  sweep(now: number, limits: { readonly retainEnded: number; readonly most: number }): Promise<boolean>;
  close(): Promise<void>;
}

/** The store cannot answer now; the caller may try again. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable';
}

/** The cursor was not issued by this listing. */
export class BadCursor extends Error {
  override readonly name = 'BadCursor';
}

/** A page of a listing; `next` is an opaque cursor. A page may be shorter than requested although `next` is set. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next?: string;
}

export interface PageQuery {
  readonly limit: number;
  readonly cursor?: string;
}

/**
 * A promise that the same thing requested twice yields one request: key -> request id. While the claim stands, an `accept` with the same key
 * finds the first request instead of storing its own.
 */
export interface Claim {
  /** Only its name is kept (`name.ts`), so that content can move between stores; likewise for token uses and quotas. */
  readonly key: string;
  /** What was requested under that key; a different fingerprint is a conflict. */
  readonly fingerprint: string;
  /** Seconds since the epoch; the claim ends then. */
  readonly expires: number;
  /**
   * False (an Idempotency-Key): the first request is found whatever became of it. True (the same CSR again): the claim lapses when its
   * request is denied, failed or revoked, and the next `accept` takes it over.
   */
  readonly livesWithRequest: boolean;
}

export interface QuotaClaim {
  readonly key: string;
  /** Number of issued or waiting requests allowed per `window` seconds (fixed windows, aligned to the epoch). */
  readonly limit: number;
  readonly window: number;
}

export interface Acceptance {
  readonly record: RequestRecord;
  readonly claims: readonly Claim[];
  /** Counts one use of the token; the same `csrDigest` finds the first request for as long as the token's record exists. */
  readonly token?: { readonly id: string; readonly csrDigest: string };
  readonly quota?: QuotaClaim;
  /** Object changes applied in the same step. */
  readonly objects?: readonly ObjectChange[];
  /** The cached credential record that identified the requester: it must still exist, unrevoked and unexpired. */
  readonly guard?: CredentialRecord;
  readonly audit: readonly AuditDraft[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export type AcceptOutcome =
  | { readonly outcome: 'stored' }
  /** The guard's record is gone, revoked or expired. Nothing was written. */
  | { readonly outcome: 'identity-gone' }
  /** The same was requested before: the first request in its present state. Nothing was written. */
  | { readonly outcome: 'exists'; readonly record: RequestRecord }
  /** A claim's key stands for something else. Nothing was written. */
  | { readonly outcome: 'conflict'; readonly claim: string }
  /** The token is revoked, expired or used up. */
  | { readonly outcome: 'token-exhausted' }
  | { readonly outcome: 'quota-exceeded'; readonly retryAfter: number }
  | { readonly outcome: 'key-blocked' }
  /** The record's id is taken; draw another serial. */
  | { readonly outcome: 'serial-taken' }
  /** An object has a different version than expected. Nothing was written. */
  | Superseded;

export interface Superseded {
  readonly outcome: 'superseded';
  readonly of: ObjectKey;
}

export interface RequestFilter {
  readonly state?: RequestState;
  readonly profile?: string;
  readonly name?: string;
  readonly requester?: string;
  /** Milliseconds since the epoch: created at or after. */
  readonly since?: number;
}

export type TransitionOutcome =
  | { readonly outcome: 'stored'; readonly record: RequestRecord }
  | { readonly outcome: 'unknown' }
  /** The record is no longer in state `from`; this is its present state. */
  | { readonly outcome: 'moved-on'; readonly record: RequestRecord }
  | { readonly outcome: 'key-blocked' }
  | Superseded;

export interface RequestStore {
  /**
   * Writes a new request with its claims, token use, quota count, indexes and audit entries, atomically. Checked within that step, in this
   * order: guard (`identity-gone`), token use by the same CSR (`exists`), claims (`exists`, `conflict`), remaining token uses
   * (`token-exhausted`), quota, blocked key, serial, and objects (`superseded`). A `denied` record consumes no token use and no quota, and
   * takes no claims.
   */
  accept(acceptance: Acceptance): Promise<AcceptOutcome>;
  get(id: string): Promise<RequestRecord | undefined>;
  /** The live request behind a claim or token use, if any: a cheap check before work is done. Same rules as `accept`. */
  find(keys: { readonly claims: readonly string[]; readonly token?: { readonly id: string; readonly csrDigest: string } }, now: number):
    Promise<{ readonly record: RequestRecord; readonly fingerprint: string } | undefined>;
  /**
   * Replaces the record if it is still in state `from`, applying object changes in the same step (`superseded`). Refuses transitions that
   * TRANSITIONS does not allow and, towards `approved` or `issued`, blocked keys.
   */
  transition(from: RequestState, record: RequestRecord, audit: readonly AuditDraft[], objects?: readonly ObjectChange[]): Promise<TransitionOutcome>;
  /**
   * Replaces a pending request by a revised one that is pending too: what it waits for, and what of that is settled. Applies only if the
   * request is still exactly as `seen`, as this store returned it; otherwise `moved-on` with its present state, pending or not.
   */
  amend(seen: RequestRecord, record: RequestRecord, audit: readonly AuditDraft[]): Promise<TransitionOutcome>;
  /** Newest first. */
  list(filter: RequestFilter, page: PageQuery): Promise<Page<RequestRecord>>;
  /** Number of uses taken in the quota's current window. */
  quotaUsed(key: string, window: number, now: number): Promise<number>;
  /**
   * Takes one use of each quota in one step, or of none if one is used up; then returns that one, and the seconds until its window ends.
   * `now` in milliseconds.
   */
  takeQuotas(quotas: readonly QuotaClaim[], now: number): Promise<{ readonly quota: QuotaClaim; readonly retryAfter: number } | undefined>;
}

export interface CertificateFilter {
  /** A name in the certificate: exact, or `*.` followed by a domain for any name below it. */
  readonly name?: string;
  readonly profile?: string;
  readonly status?: 'valid' | 'revoked' | 'expired';
  /** Seconds since the epoch. */
  readonly expiresBefore?: number;
  readonly requester?: string;
}

export type RevokeOutcome =
  | { readonly outcome: 'revoked'; readonly record: RequestRecord }
  | { readonly outcome: 'already-revoked'; readonly record: RequestRecord }
  | { readonly outcome: 'unknown' };

export type ReleaseOutcome =
  /** The record as it is now, without a revocation. */
  | { readonly outcome: 'released'; readonly record: RequestRecord }
  /** It is not revoked, or revoked permanently. */
  | { readonly outcome: 'not-held'; readonly record: RequestRecord }
  | { readonly outcome: 'unknown' };

export interface CertificateStore {
  /** The record of an issued certificate. */
  get(serial: string): Promise<RequestRecord | undefined>;
  /** Newest first. `now` in seconds determines valid and expired. */
  list(filter: CertificateFilter, page: PageQuery, now: number): Promise<Page<RequestRecord>>;
  /**
   * Writes the revocation into the record, and the change with its encoded CRL entry into the authority's feed. A certificate that is already
   * revoked is refused, except that any permanent reason replaces certificateHold, and keyCompromise any other reason. The time remains that
   * of the first revocation: for a hold that becomes permanent, X.509 requires the date of the hold. With `blockKey`, the key hash is added to
   * the block list in the same step; if it is there already, any draft of `key.blocked` is omitted.
   */
  revoke(serial: string, revocation: Revocation, entry: EncodeEntry, options: { readonly blockKey: boolean }, audit: readonly AuditDraft[]): Promise<RevokeOutcome>;
  /**
   * Releases a certificateHold, and nothing else: the record has no revocation any more, and the feed gets a change with reason
   * removeFromCRL, whose entry (for delta CRLs, RFC 5280 5.2.4) carries the time of the release, `at`.
   */
  release(serial: string, at: number, entry: EncodeEntry, audit: readonly AuditDraft[]): Promise<ReleaseOutcome>;
}

export interface TokenRecord {
  readonly id: string;
  /** SHA-256 of the secret, hex. */
  readonly secretHash: string;
  readonly profile: string;
  /** All profiles of a token for several; `profile` is the first. */
  readonly profiles?: readonly string[];
  readonly names: readonly string[];
  /** Number of certificates it may yield. */
  readonly uses: number;
  readonly used: number;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly createdBy: string;
  readonly maxValidity?: number;
  readonly note?: string;
  readonly revokedAt?: number;
  /**
   * Set on tokens earned by attestation: the node's name, how it was proved, and the only key that may be certified (SHA-256 of its
   * SubjectPublicKeyInfo, hex).
   */
  readonly attested?: { readonly name: string; readonly proof: string; readonly keyHash: string };
}

export interface TokenStore {
  /** With a claim: returns the token created under it before, if it still exists (`exists`). */
  create(token: TokenRecord, claim: Claim | undefined, audit: readonly AuditDraft[], now: number):
    Promise<{ readonly outcome: 'stored' } | { readonly outcome: 'exists'; readonly token: TokenRecord } | { readonly outcome: 'conflict' }>;
  get(id: string): Promise<TokenRecord | undefined>;
  list(page: PageQuery): Promise<Page<TokenRecord>>;
  /** Marks it as revoked; the time of the first revocation is kept. */
  revoke(id: string, at: number, audit: readonly AuditDraft[]): Promise<TokenRecord | undefined>;
}

export interface ApiKeyRecord {
  readonly id: string;
  readonly name: string;
  readonly secretHash: string;
  readonly scopes: readonly Scope[];
  readonly createdAt: number;
  readonly createdBy: string;
  readonly expiresAt?: number;
  readonly revokedAt?: number;
}

export interface ApiKeyStore {
  create(key: ApiKeyRecord, claim: Claim | undefined, audit: readonly AuditDraft[], now: number):
    Promise<{ readonly outcome: 'stored' } | { readonly outcome: 'exists'; readonly key: ApiKeyRecord } | { readonly outcome: 'conflict' }>;
  get(id: string): Promise<ApiKeyRecord | undefined>;
  list(page: PageQuery): Promise<Page<ApiKeyRecord>>;
  revoke(id: string, at: number, audit: readonly AuditDraft[]): Promise<ApiKeyRecord | undefined>;
}

export interface BlockedKeyStore {
  /** True if the key must not appear in any certificate (SHA-256 of its SubjectPublicKeyInfo, hex). */
  has(keyHash: string): Promise<boolean>;
  add(keyHash: string, audit: readonly AuditDraft[]): Promise<void>;
}

export interface AuditStore {
  /** Oldest first, starting after sequence number `after`. */
  list(query: { readonly after: number; readonly limit: number }): Promise<readonly AuditEntry[]>;
  /** Sequence number and hash of the newest entry; 0 and the zero hash for an empty log. */
  head(): Promise<{ readonly sequence: number; readonly hash: string }>;
  /** Appends entries that accompany no other write. */
  append(drafts: readonly AuditDraft[]): Promise<void>;
}

/** A time-limited right to do something on behalf of all replicas. */
export interface Lease {
  readonly name: string;
  /** Increases with every new holder. */
  readonly fence: number;
}

/**
 * Milliseconds by which clocks may differ. A lease that extends further than its own duration plus this was taken by a clock that has since
 * been set back, possibly by a process that is gone. It counts as expired; otherwise no one could take it until time has caught up.
 */
export const CLOCKS_APART = 60_000;

export interface LeaseStore {
  /**
   * Grants the lease if it is free, expired, or already the holder's (and then extended); undefined while another holds it. `now` and `ttl` in
   * milliseconds.
   */
  acquire(name: string, holder: string, now: number, ttl: number): Promise<Lease | undefined>;
  release(name: string, holder: string): Promise<void>;
}
