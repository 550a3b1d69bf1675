import t from 'tap';
import { StoreUnavailable } from '../../src/store/store.ts';
import { plain, put } from '../contracts/store/samples.ts';
import { noRedis, startRedis, until } from '../helpers/redis.ts';
import { storeOn } from './redis-stores.ts';

if (noRedis !== false) t.plan(0, noRedis);

t.test('a Redis that was emptied or replaced is not gone on with; when its content is back, it is', { timeout: 60_000 }, async (t) => {
  const server = await startRedis(t);
  const { store, options: { hashTag } } = await storeOn(t, server.port, { timeout: 2000 });
  const of = await put(store);
  const meta = `{${hashTag}}:meta`;
  const reconnected = (): Promise<string> => server.cli('CLIENT', 'KILL', 'TYPE', 'normal');
  await server.cli('RENAME', meta, `${meta}-aside`);
  await reconnected();
  await t.rejects(put(store), { name: 'StoreUnavailable', message: /not the store that was opened/ }, 'empty');
  await t.rejects(store.requests.get(of.id), StoreUnavailable);
  await server.cli('HSET', meta, 'format', '1', 'cursor-key', 'x'.repeat(32));
  await t.rejects(store.ping(), { name: 'StoreUnavailable', message: /not the store that was opened/ }, 'another store');

  await server.cli('RENAME', `${meta}-aside`, meta);
  await until('the store to be taken again', () => put(store).then(() => true, () => false));
  t.strictSame(plain(await store.requests.get(of.id)), plain(of));
});

t.test('an emptied one is noticed also where the connection stays', { timeout: 60_000 }, async (t) => {
  const server = await startRedis(t);
  const { store } = await storeOn(t, server.port, { timeout: 2000 });
  await put(store);
  await server.cli('FLUSHALL');
  await until('it to be refused', () => store.ping().then(() => false, (error: unknown) => error instanceof StoreUnavailable && /not the store that was opened/.test(error.message)), 15_000);
});
