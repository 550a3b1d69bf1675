import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEmbeddedStore } from '../../src/store/embedded/store.ts';
import { storeContract } from '../contracts/store.ts';

storeContract('embedded', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'chancery-store-'));
  const path = join(folder, 'store');
  const store = await openEmbeddedStore({ path });
  t.teardown(async () => {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return { store, url: `embedded:${path}` };
});
