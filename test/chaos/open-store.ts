import type { Store } from '../../src/store/store.ts';
import { openEmbeddedStore } from '../../src/store/embedded/store.ts';
import { openRedisLink } from '../../src/store/redis/link/open-link.ts';
import type { RedisLinkOptions } from '../../src/store/redis/link/options.ts';
import { openRedisStore } from '../../src/store/redis/store.ts';

/** How a store is opened by its URL: one line for each implementation. */
const OPENERS: Readonly<Record<string, (rest: string) => Promise<Store>>> = {
  embedded: (path) => openEmbeddedStore({ path }),
  /** All that a link needs, as JSON. */
  redis: async (json) => {
    const options = JSON.parse(json) as RedisLinkOptions;
    return openRedisStore({ link: await openRedisLink(options), prefix: options.hashTag });
  },
};

export async function openByUrl(url: string): Promise<Store> {
  const colon = url.indexOf(':');
  const opener = OPENERS[url.slice(0, colon)];
  if (opener === undefined) throw new Error(`no store is opened by ${url}`);
  return opener(url.slice(colon + 1));
}
