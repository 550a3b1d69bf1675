import type { Config } from './config/config.ts';
import { openStore } from './open-store.ts';
import { hasIndexes, type RebuiltIndexes } from './store/indexed.ts';

/**
 * Rebuilds the indexes of the configured store from its records, even while services are using it.
 * @returns undefined for the embedded store, whose indexes are written with the records or built at each start
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
