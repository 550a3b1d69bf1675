import type { AuditEntry } from '../audit/entry.ts';
import type { RequestRecord } from '../issuance/request.ts';
import type { ReplicaStore } from './replicas.ts';
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
  | { readonly kind: 'blocked-key'; readonly keyHash: string };

export type PortableKind = PortableItem['kind'];

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
  readonly of: 'token' | 'api-key';
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
  dump(kind: PortableKind, after: string | undefined, limit: number): Promise<DumpPage>;
  /**
   * In one consistent view: the log's head, at most `limit` lines behind `after`, and, as it is in that view, everything that these lines
   * speak of. So with all lines up to the head come all changes of the time between.
   */
  changes(after: number, limit: number): Promise<{ readonly head: { readonly sequence: number; readonly hash: string }; readonly entries: readonly AuditEntry[]; readonly items: readonly PortableItem[] }>;
  /**
   * Takes items in, in one atomic step, durably. Each only goes forward: a state by TRANSITIONS, a token's uses and a quota's count up, a revocation
   * stays (keyCompromise replaces another reason), marks and blocked keys are added to. No audit lines are written.
   * `mark`: any text, kept with the items until the next one: how far the loading is. A store with a mark is not whole.
   */
  load(items: readonly PortableItem[], mark: string | undefined): Promise<LoadCounts>;
  mark(): Promise<string | undefined>;
  /**
   * Takes lines of another log in, as they are, behind the last one here. Lines that are here already are compared and left out.
   * @throws BrokenLog where one is not the same, or does not follow; nothing is written
   */
  loadAudit(entries: readonly AuditEntry[], mark: string | undefined): Promise<number>;
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
