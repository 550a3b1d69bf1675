import type { RedisLinkOptions } from '../../src/store/redis/link/options.ts';
import type { WholeStore } from '../../src/store/transfer.ts';

/** How a store is opened by its URL: one entry for each implementation, loaded when it is asked for, as writers start often. */
const OPENERS: Readonly<Record<string, (rest: string) => Promise<WholeStore>>> = {
  embedded: async (path) => {
    const { openEmbeddedStore } = await import('../../src/store/embedded/store.ts');
    return openEmbeddedStore({ path });
  },
  /** All that a link needs, as JSON. */
  redis: async (json) => {
    const [{ openRedisStore }, { openRedisLink }] = await Promise.all([import('../../src/store/redis/store.ts'), import('../../src/store/redis/link/open-link.ts')]);
    const options = JSON.parse(json) as RedisLinkOptions;
    return openRedisStore({ link: await openRedisLink(options), prefix: options.hashTag });
  },
};

export async function openByUrl(url: string): Promise<WholeStore> {
  const colon = url.indexOf(':');
  const opener = OPENERS[url.slice(0, colon)];
  if (opener === undefined) throw new Error(`no store is opened by ${url}`);
  return opener(url.slice(colon + 1));
}
