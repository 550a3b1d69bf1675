import type { Store } from './store.ts';

/** What was found when indexes were made anew. */
export interface RebuiltIndexes {
  readonly requests: number;
  readonly tokens: number;
  readonly apiKeys: number;
  /** Entries of indexes that stood for nothing, or for something else. */
  readonly removed: number;
}

/** A store that keeps indexes beside its records: the records are the truth. */
export interface IndexedStore {
  /**
   * Makes every index anew from the records, in small steps, while the store serves; what ended meanwhile is swept later. Can be begun
   * again at any time. `progress` is told how much of about how much is done.
   */
  rebuildIndexes(progress?: (done: number, total: number) => void): Promise<RebuiltIndexes>;
}

export const hasIndexes = (store: Store): store is Store & IndexedStore => 'rebuildIndexes' in store;
