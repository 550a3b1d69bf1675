import t from 'tap';
import { storeContract } from '../contracts/store.ts';
import { HOST, noRedis } from '../helpers/redis.ts';
import { startCluster } from '../helpers/redis-topologies.ts';
import { storeOn } from './redis-stores.ts';

if (noRedis !== false) t.plan(0, noRedis);
else {
  const { nodes } = await startCluster(t);
  const hosts = nodes.map(({ port }) => ({ host: HOST, port }));
  storeContract('redis cluster', (t) => storeOn(t, 0, { address: { topology: 'cluster', tls: false, hosts, database: 0 } }));
}
