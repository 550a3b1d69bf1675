import type { AuditDraft } from '../audit/entry.ts';

/** What JSON can say. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [member: string]: Json | undefined };

/** Where an object is listed: in the index of this name, in ascending `order` (a whole number from 0 to 2^48 - 1, commonly a time). */
export interface IndexEntry {
  readonly index: string;
  readonly order: number;
}

/** A thing with a life of its own, small and JSON: an account, an order. What it means is its kind's affair. */
export interface StoredObject {
  readonly kind: string;
  readonly id: string;
  /** 1 for the first, and one more with each write, its removal included. */
  readonly version: number;
  readonly value: Json;
  /**
   * Milliseconds since the epoch: at some time after that `sweep` removes it. Until then it is there; who reads it looks at this. It never
   * moves nearer: where the one that is there ends later, that stays. So when one has been swept, every older copy of it has ended too.
   */
  readonly expires: number;
}

/**
 * What is left of an object that was removed, until its end: nobody sees it, but an older copy cannot bring the object back. Who makes one of
 * the same kind and id anew expects none.
 */
export type RemovedObject = Omit<StoredObject, 'value'> & { readonly value?: undefined };

export const isRemoved = (object: StoredObject | RemovedObject): object is RemovedObject => object.value === undefined;

export interface ObjectChange {
  readonly kind: string;
  readonly id: string;
  /** The version that it must have for the change to happen; 0: it must not be there. */
  readonly expected: number;
  /** What it is to be, whole; undefined removes it. */
  readonly put: {
    readonly value: Json;
    readonly expires: number;
    readonly indexes: readonly IndexEntry[];
    /** Of this moment alone: no backup holds it, and it does not move to another store. */
    readonly momentary?: true;
  } | undefined;
}

export type ObjectKey = Pick<StoredObject, 'kind' | 'id'>;

export type WriteOutcome =
  | { readonly outcome: 'stored' }
  /** Another one was faster: this one has another version than was expected. Nothing was written. */
  | { readonly outcome: 'conflict'; readonly of: ObjectKey };

/** An `expires` for what stays. */
export const NEVER = 2 ** 48 - 1;

const OVER: readonly unknown[] = ['deactivated', 'revoked'];

/** Whether an object says that it was ended for good: by `revokedAt`, or by such a `status`. All else in it is its kind's affair. */
export const isOver = ({ value }: Pick<StoredObject, 'value'>): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && (('revokedAt' in value && value.revokedAt !== undefined) || ('status' in value && OVER.includes(value.status)));

/**
 * Small versioned objects. The obligations of `Store` hold; in particular `write` is one atomic step over all its changes and the audit
 * drafts, durable when it resolves. Ids in lower-case hex that begin with the time are stored side by side, which is fast; any other text is as good.
 */
export interface ObjectStore {
  get(kind: string, id: string): Promise<StoredObject | undefined>;
  /** In the order asked for, each as it was at one and the same moment. */
  getAll(keys: readonly ObjectKey[]): Promise<readonly (StoredObject | undefined)[]>;
  write(changes: readonly ObjectChange[], audit: readonly AuditDraft[]): Promise<WriteOutcome>;
  /** The objects in an index in ascending order, or descending with `newestFirst`; `upTo`: whose order is not above this. A page may be short while `next` is set. */
  list(index: string, page: { readonly limit: number; readonly cursor?: string }, options?: { readonly upTo?: number; readonly newestFirst?: boolean }):
    Promise<{ readonly items: readonly StoredObject[]; readonly next?: string }>;
}
