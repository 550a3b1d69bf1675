import type { Store } from '../../src/store/store.ts';
import { openEmbeddedStore } from '../../src/store/embedded/store.ts';

/** How a store is opened by its URL: one line for each implementation. */
const OPENERS: Readonly<Record<string, (rest: string) => Promise<Store>>> = {
  embedded: (path) => openEmbeddedStore({ path }),
};

export async function openByUrl(url: string): Promise<Store> {
  const colon = url.indexOf(':');
  const opener = OPENERS[url.slice(0, colon)];
  if (opener === undefined) throw new Error(`no store is opened by ${url}`);
  return opener(url.slice(colon + 1));
}
