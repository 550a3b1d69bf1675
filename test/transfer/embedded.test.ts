import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEmbeddedStore } from '../../src/store/embedded/store.ts';
import { type OpenWhole, transferContract } from '../contracts/transfer.ts';

const open: OpenWhole = async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'chancery-transfer-'));
  const store = await openEmbeddedStore({ path: join(folder, 'store') });
  t.teardown(async () => {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return { store };
};

transferContract('embedded to embedded', open, open);
