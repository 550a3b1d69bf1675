import { chmodSync, closeSync, existsSync, mkdirSync, openSync, readFileSync, readSync, realpathSync, statSync } from 'node:fs';
import { open } from 'lmdb';
import type { Database, RootDatabase } from 'lmdb';
import { StoreUnavailable } from '../store.ts';
import { TABLES } from './keys.ts';
import type { TableName } from './keys.ts';
import { alone } from './turnstile.ts';

type Table = Database<Buffer, Buffer>;
export type Tables = Readonly<Record<TableName, Table>>;
/** The tables for those who only look. */
export type Reads = Readonly<Record<TableName, Pick<Table, 'getBinary' | 'getRange' | 'getKeys' | 'doesExist' | 'getStats'>>>;

/** Honoured by the binding, missing in its types. Reads here are of single records: what lies beside them would only fill memory. */
const UNTYPED = { permissionsMode: 0o600, noReadAhead: true };
/**
 * Addresses set aside for the files' map: no memory, no disk. A map that has to grow leaves the old one behind, with all its pages in
 * this process's memory; so it is large from the start.
 */
const MAP_BYTES = 2 ** 40;
/** Resident pages of mapped files that may gather before the map is laid anew. The kernel counts them as this process's memory. */
const TRIM_PAGES = (8 * 2 ** 20) / 4096;
/** Touches of the files, single reads or writes, between two looks at that. */
const TRIM_EVERY = 500;

/** A look whether the files are still the same costs microseconds, and is not made more often than this, milliseconds. */
const LOOK_EVERY = 100;

/** Milliseconds that an opening or closing waits for those of other processes; then the other one has died in a way that LMDB knows of. */
const PATIENCE = 5000;

/** Folders open in this process: LMDB's locks on a file hold for a process, not for a handle. */
const openHere = new Set<string>();

/** LMDB's files, open, with their tables: laid anew after a failed commit and when too much of them stays in memory. */
export class Environment {
  readonly #path: string;
  /** The folder, in whatever way it is reached. */
  readonly #name: string;
  #root: RootDatabase<Buffer, Buffer> | undefined;
  #tables: Tables | undefined;
  #reopening: Promise<void> | undefined;
  /** Which files they are. */
  #files: string | undefined;
  #lookedAt = -Infinity;
  #basePages = 0;
  #touches = 0;
  #isNewView = false;
  readonly #viewAges = (): void => {
    this.#isNewView = false;
  };
  /** Called when so much was read that `trim` should be called, as soon as nothing is being written. */
  onWorn: () => void = () => undefined;

  /**
   * Opens the files, and makes them where they are not, readable for this user only.
   * @throws StoreUnavailable; Error where this process has the folder open already, or the file in it is another program's
   */
  static async open(path: string): Promise<Environment> {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    chmodSync(path, 0o700);
    const real = realpathSync(path);
    if (openHere.has(real)) throw new Error(`${real} is open in this process already`);
    assertOurs(`${real}/data.mdb`);
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

  /** What `look` finds, in one consistent view that has every acknowledged write. `look` must be synchronous; `touches`: single reads in it. */
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
   * LMDB's binding keeps a view for up to a millisecond, in which another process may have answered for a newer one. So each turn of the
   * event loop begins with a new view. Within a turn no call comes in: what was acknowledged before any call that is worked on is in it.
   */
  #lookAnew(root: RootDatabase<Buffer, Buffer>): void {
    if (this.#isNewView) return;
    root.resetReadTxn();
    this.#isNewView = true;
    // After what is already due, and before the event loop turns.
    process.nextTick(this.#viewAges);
  }

  /**
   * Runs `work` (synchronous) in one write transaction and resolves when that is on the disk: LMDB writes the pages, calls fdatasync, and
   * then writes the page that makes them count through a descriptor with O_DSYNC. Waiting for the lock, writing and syncing are done on
   * another thread, `work` on this one.
   * @throws StoreUnavailable: nothing of it is there, or (if the last write failed half way) all of it; nothing else may be done before `reopen`
   */
  async write(work: (tables: Tables) => void): Promise<void> {
    const { root, tables } = this.#opened();
    try {
      await root.transaction(() => work(tables));
    } catch (error) {
      throw await cause(error);
    }
    if (performance.now() - this.#lookedAt > LOOK_EVERY) this.#refuseOthers();
  }

  /** Lays the map anew. Reads wait for it; no write may be under way. @throws StoreUnavailable */
  async reopen(): Promise<void> {
    await this.#passing(() => this.#reopen());
  }

  touched(times: number): void {
    this.#touches += times;
  }

  /** Lays the map anew where too much of it has gathered in memory. No write may be under way. @throws StoreUnavailable */
  async trim(): Promise<void> {
    if (this.#touches < TRIM_EVERY) return;
    this.#touches = 0;
    // Not now, where another process is at it.
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
    // A reader that waited finds out by itself whether it went well.
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
   * Files that somebody has removed, or put others in the place of, still take writes from those who have them open; and with them all that was
   * acknowledged would be gone. What is in memory here is of these, so no other ones can be gone on with.
   * @throws StoreUnavailable
   */
  #refuseOthers(): void {
    this.#lookedAt = performance.now();
    const found = guard(() => identityOf(this.#path));
    if (found !== (this.#files ??= found)) throw new StoreUnavailable(`the files in ${this.#path} are not those that were opened: somebody has replaced or removed them; start the service anew`);
  }

  #open(): void {
    if (this.#files !== undefined) this.#refuseOthers();
    guard(() => {
      const root = open<Buffer, Buffer>({
        path: this.#path,
        // A folder, whatever its name looks like.
        noSubdir: false,
        // The binding's own way resolves before the disk has it.
        overlappingSync: false,
        // The batches are made here. The binding's would add a promise that nobody sees, whose rejection ends the process.
        eventTurnBatching: false,
        encoding: 'binary',
        keyEncoding: 'binary',
        maxDbs: TABLES.length,
        mapSize: MAP_BYTES,
        // Two or three records fit on a page of 4096 octets, with much left over; on this one six.
        pageSize: 8192,
        ...UNTYPED,
      });
      this.#root = root;
      // One transaction for all, so that the lock is waited for once.
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

const FILES = ['data.mdb', 'lock.mdb'] as const;

/** Another text for other files of the same names. */
function identityOf(path: string): string {
  return FILES.map((file) => {
    const { dev, ino } = statSync(`${path}/${file}`, { throwIfNoEntry: false }) ?? {};
    return `${dev}:${ino}`;
  }).join();
}

/** Where LMDB's first page has its magic number and the version of its format, as octets (`MDB_MAGIC`, `MDB_DATA_VERSION` of `mdb.c`). */
const MAGIC = { at: 24, octets: Buffer.from('dec0efbe02000000', 'hex') } as const;

/** The binding ends the process over a file that is none of LMDB's: so it is told before. @throws Error */
function assertOurs(file: string): void {
  if (!existsSync(file)) return;
  const descriptor = openSync(file, 'r');
  try {
    const start = Buffer.alloc(MAGIC.at + MAGIC.octets.length);
    const length = readSync(descriptor, start);
    if (length > 0 && !start.subarray(MAGIC.at).equals(MAGIC.octets)) throw new Error(`${file} is not a file of this store`);
  } finally {
    closeSync(descriptor);
  }
}

/** Resident pages of 4096 octets of all mapped files, as the kernel counts them; 0 where it does not tell. */
function residentFilePages(): number {
  try {
    return Number(readFileSync('/proc/self/statm', 'latin1').split(' ')[2]);
  } catch {
    return 0;
  }
}

/** LMDB's errors carry a number; all other ones are faults of the program and go on as they are. */
function guard<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw isFromStore(error) ? new StoreUnavailable(`the store cannot be read: ${error.message}`, { cause: error }) : error;
  }
}

const isFromStore = (error: unknown): error is Error =>
  error instanceof Error && (typeof (error as { code?: unknown }).code === 'number' || (error as { syscall?: unknown }).syscall !== undefined);

/** The binding hides why a commit failed behind a promise in the error, which nobody else would catch. */
async function cause(error: unknown): Promise<StoreUnavailable> {
  const hidden = (error as { commitError?: Promise<never> }).commitError;
  const reason: unknown = hidden === undefined ? error : await hidden.catch((inner: unknown) => inner);
  return new StoreUnavailable(`the store cannot be written: ${reason instanceof Error ? reason.message : String(reason)}`, { cause: reason });
}
