import type { CrlDocument, CrlStore } from '../store/crl-store.ts';
import { EntryLog, type EntrySelection, type Listing, joinSelections } from '../x509/crl-entry-log.ts';
import { MOST_SHARDS, shardOf } from '../x509/crl-shard.ts';
import { type Breathe, breather } from '../breathe.ts';

/** Changes read at a time, which takes a millisecond or two. */
const PAGE = 500;
/** Minimum number of partitions, so that work on one of them is short even with ten million entries. */
const FEWEST_PARTS = 64;

/** The shard that a document represents: `index` of `count`; undefined for full and delta CRLs. */
export function shardIn(document: CrlDocument): { readonly count: number; readonly index: number } | undefined {
  const [, count, index] = /^(\d+)-(\d+)$/.exec(document) ?? [];
  return count === undefined ? undefined : { count: Number(count), index: Number(index) };
}

/**
 * An authority's revocations in memory, according to the store's feed so far, in partitions from which shards of any count can be assembled. Only new
 * changes are read from the store; entries are kept in encoded form.
 */
export class RevocationView {
  readonly #store: Pick<CrlStore, 'changes'>;
  readonly #authority: string;
  #parts: EntryLog[];
  #revision = 0;

  /** @param shards upper bound of the shard count; a higher one is possible later, at the cost of reading everything again */
  constructor(store: Pick<CrlStore, 'changes'>, authority: string, shards = 0) {
    this.#store = store;
    this.#authority = authority;
    this.#parts = partsFor(shards);
  }

  /** The revision reached. */
  get revision(): number {
    return this.#revision;
  }

  /** Number of revoked certificates. */
  get count(): number {
    return this.#parts.reduce((sum, { count }) => sum + count, 0);
  }

  /**
   * Reads new changes, and returns the time of the oldest one after revision `told` (seconds since the epoch).
   * @throws X509Error if an entry does not match the store's data about it; StoreUnavailable
   */
  async follow(breathe: Breathe = breather(), told = 0): Promise<{ readonly oldest?: number }> {
    let oldest = Infinity;
    for (;;) {
      const { changes, restart, revision } = await this.#store.changes(this.#authority, this.#revision, PAGE);
      if (restart) {
        this.#parts = partsFor(this.#parts.length);
        this.#revision = 0;
        continue;
      }
      for (const change of changes) {
        this.#parts[shardOf(change.serial, this.#parts.length)]!.put(change);
        if (change.revision > told) oldest = Math.min(oldest, change.at);
      }
      if (changes.length < PAGE) {
        // Changes dropped from the feed meanwhile need not be read.
        this.#revision = Math.max(this.#revision, revision);
        return oldest === Infinity ? {} : { oldest };
      }
      this.#revision = changes.at(-1)!.revision;
      await breathe();
    }
  }

  /** Prepares for this many shards. Returns true if everything must be read again, which `follow` does. */
  widen(shards: number): boolean {
    if (shards <= this.#parts.length) return false;
    this.#parts = partsFor(shards);
    this.#revision = 0;
    return true;
  }

  /** The revision of the last change that affects a document. */
  revisionOf(document: CrlDocument): number {
    return this.#partsOf(document).reduce((last, { revision }) => Math.max(last, revision), 0);
  }

  /** The entries of a document, to be used before the next `follow`. */
  select(document: CrlDocument, listing: Listing): EntrySelection {
    return joinSelections(this.#partsOf(document).map((part) => part.select(listing)));
  }

  /** Serials that no document needs, up to a limit; `test` as in `EntryLog.find`. */
  find(test: Parameters<EntryLog['find']>[0], endsBefore: number, most: number): string[] {
    const found: string[] = [];
    for (const part of this.#parts) {
      if (!part.hasDue(endsBefore)) continue;
      for (const serial of part.find(test)) {
        found.push(serial);
        if (found.length === most) return found;
      }
    }
    return found;
  }

  /** Removes serials that were dropped from the store. */
  forget(serials: readonly string[]): void {
    for (const serial of serials) this.#parts[shardOf(serial, this.#parts.length)]!.forget(serial);
  }

  #partsOf(document: CrlDocument): readonly EntryLog[] {
    const shard = shardIn(document);
    if (shard === undefined) return this.#parts;
    const parts: EntryLog[] = [];
    for (let part = shard.index; part < this.#parts.length; part += shard.count) parts.push(this.#parts[part]!);
    return parts;
  }
}

const partsFor = (shards: number): EntryLog[] => Array.from({ length: Math.min(MOST_SHARDS, Math.max(FEWEST_PARTS, shards)) }, () => new EntryLog());
