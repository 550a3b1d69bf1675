import type { AuditEntry } from '../audit/entry.ts';
import type { RequestRecord } from '../issuance/request.ts';
import type { ReplicaStore } from './replicas.ts';
import type { RemovedObject, StoredObject } from './objects.ts';
import type { CrlBase, CrlDocument, PublishedCrl, RevocationChange, ShardGeneration } from './crl-store.ts';
import type { ApiKeyRecord, Store, TokenRecord } from './store.ts';

/**
 * The content of a store, independent of how a store represents it: what a backup contains, and what moves from one store to another.
 * Names are those of `name.ts`, in lower-case hex.
 */
export type PortableItem =
  | { readonly kind: 'request'; readonly record: RequestRecord; readonly marks: readonly PortableMark[] }
  | { readonly kind: 'token'; readonly token: TokenRecord }
  | { readonly kind: 'api-key'; readonly key: ApiKeyRecord }
  /** A claim on a token or API key. */
  | PortableCredentialClaim
  /** A quota's window, ending at `end`, milliseconds since the epoch. */
  | { readonly kind: 'quota'; readonly name: string; readonly window: number; readonly end: number; readonly count: number }
  /** SHA-256 of the SubjectPublicKeyInfo, hex. */
  | { readonly kind: 'blocked-key'; readonly keyHash: string }
  /** The latest change of a serial in an authority's feed. */
  | { readonly kind: 'revocation'; readonly authority: string; readonly change: RevocationChange }
  | { readonly kind: 'crl'; readonly authority: string; readonly document: CrlDocument; readonly crl: PublishedCrl }
  | PortableAuthority
  | PortableObject;

export type PortableKind = PortableItem['kind'];

/** Read page by page in the store's own order. The rest is read through `CrlStore`, authority by authority, and objects through `changes`. */
export type DumpedKind = 'request' | 'token' | 'api-key' | 'claim' | 'quota' | 'blocked-key';

/** The state of an authority's feed and of its document sequences. */
export interface PortableAuthority {
  readonly kind: 'authority';
  readonly authority: string;
  /** The feed's revision, and the highest revision of a release dropped from it. */
  readonly revision: number;
  readonly floor: number;
  /** The last number of each sequence, including those of retired documents, with the lower bounds for the next document. */
  readonly sequences: readonly ({ readonly document: CrlDocument } & CrlBase)[];
  readonly shards: readonly ShardGeneration[];
}

/** A non-momentary object with its index entries, or the tombstone of a removed one. */
export interface PortableObject {
  readonly kind: 'object';
  readonly object: StoredObject | RemovedObject;
  readonly indexes: readonly { readonly name: string; readonly order: number }[];
}

/** A claim on a request (`claimName`), or the use of a token for a CSR (`useName`; the fingerprint is the CSR's digest). */
export interface PortableMark {
  readonly name: string;
  readonly fingerprint: string;
  /** Seconds since the epoch; a token use lasts as long as the token's record, whatever this says. */
  readonly expires: number;
  readonly livesWithRequest: boolean;
}

export interface PortableCredentialClaim {
  readonly kind: 'claim';
  /** `credentialClaimName` */
  readonly name: string;
  readonly fingerprint: string;
  readonly expires: number;
  readonly livesWithRequest: boolean;
  /** Id of the token or API key. */
  readonly target: string;
}

export interface DumpPage {
  readonly items: readonly PortableItem[];
  /** Where to continue; undefined at the end. Valid indefinitely, in every process. */
  readonly next?: string;
}

/** What `load` did: items that were new, items that advanced existing ones, and items that were already there in the same or a later state. */
export interface LoadCounts {
  readonly added: number;
  readonly advanced: number;
  readonly kept: number;
}

/** Moves a store's entire content: backup, restore, or from one store to another (`src/transfer/`). */
export interface TransferStore {
  /**
   * The items of one kind, page by page. Each page is a consistent view; the pages together are not. An item that exists throughout appears
   * on exactly one page; whatever changes meanwhile is reported by `changes`.
   */
  dump(kind: DumpedKind, after: string | undefined, limit: number): Promise<DumpPage>;
  authority(name: string): Promise<PortableAuthority>;
  /**
   * In one consistent view: the log's head, at most `limit` lines after `after`, and the present state of everything those lines concern:
   * records with their marks, tokens (also as actors), API keys, blocked keys, and the feeds and documents of the given authorities. A reader
   * that has all lines up to the head thus has all changes since, except for quotas and what `sweep` removed.
   *
   * Many objects change without an audit line. Their changes are numbered in a feed of their own, which contains each object once, by its
   * latest change; the same view includes at most `limit` of those after `objectsAfter` (0 for all).
   */
  changes(after: number, limit: number, authorities: readonly string[], objectsAfter: number): Promise<StoreChanges>;
  /**
   * Loads items in order, each in one atomic step, and resolves when all are durable. Items only move state forward (`forward.ts`). No audit
   * lines are written. `mark` is arbitrary text recording the progress, written no earlier than the items and kept until the next one. A
   * store with a mark is incomplete.
   */
  load(items: readonly PortableItem[], mark: string | undefined): Promise<LoadCounts>;
  mark(): Promise<string | undefined>;
  /**
   * Appends lines of another log unchanged after the last one here. Lines that are already here are compared and skipped.
   * @throws BrokenLog if one differs or does not follow; nothing is written
   */
  loadAudit(entries: readonly AuditEntry[], mark: string | undefined): Promise<number>;
}

export interface StoreChanges {
  readonly head: { readonly sequence: number; readonly hash: string };
  readonly entries: readonly AuditEntry[];
  readonly items: readonly PortableItem[];
  /** How far into the object feed the items reach, and whether there is more. */
  readonly objects: { readonly last: number; readonly more: boolean };
}

/** The lines of one log do not continue the other. */
export class BrokenLog extends Error {
  override readonly name = 'BrokenLog';
}

/** A store including what only administration needs. */
export interface WholeStore extends Store {
  readonly replicas: ReplicaStore;
  readonly transfer: TransferStore;
}
