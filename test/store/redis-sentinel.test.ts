import t from 'tap';
import { storeContract } from '../contracts/store.ts';
import { HOST, noRedis } from '../helpers/redis.ts';
import { startSentinels } from '../helpers/redis-topologies.ts';
import { storeOn } from './redis-stores.ts';

if (noRedis !== false) t.plan(0, noRedis);
else {
  const { sentinels, name } = await startSentinels(t);
  const hosts = sentinels.map(({ port }) => ({ host: HOST, port }));
  storeContract('redis under sentinels, one replica must have each write', (t) => storeOn(t, 0, { address: { topology: 'sentinel', tls: false, hosts, name, database: 0 }, minReplicas: 1 }));
}
