import { readFile } from 'node:fs/promises';
import type { ConnectionOptions } from 'node:tls';
import { Redis } from 'ioredis';
import type { Command, Reply } from './link.ts';
import { type Endpoint, endpointText, type RedisLinkOptions } from './options.ts';
import { ErrorReply, meaningOf } from './replies.ts';

/** The server is unusable. The message says why, and which server, without secrets. */
export class LinkDown extends Error {
  override readonly name = 'LinkDown';
  /** True if only a change of settings would help. */
  readonly refused: boolean;

  constructor(message: string, refused = false) {
    super(message);
    this.refused = refused;
  }
}

/** One connection to one server. It never reconnects, and never sends anything twice. */
export interface Connection {
  readonly endpoint: Endpoint;
  /**
   * Sends the commands with one write, in order. Resolves with a reply or an error reply for each; rejects with LinkDown where the connection
   * ended before.
   */
  send(commands: readonly Command[]): Promise<readonly (Reply | ErrorReply)[]>;
  /** Resolves with the reason when the connection has ended for any reason. */
  readonly ended: Promise<string>;
  onMessage(heard: (channel: string, message: string) => void): void;
  close(): void;
}

export interface Credentials {
  readonly user?: string;
  readonly password?: string;
}

/** Milliseconds of silence after which the kernel probes the other end. */
const KEEP_ALIVE = 10_000;
/** Milliseconds for a connection to close gracefully. */
const FAREWELL = 50;

/**
 * Connects and authenticates.
 * @param limit milliseconds in total
 * @throws LinkDown
 */
export async function connect(endpoint: Endpoint, { user, password }: Credentials, { address, tls }: Pick<RedisLinkOptions, 'address' | 'tls'>, limit: number): Promise<Connection> {
  const at = endpointText(endpoint);
  const redis = new Redis({
    ...endpoint,
    ...(address.tls ? { tls: await tlsOptions(tls) } : {}),
    protocol: 2, lazyConnect: true, connectTimeout: limit, disconnectTimeout: FAREWELL, keepAlive: KEEP_ALIVE,
    // Reconnecting, and the fate of commands in progress, is left to the keeper: a script that may have been
    // executed is never sent again.
    retryStrategy: null, enableOfflineQueue: false, autoResendUnfulfilledCommands: false, autoResubscribe: false,
    // HELLO, SELECT and AUTH are sent below: ioredis would use another database if SELECT failed.
    enableReadyCheck: false, disableClientInfo: true,
  });
  let reason = 'the connection has ended';
  redis.on('error', (error: NodeJS.ErrnoException) => (reason = error.message === '' ? error.code ?? error.name : error.message));
  const ended = new Promise<string>((resolve) => redis.once('end', () => resolve(reason)));
  const connection: Connection = {
    endpoint, ended,
    send: (commands) => sendAll(redis, commands, () => new LinkDown(`Redis ${at}: ${reason}`)),
    onMessage: (heard) => void redis.on('message', heard),
    close: () => redis.disconnect(),
  };
  try {
    await within(limit, redis.connect(), `Redis ${at}: no connection within ${limit / 1000} s`);
  } catch (error) {
    redis.disconnect();
    throw error instanceof LinkDown ? error : new LinkDown(`Redis ${at}: ${reason === 'the connection has ended' ? wordsOf(error) : reason}`);
  }
  if (password !== undefined) {
    const [reply] = await within(limit, connection.send([user === undefined ? ['AUTH', password] : ['AUTH', user, password]]), `Redis ${at}: no answer to AUTH`).catch((error: unknown) => {
      redis.disconnect();
      throw error;
    });
    if (reply instanceof ErrorReply) {
      redis.disconnect();
      throw new LinkDown(`Redis ${at}: user and password were refused: ${meaningOf(reply)}`, reply.code !== 'LOADING');
    }
  }
  return connection;
}

/** The promise, or LinkDown with the message after that many milliseconds. */
export function within<T>(limit: number, promise: Promise<T>, message: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => (timer = setTimeout(() => reject(new LinkDown(message)), limit)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function tlsOptions({ ca, cert, key, serverName }: NonNullable<RedisLinkOptions['tls']> = {}): Promise<ConnectionOptions> {
  const read = async (what: string, file: string | undefined): Promise<Record<string, Buffer>> => {
    try {
      return file === undefined ? {} : { [what]: await readFile(file) };
    } catch (error) {
      throw new LinkDown(`store.tls.${what}: ${wordsOf(error)}`, true);
    }
  };
  return { ...await read('ca', ca), ...await read('cert', cert), ...await read('key', key), ...(serverName === undefined ? {} : { servername: serverName }) };
}

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function sendAll(redis: Redis, commands: readonly Command[], lost: () => LinkDown): Promise<readonly (Reply | ErrorReply)[]> {
  const [first, second] = commands;
  if (first !== undefined && second === undefined) return [settled(await oneCall(redis, first).then((reply) => [null, reply] as const, (error: Error) => [error] as const), lost)];
  const pipeline = redis.pipeline();
  for (const [name, ...args] of commands) pipeline.callBuffer(name, args);
  const results = await pipeline.exec() ?? [];
  return results.map((result) => settled(result as readonly [Error | null, unknown?], lost));
}

const oneCall = (redis: Redis, [name, ...args]: Command): Promise<unknown> => redis.callBuffer(name, args);

/** The result of a command. Errors of ioredis are not passed on, since they contain the command's arguments, such as a password. */
function settled([error, reply]: readonly [Error | null, unknown?], lost: () => LinkDown): Reply | ErrorReply {
  if (error === null) return reply as Reply;
  if (error.name === 'ReplyError') return new ErrorReply(error.message);
  throw lost();
}
