import type { Store } from './store.ts';

/** What rebuilding the indexes found. */
export interface RebuiltIndexes {
  readonly requests: number;
  readonly tokens: number;
  readonly apiKeys: number;
  /** Index entries removed because they pointed to nothing, or to something else. */
  readonly removed: number;
}

/** A store whose indexes are derived from its records, which are authoritative. */
export interface IndexedStore {
  /**
   * Rebuilds every index from the records, in small steps, while the store is in use; records that end meanwhile are swept later. Can be
   * restarted at any time. `progress` receives the amount done and the approximate total.
   */
  rebuildIndexes(progress?: (done: number, total: number) => void): Promise<RebuiltIndexes>;
}

export const hasIndexes = (store: Store): store is Store & IndexedStore => 'rebuildIndexes' in store;
