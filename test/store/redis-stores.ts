import { randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import type { Endpoint, RedisLinkOptions } from '../../src/store/redis/link/options.ts';
import { openByUrl } from '../chaos/open-store.ts';
import type { Opened } from '../contracts/store/harness.ts';
import { HOST } from '../helpers/redis.ts';

/** What a test's link to servers of its own needs. */
export const linkOptions = (hosts: readonly Endpoint[], over: Partial<RedisLinkOptions> = {}): RedisLinkOptions => ({
  address: { topology: 'single', tls: false, hosts, database: 0 },
  hashTag: `chancery-${randomBytes(6).toString('hex')}`, allowVolatile: false, minReplicas: 0, replicaTimeout: 2000, timeout: 10_000, ...over,
});

/** The URL by which `open-store.ts` opens a store. */
export const urlOf = (options: RedisLinkOptions): string => `redis:${JSON.stringify(options)}`;

/** An empty store of the test's own on a server that others use too: all its keys are under another hash tag. */
export async function storeOn(t: Test, port: number, over: Partial<RedisLinkOptions> = {}): Promise<Opened & { readonly options: RedisLinkOptions }> {
  const options = linkOptions([{ host: HOST, port }], over);
  const url = urlOf(options);
  const store = await openByUrl(url);
  t.teardown(() => store.close());
  return { store, url, options };
}
