import { join } from 'node:path';
import { openEmbeddedStore } from '../../src/store/embedded/store.ts';
import type { OpenWhole } from '../contracts/transfer.ts';
import { temporaryFolder } from '../helpers/folder.ts';

/** An empty embedded store, closed after the test. */
export const openEmbedded: OpenWhole = async (t) => {
  const store = await openEmbeddedStore({ path: join(temporaryFolder('transfer'), 'store') });
  t.teardown(() => store.close());
  return { store };
};
