import type { CrlDocument, CrlStore } from '../store/crl-store.ts';
import { EntryLog, type EntrySelection, type Listing, joinSelections } from '../x509/crl-entry-log.ts';
import { MOST_SHARDS, shardOf } from '../x509/crl-shard.ts';
import { type Breathe, breather } from '../breathe.ts';

/** Changes read in one go: a millisecond or two. */
const PAGE = 500;
/** Parts in which entries are kept at least, so that work on one of them is short also at ten million entries. */
const FEWEST_PARTS = 64;

/** The shard that a document is: `index` of `count`; undefined for the full CRL and the delta. */
export function shardIn(document: CrlDocument): { readonly count: number; readonly index: number } | undefined {
  const [, count, index] = /^(\d+)-(\d+)$/.exec(document) ?? [];
  return count === undefined ? undefined : { count: Number(count), index: Number(index) };
}

/**
 * An authority's revocations in memory: what the store's feed has told so far, in parts of which each shard of any number is made.
 * Only what is new is read from the store; entries are kept as they are encoded.
 */
export class RevocationView {
  readonly #store: Pick<CrlStore, 'changes'>;
  readonly #authority: string;
  #parts: EntryLog[];
  #revision = 0;

  /** @param shards the most that there may be at the same time; more are taken in, at the cost of reading everything again */
  constructor(store: Pick<CrlStore, 'changes'>, authority: string, shards = 0) {
    this.#store = store;
    this.#authority = authority;
    this.#parts = partsFor(shards);
  }

  /** The revision that it stands at. */
  get revision(): number {
    return this.#revision;
  }

  /** Certificates that are revoked. */
  get count(): number {
    return this.#parts.reduce((sum, { count }) => sum + count, 0);
  }

  /**
   * Takes in what is new, and says since when the oldest of it is (seconds since the epoch) that came after revision `told`.
   * @throws X509Error where an entry is not what the store says of it; StoreUnavailable
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
        // What has left the feed meanwhile needs no reading.
        this.#revision = Math.max(this.#revision, revision);
        return oldest === Infinity ? {} : { oldest };
      }
      this.#revision = changes.at(-1)!.revision;
      await breathe();
    }
  }

  /** Makes room for so many shards. True where everything must be read again: `follow` does. */
  widen(shards: number): boolean {
    if (shards <= this.#parts.length) return false;
    this.#parts = partsFor(shards);
    this.#revision = 0;
    return true;
  }

  /** The revision of the last change that concerns a document. */
  revisionOf(document: CrlDocument): number {
    return this.#partsOf(document).reduce((last, { revision }) => Math.max(last, revision), 0);
  }

  /** What a document lists. To be used up before the view follows on. */
  select(document: CrlDocument, listing: Listing): EntrySelection {
    return joinSelections(this.#partsOf(document).map((part) => part.select(listing)));
  }

  /** Serials that no document needs, at most so many; `test` as in `EntryLog.find`. */
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

  /** Forgets what has left the store. */
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
