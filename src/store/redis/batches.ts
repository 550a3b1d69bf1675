import { StoreUnavailable } from '../store.ts';
import type { Keyspace } from './keys.ts';
import type { RedisLink, Reply, Script } from './link/link.ts';
import { pack } from './pack.ts';
import type { Packable } from './pack.ts';

interface Waiting {
  readonly operation: Packable;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: unknown) => void;
}

/** Operations in one batch: a few milliseconds of Redis, in which it serves nobody else. */
const MOST = 256;
/** Octets in one batch. */
const MOST_BYTES = 4 * 2 ** 20;
/** What an operation without bytes of its own counts. */
const SMALL = 1024;

/**
 * Group commit. One batch is in flight; the operations that come meanwhile make up the next. A batch is one script and one round trip;
 * its operations run one after another, each all or nothing, and every promise waits until the whole is durable.
 */
export class Batches {
  readonly #run: (operations: readonly Packable[]) => Promise<readonly (Reply | StoreUnavailable)[]>;
  #waiting: Waiting[] = [];
  #inFlight: Promise<void> | undefined;
  #closed = false;

  /** @param run one round trip for some operations: a reply for each, in their order, or why that one could not be done */
  constructor(run: (operations: readonly Packable[]) => Promise<readonly (Reply | StoreUnavailable)[]>) {
    this.#run = run;
  }

  /**
   * The operation's reply, once it is durable.
   * @throws StoreUnavailable when it is not, or nobody knows
   */
  submit(...operation: readonly Packable[]): Promise<Reply> {
    if (this.#closed) return Promise.reject(new StoreUnavailable('the store is closed'));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ operation, resolve, reject });
      // Not at once: all that comes in this turn of the event loop goes together.
      this.#inFlight ??= Promise.resolve().then(() => this.#work());
    });
  }

  /** Takes nothing more. Resolves when all that was submitted has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#inFlight;
  }

  async #work(): Promise<void> {
    while (this.#waiting.length > 0) await this.#commit(this.#take());
    this.#inFlight = undefined;
  }

  #take(): readonly Waiting[] {
    let [count, bytes] = [0, 0];
    for (const { operation } of this.#waiting) {
      bytes += sizeOf(operation);
      if (count > 0 && (count >= MOST || bytes > MOST_BYTES)) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  async #commit(batch: readonly Waiting[]): Promise<void> {
    try {
      const replies = await this.#run(batch.map(({ operation }) => operation));
      for (const [at, { resolve, reject }] of batch.entries()) {
        const reply = replies[at];
        if (reply === undefined) reject(new StoreUnavailable('Redis gave fewer replies than it was asked for'));
        else if (reply instanceof StoreUnavailable) reject(reply);
        else resolve(reply);
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}

const sizeOf = (operation: Packable): number =>
  (Array.isArray(operation) ? operation as readonly Packable[] : []).reduce<number>((size, part) => size + (typeof part === 'object' && 'bulk' in part ? part.bulk.length : 0), SMALL);

/** Batches of a script that takes all keys from `meta` on. */
export const inBatches = (link: RedisLink, keys: Keyspace, script: Script): Batches =>
  new Batches(async (operations) => await link.readScript(script, [keys.meta], [keys.prefix, pack(operations).bytes]) as readonly Reply[]);
