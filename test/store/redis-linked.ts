import type { Test } from 'tap';
import { openRedisLink } from '../../src/store/redis/link/open-link.ts';
import type { RedisLink, Script } from '../../src/store/redis/link/link.ts';
import type { LinkState, RedisLinkOptions } from '../../src/store/redis/link/options.ts';
import { StoreUnavailable } from '../../src/store/store.ts';
import { HOST, until } from '../helpers/redis.ts';

export const KEY = '{chancery}:test';
export const SET: Script = { name: 'set', source: 'redis.call("SET", KEYS[1], ARGV[1]) return redis.call("INCR", KEYS[1] .. ":count")' };
const GET: Script = { name: 'get', source: 'return redis.call("GET", KEYS[1])' };

export interface Linked {
  readonly link: RedisLink;
  readonly states: readonly LinkState[];
}

/** A link to the servers, with the settings of the configuration; short limits, so that what fails fails soon. */
export async function linked(t: Test, hosts: readonly { readonly port: number }[], { address, ...options }: Partial<Omit<RedisLinkOptions, 'address'>> & { readonly address?: Partial<RedisLinkOptions['address']> } = {}): Promise<Linked> {
  const states: LinkState[] = [];
  const link = await openRedisLink({
    address: { topology: 'single', tls: false, database: 0, ...address, hosts: hosts.map(({ port }) => ({ host: HOST, port })) },
    hashTag: 'chancery', allowVolatile: false, minReplicas: 0, replicaTimeout: 300, timeout: 2000, told: (state) => states.push(state), ...options,
  });
  t.teardown(() => link.close());
  return { link, states };
}

export const write = (link: RedisLink, value: string): Promise<unknown> => link.evaluate(SET, [KEY], [value]);
export const get = async (link: RedisLink): Promise<string> => String(await link.readScript(GET, [KEY], []));

/** Milliseconds that a machine with other things to do may take longer. */
const BUSY = 1000;

/** How a call that must not succeed ended, and that it ended in time. */
export async function refused(t: Test, call: () => Promise<unknown>, pattern: RegExp, within = 2500): Promise<void> {
  const begin = Date.now();
  const error: unknown = await call().then(() => undefined, (error: unknown) => error);
  t.ok(error instanceof StoreUnavailable, `StoreUnavailable, not ${String(error)}`);
  t.match(String(error), pattern);
  const took = Date.now() - begin;
  t.ok(took <= within + BUSY, `after ${took} ms`);
}

/** Waits until calls succeed again. */
export const healed = (link: RedisLink, within = 8000): Promise<void> => until('the link to heal', () => link.ping().then(() => write(link, 'healed')).then(() => true, () => false), within);

