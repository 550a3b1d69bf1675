import t from 'tap';
import { verifyChain } from '../../src/audit/verify.ts';
import { StoreUnavailable } from '../../src/store/store.ts';
import { acceptance, claim, plain, put, record } from '../contracts/store/samples.ts';
import { noRedis, startRedis } from '../helpers/redis.ts';
import { storeOn } from './redis-stores.ts';

if (noRedis !== false) t.plan(0, noRedis);
else {
  t.test('a Redis that is full refuses every write whole, still reads, and writes again when there is room', async (t) => {
    const server = await startRedis(t);
    const { store } = await storeOn(t, server.port);
    const before = await put(store);
    await server.set('maxmemory', '1mb');
    const refused = Array.from({ length: 50 }, () => record());
    const outcomes = await Promise.allSettled(refused.map((of) => store.requests.accept(acceptance(of, { claims: [claim(of.id)], quota: { key: 'q', limit: 1000, window: 60 } }))));
    for (const outcome of outcomes) t.ok(outcome.status === 'rejected' && outcome.reason instanceof StoreUnavailable, outcome.status);
    await t.rejects(store.ping(), StoreUnavailable);
    t.strictSame(plain(await store.requests.get(before.id)), plain(before));
    t.equal((await store.audit.head()).sequence, 1);
    await server.set('maxmemory', '0');
    const [first] = refused;
    await put(store, first ?? record());
    t.equal((await store.requests.list({}, { limit: 100 })).items.length, 2, 'nothing of what was refused is there');
    t.equal(await store.requests.quotaUsed('q', 60, Date.now()), 0);
    const lines = await store.audit.list({ after: 0, limit: 100 });
    t.same(await verifyChain(lines, await store.audit.head()), []);
    t.equal(lines.length, 2);
  });
}
