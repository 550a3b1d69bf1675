import type { AuditDraft, AuditEntry } from '../audit/entry.ts';
import type { RequestRecord, RequestState, Revocation } from '../issuance/request.ts';
import type { CredentialRecord, Scope } from '../identity/identity.ts';
import type { CrlStore, EncodeEntry } from './crl-store.ts';
import type { ObjectChange, ObjectKey, ObjectStore } from './objects.ts';

/**
 * The store's contract, with that of revocations and CRLs in `crl-store.ts`. Its obligations, the same for every implementation (test/contracts/store.ts proves them):
 *
 * 1. Every write is one atomic step: all of it or nothing, also when the process is killed between any two instructions.
 * 2. A promise that resolves with a success means: durable. A rejected promise means: unknown, ask again.
 * 3. Writes to one record are totally ordered, across processes; reads see every acknowledged write.
 * 4. The `audit` drafts of a write are in the chain exactly once if the write happened, and not at all if it did not.
 * 5. Nothing live leaves by itself; expired things leave only by `sweep`.
 * 6. Names are inert: any string may be a key part.
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
  /** Throws StoreUnavailable when the store cannot take writes now. */
  ping(): Promise<void>;
  /** Removes what has ended: records after their retention, claims, tokens, quota windows, objects. Bounded work; true when more is left. */
  sweep(now: number, limits: { readonly retainEnded: number; readonly most: number }): Promise<boolean>;
  close(): Promise<void>;
}

/** The store cannot answer now; the caller may try again. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable';
}

/** The cursor is not one that this listing gave out. */
export class BadCursor extends Error {
  override readonly name = 'BadCursor';
}

/** A page of a listing; `next` is an opaque cursor. A page may be shorter than asked for while `next` is set. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next?: string;
}

export interface PageQuery {
  readonly limit: number;
  readonly cursor?: string;
}

/**
 * A promise of the service that the same thing asked twice yields one request: key -> request id. While the claim
 * stands, an `accept` with the same key finds the first request in place of storing its own.
 */
export interface Claim {
  /** Kept by its name alone (`name.ts`), so that content can move between stores; likewise token uses and quotas. */
  readonly key: string;
  /** What was asked under that key; a claim with another fingerprint is a conflict. */
  readonly fingerprint: string;
  /** Seconds since the epoch after which the claim no longer stands. */
  readonly expires: number;
  /**
   * False (an Idempotency-Key): the first request is found whatever became of it. True (the same CSR again): the claim falls with its
   * request, once that is denied, failed or revoked, and the next `accept` takes it over.
   */
  readonly livesWithRequest: boolean;
}

export interface QuotaClaim {
  readonly key: string;
  /** Number of issued or waiting requests allowed within `window` seconds (fixed windows from the epoch). */
  readonly limit: number;
  readonly window: number;
}

export interface Acceptance {
  readonly record: RequestRecord;
  readonly claims: readonly Claim[];
  /** Counts one use of the token; the same `csrDigest` finds the first request, for as long as the token's record lives. */
  readonly token?: { readonly id: string; readonly csrDigest: string };
  readonly quota?: QuotaClaim;
  /** Objects that change in the same step. */
  readonly objects?: readonly ObjectChange[];
  /** By which record the requester was known, where it was read a while ago: it must still be there, not be revoked, and not be over. */
  readonly guard?: CredentialRecord;
  readonly audit: readonly AuditDraft[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export type AcceptOutcome =
  | { readonly outcome: 'stored' }
  /** The guard's record is gone, revoked or over. Nothing was written. */
  | { readonly outcome: 'identity-gone' }
  /** The same was asked before: the first request as it is now. Nothing was written. */
  | { readonly outcome: 'exists'; readonly record: RequestRecord }
  /** A claim's key stands for something else. Nothing was written. */
  | { readonly outcome: 'conflict'; readonly claim: string }
  /** The token is revoked, ended or used up. */
  | { readonly outcome: 'token-exhausted' }
  | { readonly outcome: 'quota-exceeded'; readonly retryAfter: number }
  | { readonly outcome: 'key-blocked' }
  /** The record's id is taken. Draw another serial. */
  | { readonly outcome: 'serial-taken' }
  /** An object has another version than was expected. Nothing was written. */
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
  /** The record is in another state than `from`; this is how it stands. */
  | { readonly outcome: 'moved-on'; readonly record: RequestRecord }
  | { readonly outcome: 'key-blocked' }
  | Superseded;

export interface RequestStore {
  /**
   * Writes a new request with its claims, token use, quota count, indexes and audit entries, atomically.
   * Checked in this order, within the same atomic step: guard (`identity-gone`), token use by the same CSR (`exists`), claims (`exists`, `conflict`),
   * token uses left (`token-exhausted`), quota, blocked key, serial and objects (`superseded`). A `denied` record counts no use and no quota, and takes no claim.
   */
  accept(acceptance: Acceptance): Promise<AcceptOutcome>;
  get(id: string): Promise<RequestRecord | undefined>;
  /** The live request of a claim or of a token use, if any: the cheap look before work is done. Same rules as `accept`. */
  find(keys: { readonly claims: readonly string[]; readonly token?: { readonly id: string; readonly csrDigest: string } }, now: number):
    Promise<{ readonly record: RequestRecord; readonly fingerprint: string } | undefined>;
  /**
   * Replaces the record if it is still in state `from`; refuses a state that TRANSITIONS does not allow, and (towards `approved` or `issued`) a blocked key.
   * With objects that change in the same step (`superseded`).
   */
  transition(from: RequestState, record: RequestRecord, audit: readonly AuditDraft[], objects?: readonly ObjectChange[]): Promise<TransitionOutcome>;
  /**
   * Replaces a waiting request by another form of it, which waits too: what it waits for, and what is settled of that. Only if it is still
   * exactly as it was `seen`, as this store told it; otherwise `moved-on`, with how it stands, waiting or not.
   */
  amend(seen: RequestRecord, record: RequestRecord, audit: readonly AuditDraft[]): Promise<TransitionOutcome>;
  /** Newest first. */
  list(filter: RequestFilter, page: PageQuery): Promise<Page<RequestRecord>>;
  /** How many uses of the quota's current window are taken. */
  quotaUsed(key: string, window: number, now: number): Promise<number>;
  /** Takes one of each quota in one step, or of none where one is used up: undefined, or that one and the seconds until its window ends. `now` in milliseconds. */
  takeQuotas(quotas: readonly QuotaClaim[], now: number): Promise<{ readonly quota: QuotaClaim; readonly retryAfter: number } | undefined>;
}

export interface CertificateFilter {
  /** A name in the certificate: exact, or with a leading `*.` any name below it. */
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
  /** The record as it is now: without a revocation. */
  | { readonly outcome: 'released'; readonly record: RequestRecord }
  /** It is not revoked, or revoked for good. */
  | { readonly outcome: 'not-held'; readonly record: RequestRecord }
  | { readonly outcome: 'unknown' };

export interface CertificateStore {
  /** The record of an issued certificate. */
  get(serial: string): Promise<RequestRecord | undefined>;
  /** Newest first. `now` in seconds decides valid and expired. */
  list(filter: CertificateFilter, page: PageQuery, now: number): Promise<Page<RequestRecord>>;
  /**
   * Writes the revocation into the record and the change, with its encoded CRL entry, into the authority's feed. Already revoked is
   * refused, except that any permanent reason replaces certificateHold, and keyCompromise any other reason. The time stays the first
   * one's: of a hold that becomes final, X.509 wants the date on which the certificate was placed on hold. With `blockKey`, the
   * record's key hash goes on the block list in the same step; where it is there already, a draft of `key.blocked` is left out.
   */
  revoke(serial: string, revocation: Revocation, entry: EncodeEntry, options: { readonly blockKey: boolean }, audit: readonly AuditDraft[]): Promise<RevokeOutcome>;
  /**
   * Ends a certificateHold, and nothing else: the record has no revocation any more, and the feed a change with the reason removeFromCRL,
   * whose entry (for deltas, RFC 5280 5.2.4) has the time of the release, `at`.
   */
  release(serial: string, at: number, entry: EncodeEntry, audit: readonly AuditDraft[]): Promise<ReleaseOutcome>;
}

export interface TokenRecord {
  readonly id: string;
  /** SHA-256 of the secret, hex. */
  readonly secretHash: string;
  readonly profile: string;
  /** All of them, where it is for several; `profile` is the first. */
  readonly profiles?: readonly string[];
  readonly names: readonly string[];
  /** Certificates it may yield. */
  readonly uses: number;
  readonly used: number;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly createdBy: string;
  readonly maxValidity?: number;
  readonly note?: string;
  readonly revokedAt?: number;
  /** Where a node has earned it by a proof of what it is: whose requests they are, how that was proved, and the only key that may be certified (SHA-256 of its SubjectPublicKeyInfo, hex). */
  readonly attested?: { readonly name: string; readonly proof: string; readonly keyHash: string };
}

export interface TokenStore {
  /** With a claim: the token made under it before, where it still stands (`exists`). */
  create(token: TokenRecord, claim: Claim | undefined, audit: readonly AuditDraft[], now: number):
    Promise<{ readonly outcome: 'stored' } | { readonly outcome: 'exists'; readonly token: TokenRecord } | { readonly outcome: 'conflict' }>;
  get(id: string): Promise<TokenRecord | undefined>;
  list(page: PageQuery): Promise<Page<TokenRecord>>;
  /** Marks it revoked; the time of the first revocation stays. */
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
  /** True if the key may be in no certificate (SHA-256 of its SubjectPublicKeyInfo, hex). */
  has(keyHash: string): Promise<boolean>;
  add(keyHash: string, audit: readonly AuditDraft[]): Promise<void>;
}

export interface AuditStore {
  /** Oldest first, from `after` (a sequence number, exclusive). */
  list(query: { readonly after: number; readonly limit: number }): Promise<readonly AuditEntry[]>;
  /** The newest entry's sequence number and hash; 0 and the zero hash for an empty log. */
  head(): Promise<{ readonly sequence: number; readonly hash: string }>;
  /** Appends entries that belong to no other write. */
  append(drafts: readonly AuditDraft[]): Promise<void>;
}

/** A right to do one thing for all replicas, for a time. */
export interface Lease {
  readonly name: string;
  /** Rises with every new holder. */
  readonly fence: number;
}

/**
 * Milliseconds that clocks may be apart: a lease that stands for longer than that beyond its own time was taken by a clock that has been set back
 * since, perhaps by a process that died with it. It counts as ended, or nobody could take it until time has caught up.
 */
export const CLOCKS_APART = 60_000;

export interface LeaseStore {
  /** The lease if it is free, ended, or already the holder's (then prolonged); undefined while another holds it. `now` and `ttl` in milliseconds. */
  acquire(name: string, holder: string, now: number, ttl: number): Promise<Lease | undefined>;
  release(name: string, holder: string): Promise<void>;
}
