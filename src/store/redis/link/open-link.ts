import { StoreUnavailable } from '../../store.ts';
import { startKeeper } from './keeper.ts';
import { type Argument, type Command, type Demand, type RedisLink, type Reply, type Script, ScriptRefused } from './link.ts';
import { endpointText, type RedisLinkOptions } from './options.ts';
import { ErrorReply, meaningOf } from './replies.ts';
import { type KnownScript, knownScript } from './rights.ts';
import type { ScriptState, Session } from './session.ts';
import { subscriber } from './subscriber.ts';

/** Milliseconds after a successful ping during which another one is unnecessary, unless a write has failed since. */
const KNOWN_GOOD = 1000;

/**
 * Opens the link to Redis in any form: a single server, Sentinel, Cluster; with or without TLS. Servers are checked before use, and found again after
 * a failure.
 * @throws StoreUnavailable if it cannot be used; the message says what to fix
 */
export async function openRedisLink(options: RedisLinkOptions): Promise<RedisLink> {
  let demand: Demand | undefined;
  const keeper = await startKeeper({ ...options, demand: () => demand });
  const listener = subscriber(options);
  keeper.onSession(({ endpoint }) => listener.follow(endpoint));
  const known = new Map<Script, KnownScript>();
  /** In process time, like all durations here, since the system clock may be set. */
  let written = -Infinity;

  /** Completes within the time limit from now, including any wait for a session. */
  const call = async <T>(kind: 'write' | 'read', commandsFor: (session: Session) => readonly Command[], resultOf: (replies: readonly (Reply | ErrorReply)[], session: Session) => T): Promise<T> => {
    const end = performance.now() + options.timeout;
    const session = await keeper.session();
    return resultOf(await session.call(kind, commandsFor(session), Math.max(1, end - performance.now())), session);
  };
  const run = async (kind: 'write' | 'read', script: Script, keys: readonly string[], args: readonly Argument[]): Promise<Reply> => {
    let about = known.get(script);
    if (about === undefined) known.set(script, about = knownScript(script, `{${options.hashTag}}:`));
    const { digest, guarded } = about;
    const operands: readonly Argument[] = [keys.length, ...keys, ...args];
    const whole: Command = ['EVAL', script.source, ...operands];
    const ways: Readonly<Record<ScriptState, Command>> = { unseen: ['EVAL', guarded, ...operands], checked: whole, loaded: ['EVALSHA', digest, ...operands] };
    const first = await call(kind, ({ scripts }) => [ways[scripts.get(digest) ?? 'unseen']], ([reply], session) => {
      // SCRIPT FLUSH: the script was certainly not executed.
      if (reply instanceof ErrorReply && reply.code === 'NOSCRIPT') return undefined;
      const result = good(reply, session);
      session.scripts.set(digest, session.scripts.has(digest) ? 'loaded' : 'checked');
      return { result };
    });
    return (first ?? await call(kind, () => [whole], ([reply], session) => ({ result: good(reply, session) }))).result;
  };

  return {
    async evaluate(script, keys, args) {
      try {
        return await run('write', script, keys, args);
      } catch (error) {
        written = -Infinity;
        throw error;
      }
    },
    readScript: (script, keys, args) => run('read', script, keys, args),
    read: async (commands) => (commands.length === 0 ? [] : call('read', () => commands, (replies, session) => replies.map((reply) => good(reply, session)))),
    publish(channel, message) {
      call('read', () => [['PUBLISH', channel, message]], () => undefined).catch(() => undefined);
    },
    subscribe: listener.subscribe,
    demand: (next) => { demand = next; },
    async ping() {
      if (performance.now() - written < KNOWN_GOOD) return;
      await call('write', () => [['SET', `{${options.hashTag}}:ping`, Date.now()]], ([reply], session) => good(reply, session));
      written = performance.now();
    },
    close: async () => {
      listener.close();
      keeper.close();
    },
  };
}

function good(reply: Reply | ErrorReply | undefined, { endpoint }: Session): Reply {
  if (!(reply instanceof ErrorReply)) return reply ?? null;
  if (reply.code === 'CHANCERY') throw new ScriptRefused(reply.text);
  throw new StoreUnavailable(`Redis ${endpointText(endpoint)}: ${meaningOf(reply)}`);
}
