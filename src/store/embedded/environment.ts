import { chmodSync, mkdirSync, realpathSync, statSync } from 'node:fs';
import { open } from 'lmdb';
import type { Database, RootDatabase } from 'lmdb';
import { StoreUnavailable } from '../store.ts';
import { assertLmdbFile, FILES, identityOf, residentFilePages } from './files.ts';
import { TABLES } from './keys.ts';
import type { TableName } from './keys.ts';
import { causeOf, guard } from './lmdb-errors.ts';
import { alone } from './turnstile.ts';

type Table = Database<Buffer, Buffer>;
export type Tables = Readonly<Record<TableName, Table>>;
/** The tables, for readers. */
export type Reads = Readonly<Record<TableName, Pick<Table, 'getBinary' | 'getRange' | 'getKeys' | 'doesExist' | 'getStats'>>>;

/** Options that the binding honours but its types lack. Single records are read here: read-ahead would only fill memory. */
const UNTYPED = { permissionsMode: 0o600, noReadAhead: true };
/**
 * Address space reserved for the memory map; takes neither memory nor disk. A map that has to grow leaves the old one behind, with all its
 * pages in this process's memory, so it is large from the start.
 */
const MAP_BYTES = 2 ** 40;
/** Resident pages of mapped files that may accumulate before the files are remapped. The kernel counts them as this process's memory. */
const TRIM_PAGES = (8 * 2 ** 20) / 4096;
/** Accesses to the files, single reads or writes, between two checks of that. */
const TRIM_EVERY = 500;

/** Milliseconds between checks that the files are still the same; each costs microseconds. */
const LOOK_EVERY = 100;

/** Milliseconds to wait for another process to finish opening or closing; by then it has died in a way that LMDB can handle. */
const PATIENCE = 5000;

/** Folders open in this process: LMDB's file locks are per process, not per handle. */
const openHere = new Set<string>();

/** LMDB's files, opened, with their tables. They are remapped after a failed commit, and when too much of them stays resident. */
export class Environment {
  readonly #path: string;
  /** Identifies the folder independently of the path used to reach it. */
  readonly #name: string;
  #root: RootDatabase<Buffer, Buffer> | undefined;
  #tables: Tables | undefined;
  #reopening: Promise<void> | undefined;
  /** Identity of the files opened. */
  #files: string | undefined;
  #lookedAt = -Infinity;
  #basePages = 0;
  #touches = 0;
  #isNewView = false;
  readonly #viewAges = (): void => {
    this.#isNewView = false;
  };
  /** Called after many reads: `trim` should be called as soon as nothing is being written. */
  onWorn: () => void = () => undefined;

  /**
   * Opens the files, creating them if absent, accessible to this user only.
   * @throws StoreUnavailable; Error if this process already has the folder open, or its file is not an LMDB file
   */
  static async open(path: string): Promise<Environment> {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    chmodSync(path, 0o700);
    const real = realpathSync(path);
    if (openHere.has(real)) throw new Error(`${real} is open in this process already`);
    assertLmdbFile(`${real}/data.mdb`);
    openHere.add(real);
    const environment = new Environment(real);
    try {
      await environment.#passing(() => environment.#open());
      for (const file of FILES) chmodSync(`${real}/${file}`, 0o600);
    } catch (error) {
      openHere.delete(real);
      throw error;
    }
    return environment;
  }

  private constructor(path: string) {
    this.#path = path;
    const { dev, ino } = statSync(path);
    this.#name = `chancery-store-${dev}-${ino}`;
  }

  /**
   * Returns what `look` finds in a consistent view that includes every acknowledged write. `look` must be synchronous; `touches` is its
   * number of reads.
   */
  async read<T>(look: (tables: Reads) => T, touches = 1): Promise<T> {
    while (this.#reopening !== undefined) await this.#reopening;
    const { root, tables } = this.#opened();
    this.#lookAnew(root);
    const found = guard(() => look(tables));
    this.touched(touches);
    if (this.#touches >= TRIM_EVERY) this.onWorn();
    return found;
  }

  /**
   * LMDB's binding keeps a read transaction for up to a millisecond, during which another process may have acknowledged a newer write. So each
   * turn of the event loop starts a new one. No call arrives within a turn, so the view includes all that was acknowledged before any call
   * being handled.
   */
  #lookAnew(root: RootDatabase<Buffer, Buffer>): void {
    if (this.#isNewView) return;
    root.resetReadTxn();
    this.#isNewView = true;
    // Runs after what is already due, and before the event loop turns.
    process.nextTick(this.#viewAges);
  }

  /**
   * Runs `work` (synchronous) in one write transaction and resolves once it is on disk: LMDB writes the pages, calls fdatasync, and then
   * writes the meta page that makes them current through a descriptor with O_DSYNC. Another thread waits for the lock, writes and syncs;
   * `work` runs on this one.
   * @throws StoreUnavailable: nothing of it was written, or (if the last write failed halfway) all of it; only `reopen` may follow
   */
  async write(work: (tables: Tables) => void): Promise<void> {
    const { root, tables } = this.#opened();
    try {
      await root.transaction(() => work(tables));
    } catch (error) {
      throw await causeOf(error);
    }
    if (performance.now() - this.#lookedAt > LOOK_EVERY) this.#refuseOthers();
  }

  /** Remaps the files. Reads wait; no write may be in progress. @throws StoreUnavailable */
  async reopen(): Promise<void> {
    await this.#passing(() => this.#reopen());
  }

  touched(times: number): void {
    this.#touches += times;
  }

  /** Remaps the files if too much of them has become resident. No write may be in progress. @throws StoreUnavailable */
  async trim(): Promise<void> {
    if (this.#touches < TRIM_EVERY) return;
    this.#touches = 0;
    // Skipped if another process is doing so right now.
    if (residentFilePages() - this.#basePages > TRIM_PAGES) await alone(this.#name, 0, () => this.#reopen());
  }

  async close(): Promise<void> {
    await this.#passing(() => this.#close());
    openHere.delete(this.#path);
  }

  async #passing(work: () => Promise<void> | void): Promise<void> {
    if (!await alone(this.#name, PATIENCE, work)) await work();
  }

  async #reopen(): Promise<void> {
    const reopened = this.#close().then(() => this.#open());
    // Readers that waited find out by themselves whether it succeeded.
    this.#reopening = reopened.catch(() => undefined);
    try {
      await reopened;
    } finally {
      this.#reopening = undefined;
    }
  }

  #opened(): { root: RootDatabase<Buffer, Buffer>; tables: Tables } {
    if (this.#root === undefined || this.#tables === undefined) throw new StoreUnavailable('the store is closed');
    return { root: this.#root, tables: this.#tables };
  }

  /**
   * Files that were deleted or replaced still accept writes from processes that have them open, and everything acknowledged would be lost
   * with them. State cached in memory belongs to the opened files, so the process cannot continue with others.
   * @throws StoreUnavailable
   */
  #refuseOthers(): void {
    this.#lookedAt = performance.now();
    const found = guard(() => identityOf(this.#path));
    if (found !== (this.#files ??= found)) throw new StoreUnavailable(`the files in ${this.#path} are not those that were opened: somebody has replaced or removed them; restart the service`);
  }

  #open(): void {
    if (this.#files !== undefined) this.#refuseOthers();
    guard(() => {
      const root = open<Buffer, Buffer>({
        path: this.#path,
        // The path is a folder, whatever its name looks like.
        noSubdir: false,
        // By default the binding resolves before the data is on disk.
        overlappingSync: false,
        // Batches are made here. The binding's own batching would add an unobserved promise whose rejection ends the process.
        eventTurnBatching: false,
        encoding: 'binary',
        keyEncoding: 'binary',
        maxDbs: TABLES.length,
        mapSize: MAP_BYTES,
        // A page of 4096 octets holds only two or three records and wastes the rest; this one holds six.
        pageSize: 8192,
        ...UNTYPED,
      });
      this.#root = root;
      // One transaction for all tables, so that the lock is taken once.
      this.#tables = root.transactionSync(() =>
        Object.fromEntries(TABLES.map((name) => [name, root.openDB(name, { encoding: 'binary', keyEncoding: 'binary' })]))) as Tables;
    });
    this.#refuseOthers();
    this.#basePages = residentFilePages();
  }

  async #close(): Promise<void> {
    const root = this.#root;
    this.#root = undefined;
    this.#tables = undefined;
    await root?.close();
  }
}
