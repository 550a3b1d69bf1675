import t from 'tap';
import { storeContract } from '../contracts/store.ts';
import { noRedis, startRedis } from '../helpers/redis.ts';
import { storeOn } from './redis-stores.ts';

if (noRedis !== false) t.plan(0, noRedis);
else {
  const server = await startRedis(t);
  storeContract('redis', (t) => storeOn(t, server.port));
}
