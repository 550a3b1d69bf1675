import { clearTimeout as stopTimer, setTimeout as startTimer } from 'node:timers';
import { setTimeout } from 'node:timers/promises';
import { StoreUnavailable } from '../store.ts';
import { BatchTransaction } from './batch-transaction.ts';
import type { Ending, Operation } from './batch-transaction.ts';
import type { Environment, Tables } from './environment.ts';
import type { MarkIndex } from './mark-index.ts';
import { readTail } from './tail.ts';

interface Waiting {
  readonly operation: Operation<unknown>;
  readonly resolve: (result: never) => void;
  readonly reject: (error: unknown) => void;
}

/** What one transaction did: the operations, their results, to be delivered once durable, and the last place assigned. */
interface Batch {
  readonly taken: readonly Waiting[];
  readonly endings: readonly Ending[];
  readonly place: number;
}

/** Milliseconds spent on the operations of one batch, after which the event loop serves others. */
const LONGEST_WORK = 10;
/** Milliseconds after which a batch that has not completed is abandoned: its outcome is unknown to its callers. */
const PATIENCE = 10_000;
/** Milliseconds between attempts after a failure, so that a full disk is not hammered. */
const HOLD_OFF = 200;

/**
 * Group commit. While one batch is in flight, incoming operations form the next. A batch is one transaction: its operations run in sequence,
 * each all or nothing, and every promise waits until the whole batch is on disk.
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
    environment.onWorn = () => void (this.#closed || (this.#running ??= this.#run()));
  }

  /** Whether the last batch was found durable within this many milliseconds, by the process's own clock. */
  wroteWithin(milliseconds: number): boolean {
    return !this.#stuck && this.#failedAt < this.#committedAt && performance.now() - this.#committedAt < milliseconds;
  }

  /**
   * Resolves with the operation's result once its writes are durable.
   * @throws StoreUnavailable if they are not, or if that is unknown; whatever the operation throws
   */
  submit<T>(operation: Operation<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new StoreUnavailable('the store is closed'));
    if (this.#stuck) return Promise.reject(new StoreUnavailable('the store does not answer'));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ operation, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Accepts nothing more. Resolves once everything submitted has completed; with false if a batch does not complete. */
  async close(): Promise<boolean> {
    this.#closed = true;
    const late = new AbortController();
    const ended = await Promise.race([
      Promise.resolve(this.#running).then(() => true),
      setTimeout(this.#patience, false, { signal: late.signal, ref: false }).catch(() => false),
    ]);
    late.abort();
    return ended;
  }

  async #run(): Promise<void> {
    do {
      try {
        if (this.#failedAt > this.#committedAt) await this.#recover();
        else await this.#environment.trim();
        if (this.#waiting.length > 0) await this.#commit();
      } catch (error) {
        this.#failedAt = performance.now();
        // Operations not yet started fail as well: after a failure everyone asks again instead of queueing.
        for (const { reject } of this.#waiting.splice(0)) reject(error);
      }
    } while (this.#waiting.length > 0);
    this.#running = undefined;
  }

  async #commit(): Promise<void> {
    let batch: Batch = { taken: [], endings: [], place: 0 };
    const watch = startTimer(() => {
      this.#stuck = true;
      const error = new StoreUnavailable(`the store has not answered for ${this.#patience} ms`);
      for (const { reject } of [...batch.taken, ...this.#waiting.splice(0)]) reject(error);
    }, this.#patience);
    const { generation } = this.#marks;
    try {
      // Taken inside the transaction, at the last moment, to include everything that arrived while waiting for the lock.
      await this.#environment.write((tables) => {
        batch = this.#work(tables);
      });
      this.#committedAt = performance.now();
      this.#marks.followed(batch.place, generation);
      for (const [at, ending] of batch.endings.entries()) {
        if ('error' in ending) batch.taken[at]?.reject(ending.error);
        else batch.taken[at]?.resolve(ending.result as never);
      }
      if (this.#marks.outgrown) this.#marks.renew(this.#environment).catch(() => undefined);
    } catch (error) {
      for (const { reject } of batch.taken) reject(error);
      throw error;
    } finally {
      stopTimer(watch);
      this.#stuck = false;
    }
  }

  #work(tables: Tables): Batch {
    const began = performance.now();
    const before = readTail(tables);
    this.#marks.follow(tables, before.place);
    const run = new BatchTransaction(tables, before, this.#marks);
    const endings: Ending[] = [];
    for (const { operation } of this.#waiting) {
      if (endings.length % 8 === 7 && performance.now() - began > LONGEST_WORK) break;
      endings.push(run.perform(operation));
    }
    const { place } = run.finish();
    this.#environment.touched(endings.length);
    return { taken: this.#waiting.splice(0, endings.length), endings, place };
  }

  async #recover(): Promise<void> {
    const sinceFailure = performance.now() - this.#failedAt;
    if (sinceFailure < HOLD_OFF) await setTimeout(HOLD_OFF - sinceFailure);
    // After a write that failed halfway, LMDB refuses every transaction, and its binding waits for ever: start afresh.
    await this.#environment.reopen();
  }
}
