/** An argument for Redis: text as UTF-8, bytes as they are, integers in decimal. */
export type Argument = string | Buffer | number;

/** A reply of Redis: bytes (also for text), integers, lists, nothing. Lists contain no errors. */
export type Reply = Buffer | number | null | readonly Reply[];

export type Command = readonly [name: string, ...args: Argument[]];

/** A Lua script, which the link loads if the server lacks it (SCRIPT LOAD after NOSCRIPT). */
export interface Script {
  /** For logs and metrics. */
  readonly name: string;
  readonly source: string;
}

/**
 * Access to Redis: one primary that is responsible for all keys of the store. Obligations, on every kind of deployment:
 *
 * 1. `evaluate` resolves only when what the script wrote, *and what it saw*, is durable: on the primary's disk, and on as many replicas as required. (A
 *    script that wrote nothing because the thing was already there vouches for another's write.)
 * 2. `read` and `readScript` see every acknowledged write, by whomever; what they saw is durable as in 1.
 * 3. A call rejects with StoreUnavailable, within the time limit, if Redis cannot perform it now, or if the outcome is unknown: ask again.
 *    It never sends a script twice unless it is certain that the first was not executed.
 *    An error reply of the script itself (`redis.error_reply` with text that starts with `CHANCERY`) rejects as ScriptRefused: nothing was written.
 * 4. Calls are sent in the order in which they were made.
 */
export interface RedisLink {
  /** Runs a script that may write. */
  evaluate(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<Reply>;
  /** Runs a read-only script. */
  readScript(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<Reply>;
  /** Runs read-only commands in one round trip, not atomically; one reply per command. */
  read(commands: readonly Command[]): Promise<readonly Reply[]>;
  /** Notifies all subscribers. Only a hint, which may be lost. Never throws. */
  publish(channel: string, message: string): void;
  /** Calls `heard` for each message and, after a gap in which messages may have been lost, with undefined. Returns the function that unsubscribes. */
  subscribe(channel: string, heard: (message: string | undefined) => void): () => void;
  /**
   * From now on, accepts only servers that answer a command with these bytes, since others have different content. `otherwise` describes the
   * mismatch.
   */
  demand(demand: Demand): void;
  /** Throws StoreUnavailable if writes are impossible now. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

export interface Demand {
  readonly command: Command;
  readonly reply: Buffer;
  readonly otherwise: string;
}

/** The script itself refused: nothing was written. */
export class ScriptRefused extends Error {
  override readonly name = 'ScriptRefused';
}
