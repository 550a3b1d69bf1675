import type { AuditEntry } from '../audit/entry.ts';
import type { RequestRecord } from '../issuance/request.ts';
import type { ReplicaStore } from './replicas.ts';
import type { RemovedObject, StoredObject } from './objects.ts';
import type { CrlBase, CrlDocument, PublishedCrl, RevocationChange, ShardGeneration } from './crl-store.ts';
import type { ApiKeyRecord, Store, TokenRecord } from './store.ts';

/**
 * What a store's content is made of, apart from how a store keeps it: what a backup holds, and what moves from one store to another.
 * Names are those of `name.ts`, as lower-case hex.
 */
export type PortableItem =
  | { readonly kind: 'request'; readonly record: RequestRecord; readonly marks: readonly PortableMark[] }
  | { readonly kind: 'token'; readonly token: TokenRecord }
  | { readonly kind: 'api-key'; readonly key: ApiKeyRecord }
  /** A claim on a token or API key. */
  | PortableCredentialClaim
  /** A quota's window: it ends at `end`, milliseconds since the epoch. */
  | { readonly kind: 'quota'; readonly name: string; readonly window: number; readonly end: number; readonly count: number }
  /** SHA-256 of the SubjectPublicKeyInfo, hex. */
  | { readonly kind: 'blocked-key'; readonly keyHash: string }
  /** The latest change of a serial in an authority's feed. */
  | { readonly kind: 'revocation'; readonly authority: string; readonly change: RevocationChange }
  | { readonly kind: 'crl'; readonly authority: string; readonly document: CrlDocument; readonly crl: PublishedCrl }
  | PortableAuthority
  | PortableObject;

export type PortableKind = PortableItem['kind'];

/** What is read page by page in the store's own order; the rest is read by `CrlStore`, authority by authority, and objects with `changes`. */
export type DumpedKind = 'request' | 'token' | 'api-key' | 'claim' | 'quota' | 'blocked-key';

/** Where an authority's feed and its sequences of documents stand. */
export interface PortableAuthority {
  readonly kind: 'authority';
  readonly authority: string;
  /** The feed's revision, and the highest one of a release that has left it. */
  readonly revision: number;
  readonly floor: number;
  /** The last number of each sequence, also of documents that were retired, with what the next one may not go back behind. */
  readonly sequences: readonly ({ readonly document: CrlDocument } & CrlBase)[];
  readonly shards: readonly ShardGeneration[];
}

/** A small versioned object that is not momentary, with its places in indexes, or what is left of one that was removed. */
export interface PortableObject {
  readonly kind: 'object';
  readonly object: StoredObject | RemovedObject;
  readonly indexes: readonly { readonly name: string; readonly order: number }[];
}

/** A claim on a request (`claimName`), or the use of a token by a CSR (`useName`; its fingerprint is the CSR's digest). */
export interface PortableMark {
  readonly name: string;
  readonly fingerprint: string;
  /** Seconds since the epoch; a token's use stands for as long as the token's record, whatever this says. */
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
  /** The id of what it stands for. */
  readonly target: string;
}

export interface DumpPage {
  readonly items: readonly PortableItem[];
  /** Where to go on; undefined where nothing is left. Good for ever, in every process. */
  readonly next?: string;
}

/** What `load` did with the items: what was not there, what was there and went forward, what was there as good or better. */
export interface LoadCounts {
  readonly added: number;
  readonly advanced: number;
  readonly kept: number;
}

/** Moves a store's whole content: backup, restore, from one store to another. `src/transfer/` knows how. */
export interface TransferStore {
  /**
   * The items of one kind, page by page. Each page is one consistent view; the pages together are not: an item that stands from the first
   * page to the last is on exactly one, what changes meanwhile is told by `changes`.
   */
  dump(kind: DumpedKind, after: string | undefined, limit: number): Promise<DumpPage>;
  authority(name: string): Promise<PortableAuthority>;
  /**
   * In one consistent view: the log's head, at most `limit` lines behind `after`, and, as it is in that view, everything that these lines
   * speak of: records with their marks, tokens (also where one is the actor), keys, blocked keys, the standing of serials and documents
   * with these authorities.
   * So who has all lines up to the head has all changes of the time between, but for quotas, and for what `sweep` removed.
   *
   * Many objects change without a line. Each of their changes has a number in a feed of their own, in which an object stands once, by its
   * latest change; in the same view come at most `limit` of those behind `objectsAfter`, 0 for all.
   */
  changes(after: number, limit: number, authorities: readonly string[], objectsAfter: number): Promise<StoreChanges>;
  /**
   * Takes items in, in their order, each in one atomic step, and resolves when all are durable. Each only goes forward (`forward.ts`).
   * No audit lines are written. `mark`: any text, kept until the next one, and written no sooner than the items: how far the loading is.
   * A store with a mark is not whole.
   */
  load(items: readonly PortableItem[], mark: string | undefined): Promise<LoadCounts>;
  mark(): Promise<string | undefined>;
  /**
   * Takes lines of another log in, as they are, behind the last one here. Lines that are here already are compared and left out.
   * @throws BrokenLog where one is not the same, or does not follow; nothing is written
   */
  loadAudit(entries: readonly AuditEntry[], mark: string | undefined): Promise<number>;
}

export interface StoreChanges {
  readonly head: { readonly sequence: number; readonly hash: string };
  readonly entries: readonly AuditEntry[];
  readonly items: readonly PortableItem[];
  /** How far the feed of objects is in the items, and whether there is more of it. */
  readonly objects: { readonly last: number; readonly more: boolean };
}

/** The lines of one log do not continue the other. */
export class BrokenLog extends Error {
  override readonly name = 'BrokenLog';
}

/** A store with what only its keepers need. */
export interface WholeStore extends Store {
  readonly replicas: ReplicaStore;
  readonly transfer: TransferStore;
}
