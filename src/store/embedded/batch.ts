import { link } from '../../audit/chain.ts';
import type { AuditDraft } from '../../audit/entry.ts';
import { StoreUnavailable } from '../store.ts';
import type { Environment, Reads, Tables } from './environment.ts';
import { META, ordinal } from './keys.ts';
import type { MarkIndex } from './mark-index.ts';
import type { Mark } from './marks.ts';
import type { TableName } from './keys.ts';
import { encodeTail, readTail } from './tail.ts';
import type { Tail } from './tail.ts';

/** What an operation sees of the store, and where it leaves what it wants written. */
export interface Transaction {
  /** Reads see the writes of the operations before, not those of this one. */
  readonly tables: Reads;
  put(table: TableName, key: Buffer, value: Buffer): void;
  remove(table: TableName, key: Buffer): void;
  audit(drafts: readonly AuditDraft[]): void;
  /** The next place in the order of arrival; given out again if the operation writes nothing. */
  place(): number;
  /** Places whose catalogue entries may bear a mark, those of the operations before included. */
  marked(name: Buffer): readonly number[];
  /** Says that the catalogue entry at a place, among the writes, bears these marks. */
  mark(marks: readonly Mark[], place: number): void;
}

/** Reads, decides, and names its writes. Synchronous. What it throws is its caller's error, and then nothing of it is written. */
export type Operation<T> = (transaction: Transaction) => T;

interface Waiting {
  readonly operation: Operation<unknown>;
  readonly resolve: (result: never) => void;
  readonly reject: (error: unknown) => void;
}

/** What one transaction has done: whose operations, what to tell them once it is durable, and the last place it gave out. */
interface Batch {
  readonly taken: readonly Waiting[];
  readonly endings: readonly (() => void)[];
  readonly place: number;
}

interface Write {
  readonly table: TableName;
  readonly key: Buffer;
  /** Undefined: remove. */
  readonly value: Buffer | undefined;
}

/** Milliseconds of operations in one batch: the event loop serves others in between. */
const LONGEST_WORK = 10;
/** Milliseconds after which a batch that has not ended is given up: its outcome is unknown to its callers. */
const PATIENCE = 10_000;
/** Milliseconds between two attempts after a failure, so that a full disk is not hammered. */
const HOLD_OFF = 200;

/**
 * Group commit. One batch is in flight; the operations that come meanwhile make up the next. A batch is one transaction: its operations
 * run one after another, each all or nothing, and every promise waits until the whole is on the disk.
 */
export class Batches {
  readonly #environment: Environment;
  readonly #marks: MarkIndex;
  readonly #patience: number;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  #failedAt = -Infinity;
  #committedAt = -Infinity;
  #stuck = false;
  #closed = false;

  constructor(environment: Environment, marks: MarkIndex, patience = PATIENCE) {
    this.#environment = environment;
    this.#marks = marks;
    this.#patience = patience;
    environment.onWorn = () => void (this.#running ??= this.#run());
  }

  /** Whether the last batch was found durable within so many milliseconds, by the process's own clock. */
  wroteWithin(milliseconds: number): boolean {
    return !this.#stuck && this.#failedAt < this.#committedAt && performance.now() - this.#committedAt < milliseconds;
  }

  /**
   * The operation's result, once its writes are durable.
   * @throws StoreUnavailable when they are not, or it is not known; whatever the operation throws
   */
  submit<T>(operation: Operation<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new StoreUnavailable('the store is closed'));
    if (this.#stuck) return Promise.reject(new StoreUnavailable('the store does not answer'));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ operation, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Resolves when all that was submitted has ended; nothing more is taken. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    do {
      try {
        if (this.#failedAt > this.#committedAt) await this.#recover();
        else await this.#environment.trim();
        if (this.#waiting.length > 0) await this.#commit();
      } catch (error) {
        this.#failedAt = performance.now();
        // Those that were not begun fail with it: after a failure everybody asks again, nobody waits in a line.
        for (const { reject } of this.#waiting.splice(0)) reject(error);
      }
    } while (this.#waiting.length > 0);
    this.#running = undefined;
  }

  async #commit(): Promise<void> {
    let batch: Batch = { taken: [], endings: [], place: 0 };
    const watch = setTimeout(() => {
      this.#stuck = true;
      const error = new StoreUnavailable(`the store has not answered for ${this.#patience} ms`);
      for (const { reject } of [...batch.taken, ...this.#waiting.splice(0)]) reject(error);
    }, this.#patience);
    const { generation } = this.#marks;
    try {
      // Taken in the transaction, at the last moment, so that all who came while the lock was waited for are in.
      await this.#environment.write((tables) => {
        batch = this.#work(tables);
      });
      this.#committedAt = performance.now();
      this.#marks.followed(batch.place, generation);
      for (const end of batch.endings) end();
      if (this.#marks.outgrown) this.#marks.renew(this.#environment).catch(() => undefined);
    } catch (error) {
      for (const { reject } of batch.taken) reject(error);
      throw error;
    } finally {
      clearTimeout(watch);
      this.#stuck = false;
    }
  }

  #work(tables: Tables): Batch {
    const began = performance.now();
    const endings: (() => void)[] = [];
    const before = readTail(tables);
    this.#marks.follow(tables, before.place);
    let tail = before;
    let next = 0;
    while (next < this.#waiting.length && (next % 8 !== 0 || performance.now() - began < LONGEST_WORK)) {
      const { operation, resolve, reject } = this.#waiting[next] as Waiting;
      next += 1;
      try {
        const [result, after] = perform(operation, tables, tail, this.#marks);
        tail = after;
        endings.push(() => resolve(result as never));
      } catch (error) {
        // LMDB has marked the transaction as failed where a write did not go in, and will not commit it.
        if (error instanceof WriteFailed) throw error;
        endings.push(() => reject(error));
      }
    }
    if (tail !== before) tables.meta.put(META.tail, encodeTail(tail));
    this.#environment.touched(next);
    return { taken: this.#waiting.splice(0, next), endings, place: tail.place };
  }

  async #recover(): Promise<void> {
    const sinceFailure = performance.now() - this.#failedAt;
    if (sinceFailure < HOLD_OFF) await new Promise((resolve) => setTimeout(resolve, HOLD_OFF - sinceFailure));
    // After a write that failed half way LMDB refuses every transaction, and its binding waits for ever: begin afresh.
    await this.#environment.reopen();
  }
}

class WriteFailed extends Error {}

/** Runs one operation and then makes its writes. @throws WriteFailed; whatever the operation throws, with nothing written */
function perform<T>(operation: Operation<T>, tables: Tables, tail: Tail, index: MarkIndex): [T, Tail] {
  const writes: Write[] = [];
  const drafts: AuditDraft[] = [];
  const marked: { readonly marks: readonly Mark[]; readonly at: number }[] = [];
  let { place, head } = tail;
  const result = operation({
    tables,
    put: (table, key, value) => void writes.push({ table, key, value }),
    remove: (table, key) => void writes.push({ table, key, value: undefined }),
    audit: (more) => void drafts.push(...more),
    place: () => (place += 1),
    marked: (name) => index.find(name),
    mark: (marks, at) => void marked.push({ marks, at }),
  });
  if (writes.length === 0 && drafts.length === 0) return [result, tail];
  for (const draft of drafts) {
    const linked = link(head, draft);
    head = linked.head;
    writes.push({ table: 'audit', key: ordinal(head.sequence), value: Buffer.from(linked.line) });
  }
  try {
    for (const { table, key, value } of writes) {
      if (value === undefined) tables[table].remove(key);
      else tables[table].put(key, value);
    }
  } catch (error) {
    throw new WriteFailed(error instanceof Error ? error.message : String(error), { cause: error });
  }
  for (const { marks, at } of marked) for (const { name } of marks) index.add(name, at);
  return [result, { place, head }];
}
