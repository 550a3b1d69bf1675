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

if (noRedis !== false) t.plan(0, noRedis);
else {
  const server = await startRedis(t);
  const redis: OpenWhole = async (t) => ({ store: (await storeOn(t, server.port)).store as WholeStore });
  transferContract('Redis to Redis', redis, redis);
  transferContract('embedded to Redis', embedded, redis);
  transferContract('Redis to embedded', redis, embedded);
}
