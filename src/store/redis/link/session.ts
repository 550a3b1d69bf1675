import { StoreUnavailable } from '../../store.ts';
import { connect, type Connection, LinkDown, within } from './connection.ts';
import { DURABILITY_QUESTIONS, volatility } from './durability.ts';
import { type Lane, waitingLane } from './lane.ts';
import type { Command, Demand, Reply } from './link.ts';
import { type Locate, NobodyToAsk } from './locate.ts';
import { type Endpoint, endpointText, type RedisLinkOptions } from './options.ts';
import { ErrorReply, isElsewhere, listOf, meaningOf, textOf } from './replies.ts';

/** Not sent yet; sent once, so that the permissions are checked; sent in plain form, so that the server has it cached. */
export type ScriptState = 'unseen' | 'checked' | 'loaded';

/**
 * The period with one server, from a successful check to the first doubt that it is the primary, durable, and responsive. After that all calls in
 * progress are ended, and another session starts with another check.
 */
export interface Session {
  readonly endpoint: Endpoint;
  /** Sends a call's commands; see `lane.ts`. Rejects with StoreUnavailable, within the limit in milliseconds. */
  call(kind: 'write' | 'read', commands: readonly Command[], limit: number): Promise<readonly (Reply | ErrorReply)[]>;
  /** The state of scripts on this server, by digest. */
  readonly scripts: Map<string, ScriptState>;
  /** Ends it. */
  end(reason: string): void;
  /** Resolves with the reason when the session has ended. */
  readonly ended: Promise<string>;
}

/** Milliseconds between checks of the calls in progress. */
const LOOK = 250;
/** Milliseconds without a response after which to ask whether another server has become the primary. */
const STALLED = 1000;
/** Milliseconds between checks of a session that seems healthy. */
const CHECK_EVERY = 5000;

/** Milliseconds for which the primary is certain: another replica would first have to be promoted, and ours to notice its departure. */
const CONFIRMED = 250;

/** @throws LinkDown if no server is usable */
export async function openSession(locate: Locate, options: RedisLinkOptions): Promise<Session> {
  const endpoint = await locate();
  const at = endpointText(endpoint);
  const { minReplicas, timeout, replicaTimeout } = options;
  const connections: Connection[] = [];
  const connected = async (): Promise<Connection> => {
    const connection = await connect(endpoint, options.address, options, timeout);
    connections.push(connection);
    await within(timeout, prepare(connection, options), `Redis ${at}: no answer within ${timeout / 1000} s`);
    return connection;
  };
  try {
    const first = await connected();
    const hasWaitAof = await within(timeout, check(first, options), `Redis ${at}: no answer within ${timeout / 1000} s`);
    if (minReplicas === 0) return run(endpoint, connections, first.send, first.send, locate, options);
    // WAIT blocks its connection, so reads have one of their own. (Replicas can be asked for durability since 7.2.)
    const command = (replicas: number): Command => (hasWaitAof && !options.allowVolatile ? ['WAITAOF', 1, replicas, replicaTimeout] : ['WAIT', replicas, replicaTimeout]);
    const second = await connected();
    /** In process time: if the system clock were set back, nothing would be confirmed for that long. */
    let confirmed = -Infinity;
    const confirm = async (): Promise<void> => {
      if (performance.now() - confirmed < CONFIRMED) return;
      await isPrimary(endpoint, () => locate(true));
      confirmed = performance.now();
    };
    return run(endpoint, connections, waitingLane(first, { command, replicas: minReplicas, confirm }), waitingLane(second, { command, replicas: minReplicas, confirm }), locate, options);
  } catch (error) {
    for (const connection of connections) connection.close();
    throw error;
  }
}

/** @throws LinkDown if another server is the primary, or is being promoted, or no one can tell */
async function isPrimary(endpoint: Endpoint, locate: Locate): Promise<void> {
  const primary = await locate();
  if (endpointText(primary) !== endpointText(endpoint)) throw new LinkDown(`Redis ${endpointText(endpoint)}: ${endpointText(primary)} is the primary now`);
}

/** Selects the database, and names the connection, if permitted, for anyone listing the server's clients. */
async function prepare(connection: Connection, { address: { database } }: RedisLinkOptions): Promise<void> {
  const [named, selected] = await connection.send([['CLIENT', 'SETNAME', 'chancery'], ...(database === 0 ? [] : [['SELECT', database] satisfies Command])]);
  for (const reply of [named, selected]) {
    if (reply instanceof ErrorReply && (reply === selected || reply.code !== 'NOPERM')) throw fault(connection, 'SELECT', reply);
  }
}

/**
 * Checks that the server is the primary, holds our keys, grants the permissions we need, and is durable.
 * @returns whether it has WAITAOF
 * @throws LinkDown
 */
async function check(connection: Connection, { allowVolatile, minReplicas, hashTag, demand }: RedisLinkOptions): Promise<boolean> {
  const key = `{${hashTag}}:`;
  const asked: readonly Command[] = [
    ['ROLE'], ['EXISTS', key], ['EVAL', 'return 1', 1, key],
    ...(minReplicas === 0 ? [] : [['WAIT', 0, 1], ['WAITAOF', 0, 0, 1]] satisfies Command[]),
  ];
  const [replies, about] = [await connection.send(asked), allowVolatile ? undefined : await connection.send(DURABILITY_QUESTIONS)];
  const missing = replies.flatMap((reply, index) => (reply instanceof ErrorReply && reply.code === 'NOPERM' && asked[index]?.[0] !== 'WAITAOF' ? [`${asked[index]?.[0] ?? ''} (${reply.text})`] : []));
  if (missing.length > 0) throw new LinkDown(`Redis ${endpointText(connection.endpoint)}: the user lacks rights: ${missing.join(', ')}`, true);
  for (const [index, reply] of replies.entries()) {
    if (reply instanceof ErrorReply && asked[index]?.[0] !== 'WAITAOF') throw fault(connection, String(asked[index]?.[0]), reply);
  }
  if (textOf(listOf(replies[0])[0]) !== 'master') throw new LinkDown(`Redis ${endpointText(connection.endpoint)}: it is a replica, not the primary`);
  for (const reply of about ?? []) if (reply instanceof ErrorReply && isElsewhere(reply)) throw fault(connection, 'CONFIG', reply);
  const faults = about === undefined ? [] : volatility(about);
  if (faults.length > 0) {
    throw new LinkDown(`Redis ${endpointText(connection.endpoint)} may lose what it has acknowledged: ${faults.join('; ')}. Correct its settings, or accept the risk with store.allowVolatile: true`, true);
  }
  await checkContent(connection, demand?.());
  return minReplicas > 0 && !(replies.at(-1) instanceof ErrorReply);
}

/** Checks that it has the same content as the previous server. @throws LinkDown */
async function checkContent(connection: Connection, demand: Demand | undefined): Promise<void> {
  if (demand === undefined) return;
  const [reply] = await connection.send([demand.command]);
  if (reply instanceof ErrorReply) throw fault(connection, demand.command[0], reply);
  if (!Buffer.isBuffer(reply) || !reply.equals(demand.reply)) throw new LinkDown(`Redis ${endpointText(connection.endpoint)}: ${demand.otherwise}`, true);
}

/** Being referred to another node is not an error for a link that supports Clusters. */
const fault = ({ endpoint }: Connection, command: string, reply: ErrorReply): LinkDown =>
  new LinkDown(`Redis ${endpointText(endpoint)}: ${command}: ${meaningOf(reply)}`, reply.code === 'NOPERM' || reply.code === 'ERR');

interface Pending {
  readonly since: number;
  readonly fail: (error: StoreUnavailable) => void;
}

function run(endpoint: Endpoint, connections: readonly Connection[], write: Lane, read: Lane, locate: Locate, options: RedisLinkOptions): Session {
  const at = endpointText(endpoint);
  const lanes = { write, read };
  /** In the order in which they were made. */
  const pending = new Set<Pending>();
  let over: string | undefined;
  let checking = false;
  let checked = performance.now();
  let tell: (reason: string) => void = () => undefined;
  const ended = new Promise<string>((resolve) => (tell = resolve));

  const end = (reason: string): void => {
    if (over !== undefined) return;
    over = reason;
    clearInterval(watch);
    for (const connection of connections) connection.close();
    for (const { fail } of pending) fail(new StoreUnavailable(`${reason}; trying again settles whether it was done`));
    pending.clear();
    tell(reason);
  };
  const endWith = (error: unknown): void => end(error instanceof Error ? error.message : String(error));

  /** Checks that this is still the right server, and in the right state. */
  const look = async (whole: boolean): Promise<void> => {
    checking = true;
    try {
      await isPrimary(endpoint, locate).catch((error: unknown) => {
        // If no one else can be asked, the server itself still can.
        if (!(error instanceof NobodyToAsk)) throw error;
      });
      if (whole) await within(options.timeout, check(connections.at(-1) as Connection, options), `Redis ${at}: no answer within ${options.timeout / 1000} s`);
    } finally {
      checking = false;
      checked = performance.now();
    }
  };
  const watch = setInterval(() => {
    const [oldest] = pending;
    const stalled = oldest !== undefined && performance.now() - oldest.since > STALLED;
    if (checking || (!stalled && performance.now() - checked < CHECK_EVERY)) return;
    // An unresponsive server need not be asked more, only whether there is another one.
    look(!stalled).catch(endWith);
  }, LOOK);
  watch.unref();
  for (const connection of connections) void connection.ended.then((reason) => end(`Redis ${at}: ${reason}`));

  return {
    endpoint, end, ended, scripts: new Map(),
    call: (kind, commands, limit) => new Promise((resolve, reject) => {
      if (over !== undefined) {
        reject(new StoreUnavailable(over));
        return;
      }
      const timer = setTimeout(() => end(`Redis ${at}: no answer within ${options.timeout / 1000} s`), limit);
      const settle = (): void => {
        clearTimeout(timer);
        pending.delete(one);
      };
      const one: Pending = { since: performance.now(), fail: (error) => {
        settle();
        reject(error);
      } };
      pending.add(one);
      const succeed = (replies: readonly (Reply | ErrorReply)[]): void => {
        settle();
        const elsewhere = replies.find((reply): reply is ErrorReply => reply instanceof ErrorReply && isElsewhere(reply));
        resolve(replies);
        if (elsewhere !== undefined) end(`Redis ${at}: ${meaningOf(elsewhere)}`);
      };
      lanes[kind](commands).then(succeed, (error: unknown) => {
        if (error instanceof StoreUnavailable) one.fail(error);
        else endWith(error);
      });
    }),
  };
}
