import type { Config } from './config/config.ts';
import { openStore } from './open-store.ts';
import { hasIndexes, type RebuiltIndexes } from './store/indexed.ts';

/**
 * Makes the indexes of the configured store anew from the records, also while services run on it.
 * @returns undefined for a store that has none on its own: the embedded one's are written with the records, or made at each start
 * @throws StoreUnavailable
 */
export async function rebuildIndexesOf({ store: settings }: Config, progress: (done: number, total: number) => void): Promise<RebuiltIndexes | undefined> {
  const store = await openStore(settings);
  try {
    return hasIndexes(store) ? await store.rebuildIndexes(progress) : undefined;
  } finally {
    await store.close();
  }
}
