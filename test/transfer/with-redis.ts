import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { openEmbeddedStore } from '../../src/store/embedded/store.ts';
import type { WholeStore } from '../../src/store/transfer.ts';
import { type OpenWhole, transferContract } from '../contracts/transfer.ts';
import { noRedis, startRedis } from '../helpers/redis.ts';
import { storeOn } from '../store/redis-stores.ts';

const embedded: OpenWhole = async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'chancery-transfer-'));
  const store = await openEmbeddedStore({ path: join(folder, 'store') });
  t.teardown(async () => {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return { store };
};

/** The contract with Redis at one end or both; one file for each, so that they run beside each other. */
export async function transferWithRedis(name: string, from: 'embedded' | 'redis', to: 'embedded' | 'redis'): Promise<void> {
  if (noRedis !== false) {
    t.plan(0, noRedis);
    return;
  }
  const server = await startRedis(t);
  const kinds = { embedded, redis: async (t: Parameters<OpenWhole>[0]) => ({ store: (await storeOn(t, server.port)).store as WholeStore }) };
  transferContract(name, kinds[from], kinds[to]);
}
