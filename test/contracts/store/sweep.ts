import type { Store } from '../../../src/store/store.ts';
import type { Part } from './harness.ts';
import { HOUR, NOW, TODAY, acceptance, approved, claim, crl, denied, digestOf, entryFor, events, feed, pending, plain, publish, put, record, token } from './samples.ts';

const RETAIN = 10_000;

/** Sweeps until nothing is left to look at, and says how often. */
async function sweepAll(store: Store, now: number, most = 1000): Promise<number> {
  for (let times = 1; times < 1000; times += 1) if (!await store.sweep(now, { retainEnded: RETAIN, most })) return times;
  throw new Error('the sweep does not end');
}

/** What leaves, and above all what stays (nothing live is dropped). */
export const sweepContract: Part = (t, open) => {
  t.test('an ended record leaves after its retention, to the millisecond, with all its indexes', async (t) => {
    const { store } = await open(t);
    const certificate = await put(store, record({ notAfter: TODAY + 100 }));
    const refused = await put(store, denied({ updatedAt: NOW }));
    const failed = await put(store, approved(pending()));
    await store.requests.transition('approved', { ...failed, state: 'failed', updatedAt: NOW + 3 }, []);
    const ends: Readonly<Record<string, number>> = { [refused.id]: NOW, [failed.id]: NOW + 3, [certificate.id]: NOW + 100_999 };
    for (const [id, end] of Object.entries(ends)) {
      await sweepAll(store, end + RETAIN);
      t.ok(await store.requests.get(id), 'still there in its last millisecond');
      await sweepAll(store, end + RETAIN + 1);
      t.equal(await store.requests.get(id), undefined);
      t.equal(await store.certificates.get(id), undefined);
    }
    t.same(await store.requests.list({}, { limit: 10 }), { items: [] });
    for (const state of ['denied', 'failed', 'issued'] as const) t.same((await store.requests.list({ state }, { limit: 10 })).items, []);
    t.equal((await events(store)).length, 3, 'the log stays');
    t.same(await store.requests.accept(acceptance(record({ id: certificate.id }))), { outcome: 'stored' }, 'the place in the store is free');
  });

  t.test('what waits, what is being signed and what is valid never leaves', async (t) => {
    const { store } = await open(t);
    const live = [await put(store, pending()), await put(store, approved(pending())), await put(store, record({ notAfter: TODAY + 10 * 365 * 86_400 }))];
    await sweepAll(store, NOW + 9 * 365 * 24 * HOUR);
    for (const one of live) t.strictSame(plain(await store.requests.get(one.id)), plain(one));
  });

  t.test('a revoked certificate\'s record stays as long as its entry is for the next CRL', async (t) => {
    const { store } = await open(t);
    const { id } = await put(store, record({ notAfter: TODAY + 5 }));
    await store.certificates.revoke(id, { at: TODAY, reason: 'superseded' }, entryFor(id), { blockKey: false }, []);
    await publish(store, crl(1, { thisUpdate: TODAY + 5, revision: 1 }));
    t.equal(await store.crls.drop('issuing', [id]), 0);
    await sweepAll(store, NOW + HOUR);
    t.equal((await store.certificates.get(id))?.id, id);
    t.equal((await feed(store)).length, 1);
    t.equal(await store.sweep(NOW + HOUR, { retainEnded: RETAIN, most: 1 }), false, 'what must stay keeps no sweep going');
    await publish(store, crl(2, { thisUpdate: TODAY + 7, revision: 1 }));
    t.equal(await store.crls.drop('issuing', [id]), 1);
    await sweepAll(store, NOW + 3 * HOUR);
    t.equal(await store.certificates.get(id), undefined);
  });

  t.test('a claim whose request has left, or whose time is over, is taken anew; one that stands stays', async (t) => {
    const { store } = await open(t);
    const [gone, over, stays] = [record({ notAfter: TODAY + 1 }), record(), record()];
    await store.requests.accept(acceptance(gone, { claims: [claim('gone', { expires: TODAY + 1e6 })] }));
    await store.requests.accept(acceptance(over, { claims: [claim('over', { expires: TODAY + 1 })] }));
    await store.requests.accept(acceptance(stays, { claims: [claim('stays', { expires: TODAY + 1e6 })] }));
    const now = NOW + 1999 + RETAIN + 1;
    await sweepAll(store, now);
    t.equal(await store.requests.find({ claims: ['gone', 'over'] }, now), undefined);
    t.equal((await store.requests.find({ claims: ['stays'] }, now))?.record.id, stays.id);
    for (const key of ['gone', 'over']) t.equal((await store.requests.accept(acceptance(record(), { claims: [claim(key)], now }))).outcome, 'stored');
    t.equal((await store.requests.accept(acceptance(record(), { claims: [claim('stays')], now }))).outcome, 'exists');
  });

  t.test('a token leaves after its retention, with its claim; until then its uses find their requests', async (t) => {
    const { store } = await open(t);
    const [over, living, revoked] = [token({ expiresAt: NOW + 5 }), token({ expiresAt: NOW + HOUR }), token({ expiresAt: NOW + HOUR })];
    for (const one of [over, living, revoked]) await store.tokens.create(one, claim(one.id, { expires: TODAY + 1 }), [], NOW);
    const use = { token: { id: over.id, csrDigest: digestOf('csr') } };
    await store.requests.accept(acceptance(record(), use));
    await store.tokens.revoke(revoked.id, NOW + 7, []);
    await sweepAll(store, NOW + 5 + RETAIN);
    t.ok(await store.requests.find({ claims: [], ...use }, NOW));
    await sweepAll(store, NOW + 6 + RETAIN);
    t.equal(await store.requests.find({ claims: [], ...use }, NOW), undefined);
    t.equal(await store.tokens.get(over.id), undefined);
    t.ok(await store.tokens.get(revoked.id));
    await sweepAll(store, NOW + 8 + RETAIN);
    t.equal(await store.tokens.get(revoked.id), undefined);
    t.same((await store.tokens.list({ limit: 10 })).items.map(({ id }) => id), [living.id]);
    t.same(await store.tokens.create(token(), claim(over.id), [], NOW + RETAIN), { outcome: 'stored' }, 'the claim went too');
  });

  t.test('a quota\'s window leaves when it is over', async (t) => {
    const { store } = await open(t);
    const quota = { key: 'q', limit: 5, window: 60 };
    const start = Math.floor(NOW / 60_000) * 60_000;
    await store.requests.accept(acceptance(record(), { quota, now: start }));
    await sweepAll(store, start + 59_999);
    t.equal(await store.requests.quotaUsed('q', 60, start), 1);
    await sweepAll(store, start + 60_000);
    t.equal(await store.requests.quotaUsed('q', 60, start), 0);
  });

  t.test('blocked keys, API keys, leases, CRLs and the log stay', async (t) => {
    const { store } = await open(t);
    await store.blockedKeys.add('k', []);
    await publish(store, crl(1));
    await put(store);
    await sweepAll(store, NOW + 100 * 365 * 24 * HOUR);
    t.ok(await store.blockedKeys.has('k'));
    t.equal((await store.crls.head('issuing', 'full'))?.number, 1n);
    t.equal((await events(store)).length, 1);
  });

  t.test('a sweep does a little at a time, and in the end all', async (t) => {
    const { store } = await open(t);
    const living = [];
    for (let n = 0; n < 25; n += 1) {
      await put(store, denied());
      living.unshift((await put(store)).id);
    }
    const times = await sweepAll(store, NOW + HOUR, 7);
    t.ok(times >= 4, `25 to remove, 7 at a time, in ${times}`);
    t.same((await store.requests.list({}, { limit: 100 })).items.map(({ id }) => id), living);
    t.equal(await store.sweep(NOW + HOUR, { retainEnded: RETAIN, most: 1000 }), false);
  });
};
