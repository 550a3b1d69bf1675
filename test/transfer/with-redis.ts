import t from 'tap';
import type { WholeStore } from '../../src/store/transfer.ts';
import { type OpenWhole, transferContract } from '../contracts/transfer.ts';
import { noRedis, startRedis } from '../helpers/redis.ts';
import { storeOn } from '../store/redis-stores.ts';
import { openEmbedded } from './open-embedded.ts';

/** The contract with Redis at one end or both; one file for each, so that they run beside each other. */
export async function transferWithRedis(name: string, from: 'embedded' | 'redis', to: 'embedded' | 'redis'): Promise<void> {
  if (noRedis !== false) {
    t.plan(0, noRedis);
    return;
  }
  const server = await startRedis(t);
  const kinds = { embedded: openEmbedded, redis: async (t: Parameters<OpenWhole>[0]) => ({ store: (await storeOn(t, server.port)).store as WholeStore }) };
  transferContract(name, kinds[from], kinds[to]);
}
