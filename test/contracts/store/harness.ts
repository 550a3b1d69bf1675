import type { Test } from 'tap';
import type { Store } from '../../../src/store/store.ts';

/** A store made for one test, closed and removed after it. */
export interface Opened {
  readonly store: Store;
  /** What another process opens to reach the same store (`test/chaos/open-store.ts`). */
  readonly url: string;
}

export type OpenStore = (t: Test) => Promise<Opened>;

/** One part of the contract. */
export type Part = (t: Test, open: OpenStore) => void;
