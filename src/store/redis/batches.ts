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

/** Operations per batch: they take Redis a few milliseconds, in which it serves no one else. */
const MOST = 256;
/** Octets per batch. */
const MOST_BYTES = 4 * 2 ** 20;
/** Size assumed for an operation without large values. */
const SMALL = 1024;

/**
 * Group commit. While one batch is in flight, incoming operations form the next. A batch is one script call and one round trip; its operations run in
 * sequence, each all or nothing, and every promise waits until the whole batch is durable.
 */
export class Batches {
  readonly #run: (operations: readonly Packable[]) => Promise<readonly (Reply | StoreUnavailable)[]>;
  #waiting: Waiting[] = [];
  #inFlight: Promise<void> | undefined;
  #closed = false;

  /** @param run performs some operations in one round trip: returns a reply for each, in order, or the error of an operation that failed */
  constructor(run: (operations: readonly Packable[]) => Promise<readonly (Reply | StoreUnavailable)[]>) {
    this.#run = run;
  }

  /**
   * Resolves with the operation's reply once it is durable.
   * @throws StoreUnavailable if it is not, or if that is unknown
   */
  submit(...operation: readonly Packable[]): Promise<Reply> {
    if (this.#closed) return Promise.reject(new StoreUnavailable('the store is closed'));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ operation, resolve, reject });
      // Deferred, so that everything from this turn of the event loop goes together.
      this.#inFlight ??= Promise.resolve().then(() => this.#work());
    });
  }

  /** Accepts nothing more. Resolves once everything submitted has completed. */
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

/** Batches for a script that derives all keys from `meta`. */
export const inBatches = (link: RedisLink, keys: Keyspace, script: Script): Batches =>
  new Batches(async (operations) => await link.readScript(script, [keys.meta], [keys.prefix, pack(operations).bytes]) as readonly Reply[]);
