import { StoreUnavailable } from '../../store.ts';
import { type Connection, LinkDown } from './connection.ts';
import { followingOf, watchFollowers } from './followers.ts';
import type { Command, Reply } from './link.ts';
import { endpointText } from './options.ts';
import { ErrorReply, isElsewhere, listOf, meaningOf } from './replies.ts';

/** How to find out that enough replicas have everything. */
export interface Acknowledgement {
  /** WAIT or WAITAOF for that many replicas. */
  readonly command: (replicas: number) => Command;
  /** The minimum number required. */
  readonly replicas: number;
  /** Makes sure that the server is still the primary; rejects with LinkDown if it is not. */
  readonly confirm: () => Promise<void>;
}

/** Sends the commands of calls over a connection, in the order of the calls. */
export type Lane = (commands: readonly Command[]) => Promise<readonly (Reply | ErrorReply)[]>;

/**
 * A lane whose calls resolve only when enough replicas have everything that was written, and everything that was seen.
 *
 * WAIT counts the replicas that have received the replication stream up to its offset after the connection's last command, whatever that was: a
 * read-only command thus waits for writes by others that it saw. (The documentation only promises this for the connection's own writes, but Redis and
 * Valkey record the offset after every command, and a test verifies that.) WAIT blocks its connection: calls arriving meanwhile are collected, and share
 * the next one.
 *
 * After WAIT comes ROLE, which tells which replicas are in step: since a failover may promote any of them, all must have the data, even if fewer were
 * required. And if they raise doubt whether this is the primary, nothing is acknowledged until that is certain.
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
      // Replicas that left meanwhile, or turned out to be silent, are not waited for.
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
    // Calls from the same turn go together.
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

/** Undefined if the reply to WAIT (a count) or WAITAOF (local, replicas) says that enough have it. */
function shortageOf(reply: Reply | ErrorReply | undefined, wanted: number, at: string): Error | undefined {
  if (reply instanceof ErrorReply) return isElsewhere(reply) ? new LinkDown(`Redis ${at}: ${meaningOf(reply)}`) : new StoreUnavailable(`Redis ${at}: ${meaningOf(reply)}`);
  const counts = typeof reply === 'number' ? [reply] : listOf(reply).map(Number);
  const replicas = counts.at(-1) ?? 0;
  if (replicas < wanted) return new StoreUnavailable(`Redis ${at}: ${replicas} of ${wanted} replicas have the write (store.minReplicas)`);
  return counts.length > 1 && counts[0] === 0 ? new StoreUnavailable(`Redis ${at}: the write is not on its disk yet`) : undefined;
}
