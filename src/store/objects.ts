import type { AuditDraft } from '../audit/entry.ts';

/** Any JSON value. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [member: string]: Json | undefined };

/** An object's entry in an index: `order` is a whole number from 0 to 2^48 - 1, commonly a time, and sorts ascending. */
export interface IndexEntry {
  readonly index: string;
  readonly order: number;
}

/** A small JSON object with a life of its own, such as an account or an order. Its meaning is defined by its kind. */
export interface StoredObject {
  readonly kind: string;
  readonly id: string;
  /** 1 at first, increasing by one with each write, including removal. */
  readonly version: number;
  readonly value: Json;
  /**
   * Milliseconds since the epoch, some time after which `sweep` removes the object. Until then it remains present, so readers must check
   * this. It never moves closer: a write keeps the later of the two. Hence once an object has been swept, all older copies have expired too.
   */
  readonly expires: number;
}

/**
 * The tombstone of a removed object, kept until it expires: invisible, but it prevents an older copy from bringing the object back. Whoever
 * creates one of the same kind and id again expects none to exist.
 */
export type RemovedObject = Omit<StoredObject, 'value'> & { readonly value?: undefined };

export const isRemoved = (object: StoredObject | RemovedObject): object is RemovedObject => object.value === undefined;

export interface ObjectChange {
  readonly kind: string;
  readonly id: string;
  /** The version that must be present for the change to apply; 0 if the object must not exist. */
  readonly expected: number;
  /** The complete new state; undefined removes the object. */
  readonly put: {
    readonly value: Json;
    readonly expires: number;
    readonly indexes: readonly IndexEntry[];
    /** Short-lived: not part of backups, and not moved to another store. */
    readonly momentary?: true;
  } | undefined;
}

export type ObjectKey = Pick<StoredObject, 'kind' | 'id'>;

export type WriteOutcome =
  | { readonly outcome: 'stored' }
  /** Another writer was faster: this object has a different version than expected. Nothing was written. */
  | { readonly outcome: 'conflict'; readonly of: ObjectKey };

/** An `expires` for permanent objects. */
export const NEVER = 2 ** 48 - 1;

const OVER: readonly unknown[] = ['deactivated', 'revoked'];

/** Whether an object declares itself ended for good, by `revokedAt` or by such a `status`. The rest of its value is its kind's business. */
export const isOver = ({ value }: Pick<StoredObject, 'value'>): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && (('revokedAt' in value && value.revokedAt !== undefined) || ('status' in value && OVER.includes(value.status)));

/**
 * Small versioned objects. The obligations of `Store` apply; in particular, `write` performs all its changes and audit drafts in one atomic
 * step, durable when it resolves. Ids in lower-case hex with a time prefix are stored side by side, which is faster; any other text works.
 */
export interface ObjectStore {
  get(kind: string, id: string): Promise<StoredObject | undefined>;
  /** In the order requested, all as of the same moment. */
  getAll(keys: readonly ObjectKey[]): Promise<readonly (StoredObject | undefined)[]>;
  write(changes: readonly ObjectChange[], audit: readonly AuditDraft[]): Promise<WriteOutcome>;
  /** Lists an index in ascending order, or descending with `newestFirst`; `upTo` is inclusive. A page may be short although `next` is set. */
  list(index: string, page: { readonly limit: number; readonly cursor?: string }, options?: { readonly upTo?: number; readonly newestFirst?: boolean }):
    Promise<{ readonly items: readonly StoredObject[]; readonly next?: string }>;
}
