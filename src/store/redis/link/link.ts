/** What goes to Redis: text as UTF-8, bytes as they are, integers in decimal. */
export type Argument = string | Buffer | number;

/** What Redis answers: bytes (also where it means text), integers, lists, nothing. A list's item never is an error. */
export type Reply = Buffer | number | null | readonly Reply[];

export type Command = readonly [name: string, ...args: Argument[]];

/** A Lua script; the link loads it where the server does not have it (SCRIPT LOAD after NOSCRIPT). */
export interface Script {
  /** For logs and metrics. */
  readonly name: string;
  readonly source: string;
}

/**
 * The way to Redis: one primary that answers for all keys of the store. Its obligations, on every kind of Redis:
 *
 * 1. `evaluate` resolves only when what the script wrote, *and what it saw*, is durable: on the primary's disk and with as many
 *    replicas as are asked for. (A script that wrote nothing because the thing was there already answers for another's write.)
 * 2. `read` and `readScript` see every write that was acknowledged, to whomever; the same holds for what they saw as in 1.
 * 3. A call rejects with StoreUnavailable, within the time limit, when Redis cannot do it now or nobody knows whether it did: unknown, ask again.
 *    It never sends a script twice unless it is certain that the first was not run.
 *    An error reply of the script itself (`redis.error_reply` with a text that begins with `CHANCERY`) rejects as ScriptRefused: nothing was written.
 * 4. Calls are sent in the order in which they were made.
 */
export interface RedisLink {
  /** Runs a script that may write. */
  evaluate(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<Reply>;
  /** Runs a script that only reads. */
  readScript(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<Reply>;
  /** Runs commands that only read, in one round trip, without atomicity between them; one reply per command. */
  read(commands: readonly Command[]): Promise<readonly Reply[]>;
  /** Tells all who listen; a hint, which may be lost. Never throws. */
  publish(channel: string, message: string): void;
  /** Calls `heard` for each message and, after a gap in which some may have been lost, with undefined. Returns the way to stop. */
  subscribe(channel: string, heard: (message: string | undefined) => void): () => void;
  /** From now on only a server is used that answers a command with these bytes: another one has other content. `otherwise`: what is said of it. */
  demand(demand: Demand): void;
  /** Throws StoreUnavailable when writes are not possible now. */
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
