import { StoreUnavailable } from '../../store.ts';
import { type Connection, LinkDown } from './connection.ts';
import { followingOf, watchFollowers } from './followers.ts';
import type { Command, Reply } from './link.ts';
import { endpointText } from './options.ts';
import { ErrorReply, isElsewhere, listOf, meaningOf } from './replies.ts';

/** How to learn that enough replicas have everything. */
export interface Acknowledgement {
  /** WAIT, or WAITAOF, for so many replicas. */
  readonly command: (replicas: number) => Command;
  /** The fewest that are enough. */
  readonly replicas: number;
  /** Makes sure that the server still is the primary; rejects with LinkDown where it is not. */
  readonly confirm: () => Promise<void>;
}

/** Sends calls over a connection: some commands each, in the order in which they were made. */
export type Lane = (commands: readonly Command[]) => Promise<readonly (Reply | ErrorReply)[]>;

/**
 * A lane whose calls resolve only when enough replicas have all that was written, and all that was seen.
 *
 * WAIT counts the replicas that have the replication stream up to where it stood after the connection's last command, whatever that was:
 * a command that only read waits for the writes of others that it saw. (The documentation promises it for own writes only; Redis and
 * Valkey note the offset after every command, and a test holds them to it.) It holds up its connection: calls that come meanwhile are
 * gathered, and share the next one.
 *
 * After WAIT comes ROLE. It tells which replicas keep step: a failover may promote any of these, so all of them must have it, however few
 * would be enough. And where they give reason to doubt that this is the primary, nothing is acknowledged before that is certain.
 */
export function waitingLane(connection: Connection, { command, replicas, confirm }: Acknowledgement): Lane {
  interface Call {
    readonly commands: readonly Command[];
    readonly resolve: (replies: readonly (Reply | ErrorReply)[]) => void;
    readonly reject: (error: unknown) => void;
  }
  let gathered: Call[] = [];
  let busy = false;
  const watch = watchFollowers();
  let inStep = 0;

  const flush = async (): Promise<void> => {
    const calls = gathered;
    gathered = [];
    const waitedFor = Math.max(replicas, inStep);
    try {
      const replies = await connection.send([...calls.flatMap(({ commands }) => commands), command(waitedFor), ['ROLE']]);
      const following = followingOf(replies.at(-1));
      if (following === undefined) throw new LinkDown(`Redis ${endpointText(connection.endpoint)}: it is no longer the primary`);
      const standing = watch(following, performance.now());
      inStep = standing.inStep;
      // Who has left meanwhile, or was found silent, is waited for no more.
      const shortage = shortageOf(replies.at(-2), Math.max(replicas, Math.min(waitedFor, inStep)), endpointText(connection.endpoint));
      if (standing.doubt && shortage === undefined) await confirm();
      let from = 0;
      for (const { commands, resolve, reject } of calls) {
        if (shortage === undefined) resolve(replies.slice(from, from + commands.length));
        else reject(shortage);
        from += commands.length;
      }
    } catch (error) {
      for (const { reject } of calls) reject(error);
    }
  };
  const drain = async (): Promise<void> => {
    // What is called in the same turn goes together.
    await Promise.resolve();
    while (gathered.length > 0) await flush();
    busy = false;
  };
  return (commands) => new Promise((resolve, reject) => {
    gathered.push({ commands, resolve, reject });
    if (busy) return;
    busy = true;
    void drain();
  });
}

/** Undefined where the reply to WAIT (a count) or WAITAOF (local, replicas) says that enough have it. */
function shortageOf(reply: Reply | ErrorReply | undefined, wanted: number, at: string): Error | undefined {
  if (reply instanceof ErrorReply) return isElsewhere(reply) ? new LinkDown(`Redis ${at}: ${meaningOf(reply)}`) : new StoreUnavailable(`Redis ${at}: ${meaningOf(reply)}`);
  const counts = typeof reply === 'number' ? [reply] : listOf(reply).map(Number);
  const replicas = counts.at(-1) ?? 0;
  if (replicas < wanted) return new StoreUnavailable(`Redis ${at}: ${replicas} of ${wanted} replicas have the write (store.minReplicas)`);
  return counts.length > 1 && counts[0] === 0 ? new StoreUnavailable(`Redis ${at}: the write is not on its disk yet`) : undefined;
}
