import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type Follower, type RevocationFeed, revocationFeed } from '../../src/revocation/events/feed.ts';
import { openEmbeddedStore } from '../../src/store/embedded/store.ts';
import type { Store } from '../../src/store/store.ts';
import type { RevocationReason } from '../../src/x509/revocation-reason.ts';
import { TODAY, crl, entryFor, publish, put, record } from '../contracts/store/samples.ts';
import { openByUrl } from '../chaos/open-store.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { noRedis, startRedis } from '../helpers/redis.ts';
import { storeOn } from '../store/redis-stores.ts';

const AUTHORITIES = ['root', 'issuing'];

interface Seen {
  readonly id: string;
  readonly event: string;
  readonly data: Readonly<Record<string, string>>;
}

/** Who follows a feed, and remembers what it was told. */
interface Watcher extends Follower {
  readonly seen: Seen[];
  /** What a client would give back. */
  readonly lastId: () => string;
  readonly stop: () => void;
}

function watch(feed: RevocationFeed, lastEventId?: string): Watcher {
  const seen: Seen[] = [];
  let over = false;
  let id = lastEventId ?? '';
  const push = (text: string): void => {
    for (const block of over ? [] : text.split('\n\n').filter((part) => part !== '')) {
      const fields = Object.fromEntries(block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)])) as Record<string, string>;
      id = fields['id'] ?? id;
      if (fields['data'] !== undefined) seen.push({ id, event: fields['event'] ?? '', data: JSON.parse(fields['data']) as Seen['data'] });
    }
  };
  const watcher: Watcher = {
    seen, push, write: (text) => { push(text); return Promise.resolve(!over); }, ended: () => over, lastId: () => id,
    stop: () => {
      over = true;
      feed.leave(watcher);
    },
  };
  feed.follow(watcher, lastEventId).catch((error: unknown) => { throw error; });
  return watcher;
}

async function open(t: Test): Promise<Store> {
  const store = await openEmbeddedStore({ path: join(temporaryFolder('feed'), 'store') });
  t.teardown(() => store.close());
  return store;
}

/** A store, and the same as another process has it. */
interface Shared {
  readonly store: Store;
  readonly other: Store;
}

const KINDS: readonly { readonly kind: string; readonly skip?: string; readonly share: (t: Test) => Promise<Shared> }[] = [
  { kind: 'embedded', share: async (t) => { const store = await open(t); return { store, other: store }; } },
  {
    kind: 'redis', ...(noRedis === false ? {} : { skip: noRedis }),
    share: async (t) => {
      const { store, url } = await storeOn(t, (await startRedis(t)).port);
      const other = await openByUrl(url);
      t.teardown(() => other.close());
      return { store, other };
    },
  },
];

function feedOf(t: Test, store: Pick<Store, 'crls'>): RevocationFeed {
  const feed = revocationFeed({
    store: store.crls, authorities: AUTHORITIES, urlOf: (authority, document) => `http://ca/crl/${authority}/${document}`, failed: (error) => { throw error; },
    sent: () => {},
  });
  t.teardown(() => feed.stop());
  return feed;
}

async function revoke(store: Store, serial: string, reason: RevocationReason): Promise<void> {
  await store.certificates.revoke(serial, { at: TODAY, reason }, entryFor(serial), { blockKey: false }, []);
}

async function issue(store: Store): Promise<string> {
  return (await put(store, record())).id;
}

async function until(what: () => boolean, within = 20_000): Promise<void> {
  const started = performance.now();
  while (!what()) {
    if (performance.now() - started > within) throw new Error(`not within ${within} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const revocations = ({ seen }: Watcher): string[] => seen.filter(({ event }) => event === 'revocation').map(({ data }) => `${data['serial']} ${data['status']}`);
const crls = ({ seen }: Watcher): string[] => seen.filter(({ event }) => event === 'crl').map(({ data }) => `${data['authority']} ${data['document']} ${data['number']}`);

t.test('a follower is told each revocation, release and CRL as it comes, the CRL after what it lists', async (t) => {
  const store = await open(t);
  const before = await issue(store);
  await revoke(store, before, 'superseded');
  await publish(store, crl(1, { revision: 1 }));
  const watcher = watch(feedOf(t, store));
  await until(() => watcher.seen.length === 1);
  t.match(watcher.seen, [{ event: 'crl', data: { authority: 'issuing', document: 'full', number: '1', url: 'http://ca/crl/issuing/full', etag: /^"/ } }], 'it begins with what stands');
  const serial = await issue(store);
  await revoke(store, serial, 'certificateHold');
  await until(() => watcher.seen.length === 2);
  await store.certificates.release(serial, TODAY, entryFor(serial), []);
  await until(() => watcher.seen.length === 3);
  await revoke(store, serial, 'keyCompromise');
  await publish(store, crl(2, { revision: 4 }));
  await until(() => watcher.seen.length === 5);
  t.match(watcher.seen.slice(1).map(({ event, data }) => [event, data['status'], data['reason']]), [
    ['revocation', 'held', 'certificateHold'], ['revocation', 'released', 'removeFromCRL'], ['revocation', 'revoked', 'keyCompromise'], ['crl', undefined, undefined],
  ]);
  t.equal(watcher.seen[1]?.data['at'], new Date(TODAY * 1000).toISOString());
  t.equal(new Set(watcher.seen.map(({ id }) => id)).size, 5, 'each has an id of its own');
});

for (const { kind, skip, share } of KINDS) t.test(`${kind}: from every id on follows exactly what came after it, in this process and in another`, { skip: skip ?? false }, async (t) => {
  const { store, other: there } = await share(t);
  const first = watch(feedOf(t, store));
  await until(() => first.lastId() !== '');
  const expected: string[] = [];
  for (let n = 0; n < 30; n += 1) {
    const serial = await issue(store);
    await revoke(store, serial, 'superseded');
    expected.push(`${serial} revoked`);
    if (n % 10 !== 9) continue;
    await publish(store, crl((n + 1) / 10, { revision: n + 1 }));
    await until(() => first.seen.length === expected.length + (n + 1) / 10);
  }
  t.same(revocations(first), expected);
  const other = feedOf(t, there);
  for (const { id } of first.seen) {
    const after = first.seen.slice(first.seen.findIndex((seen) => seen.id === id) + 1);
    const again = watch(other, id);
    await until(() => again.seen.length >= after.filter(({ event }) => event === 'revocation').length + (after.some(({ event }) => event === 'crl') ? 1 : 0));
    await new Promise((resolve) => setTimeout(resolve, 3));
    t.same(revocations(again), after.filter(({ event }) => event === 'revocation').map(({ data }) => `${data['serial']} revoked`));
    t.same(crls(again), crls({ ...first, seen: after }).slice(-1), 'of several CRLs the one that stands');
    again.stop();
  }
});

for (const { kind, skip, share } of KINDS) t.test(`${kind}: whoever comes and goes at random while much is revoked, held and released loses nothing and gets nothing twice`, { skip: skip ?? false }, async (t) => {
  const { store, other } = await share(t);
  // Two readers of one store, as two processes have them.
  const feeds = [feedOf(t, store), feedOf(t, other)];
  const serials = await Promise.all(Array.from({ length: 60 }, () => issue(store)));
  const truth = new Map<string, string>();
  let random = 12_345;
  const next = (most: number): number => (random = (random * 48_271) % 2_147_483_647) % most;
  const clients = Array.from({ length: 12 }, (_, n) => ({ feed: feeds[n % 2] as RevocationFeed, watcher: watch(feeds[n % 2] as RevocationFeed), all: [] as Seen[] }));
  await until(() => clients.every(({ watcher }) => watcher.lastId() !== ''));
  let number = 0;
  for (let step = 0; step < 1200; step += 1) {
    const serial = serials[next(serials.length)] ?? '';
    const state = truth.get(serial);
    if (state === 'held' && next(2) === 0) {
      await store.certificates.release(serial, TODAY, entryFor(serial), []);
      truth.set(serial, 'released');
    } else if (state !== 'held' && state !== 'revoked') {
      await revoke(store, serial, next(20) === 0 ? 'superseded' : 'certificateHold');
      truth.set(serial, (await store.crls.change('issuing', serial))?.reason === 'superseded' ? 'revoked' : 'held');
    }
    if (step % 100 === 50) await publish(store, crl(number += 1, { revision: (await store.crls.standing('issuing')).revision }));
    if (next(10) === 0) {
      const client = clients[next(clients.length)];
      if (client === undefined) continue;
      client.watcher.stop();
      client.all.push(...client.watcher.seen);
      client.feed = feeds[next(2)] as RevocationFeed;
      client.watcher = watch(client.feed, client.watcher.lastId());
    }
  }
  const reached = (seen: readonly Seen[]): Map<string, string> => new Map(seen.filter(({ event }) => event === 'revocation').map(({ data }) => [data['serial'] ?? '', data['status'] ?? '']));
  const everything = ({ all, watcher }: (typeof clients)[number]): Seen[] => [...all, ...watcher.seen];
  const isWhole = (client: (typeof clients)[number]): boolean => {
    const known = reached(everything(client));
    return [...truth].every(([serial, status]) => known.get(serial) === status) && everything(client).some(({ data }) => data['number'] === String(number));
  };
  await until(() => clients.every(isWhole), 10_000);
  for (const client of clients) {
    const all = everything(client);
    t.same(reached(all), truth);
    const revisions = all.filter(({ event }) => event === 'revocation').map(({ id }) => Number(/issuing\/(\d+)/.exec(id)?.[1]));
    t.ok(revisions.every((revision, n) => n === 0 || revision > (revisions[n - 1] ?? 0)), 'revisions rise: nothing came twice');
    t.notOk(all.some(({ event }) => event === 'reset'));
    t.equal(new Set(all.map(({ id }) => id)).size, all.length);
  }
});

t.test('an id that cannot be gone on from is answered by a reset, and what comes from then on follows', async (t) => {
  const store = await open(t);
  for (let n = 0; n < 3; n += 1) await revoke(store, await issue(store), 'superseded');
  await publish(store, crl(1, { revision: 3 }));
  const feed = feedOf(t, store);
  for (const [id, why] of [['nonsense', /not issued by this service/], ['issuing/4/1/0;root/0/0/0', /later time/], ['issuing/3/2/0;root/0/0/0', /later time/], ['issuing/99999/1/0', /later time/]] as const) {
    const watcher = watch(feed, id);
    await until(() => watcher.seen.length === 2);
    t.equal(watcher.seen[0]?.event, 'reset', id);
    t.match(watcher.seen[0]?.data['detail'], why);
    t.same(crls(watcher), ['issuing full 1'], 'the CRL to fetch');
    t.same(revocations(watcher), [], 'not what it lists');
    watcher.stop();
  }
  const watcher = watch(feed, 'issuing/0/0/0');
  await until(() => watcher.seen.length === 4);
  t.equal(revocations(watcher).length, 3, 'a new authority in the deployment is no reason');
  const foreign = watch(feed, 'issuing/3/1/0;gone/7/7/7');
  const serial = await issue(store);
  await revoke(store, serial, 'superseded');
  await until(() => foreign.seen.length === 1);
  t.same(revocations(foreign), [`${serial} revoked`], 'nor one that is gone');
});

t.test('a release that has left the store\'s feed, and a follower that is too far behind, make a reset', async (t) => {
  const store = await open(t);
  const kept = await issue(store);
  await revoke(store, kept, 'superseded');
  const serial = await issue(store);
  await revoke(store, serial, 'certificateHold');
  await store.certificates.release(serial, TODAY, entryFor(serial), []);
  await publish(store, crl(1, { revision: 3 }));
  t.equal(await store.crls.drop('issuing', [serial]), 1);
  const feed = feedOf(t, store);
  const old = watch(feed, 'issuing/2/0/0');
  await until(() => old.seen.some(({ event }) => event === 'crl'));
  t.same(old.seen.map(({ event }) => event), ['reset', 'crl']);
  const far = revocationFeed({
    store: { ...store.crls, standing: async (name) => (name === 'issuing' ? { revision: 20_000, publications: 1 } : store.crls.standing(name)) },
    authorities: AUTHORITIES, urlOf: () => '', failed: () => {}, sent: () => {},
  });
  t.teardown(() => far.stop());
  const slow = watch(far, 'issuing/3/1/0');
  await until(() => slow.seen.length > 0);
  t.match(slow.seen[0], { event: 'reset', data: { detail: /too old/ } });
});

t.test('delta and shards have events of their own', async (t) => {
  const store = await open(t);
  const feed = feedOf(t, store);
  const watcher = watch(feed);
  await until(() => watcher.lastId() !== '');
  await store.crls.publish('issuing', new Map([['full', crl(1)], ['delta', crl(1)], ['2-0', crl(1)], ['2-1', crl(1)]]), []);
  await until(() => watcher.seen.length === 4);
  const beforeDelta = watcher.lastId();
  await store.crls.publish('issuing', new Map([['delta', crl(2)], ['2-1', crl(2)]]), []);
  await until(() => watcher.seen.length === 6);
  t.same(crls(watcher).slice(4).sort(), ['issuing 2-1 2', 'issuing delta 2']);
  const later = watch(feed, beforeDelta);
  await until(() => later.seen.length === 2);
  t.same(crls(later).sort(), ['issuing 2-1 2', 'issuing delta 2']);
  await store.crls.retire('issuing', ['2-0', '2-1'], []);
  await store.crls.publish('issuing', new Map([['full', crl(3)]]), []);
  await until(() => watcher.seen.length === 7);
  const last = watch(feed, beforeDelta);
  await until(() => last.seen.length === 2);
  t.same(crls(last).sort(), ['issuing delta 2', 'issuing full 3'], 'what is retired is not told');
});

t.test('the store is asked by one reader, however many follow, and by none when nobody does', async (t) => {
  const store = await open(t);
  let asked = 0;
  const counting = { crls: { ...store.crls, standing: (name: string) => { asked += 1; return store.crls.standing(name); } } };
  const feed = feedOf(t, counting);
  const watchers = Array.from({ length: 500 }, () => watch(feed));
  await until(() => watchers.every((watcher) => watcher.lastId() !== ''));
  asked = 0;
  await new Promise((resolve) => setTimeout(resolve, 1500));
  t.ok(asked >= 2 * AUTHORITIES.length && asked <= 5 * AUTHORITIES.length, `asked ${asked} times in 1.5 s for ${watchers.length} followers`);
  for (const watcher of watchers) watcher.stop();
  await new Promise((resolve) => setTimeout(resolve, 700));
  asked = 0;
  await new Promise((resolve) => setTimeout(resolve, 700));
  t.equal(asked, 0);
  const again = watch(feed);
  await until(() => again.lastId() !== '');
});

t.test('a store that does not answer for a while loses nothing, and is told of once', async (t) => {
  const store = await open(t);
  let broken = false;
  const failures: unknown[] = [];
  const feed = revocationFeed({
    store: { ...store.crls, standing: (name) => (broken ? Promise.reject(new Error('no answer')) : store.crls.standing(name)) },
    authorities: AUTHORITIES, urlOf: () => '', failed: (error) => failures.push(error), sent: () => {},
  });
  t.teardown(() => feed.stop());
  const watcher = watch(feed);
  await until(() => watcher.lastId() !== '');
  broken = true;
  const serial = await issue(store);
  await revoke(store, serial, 'superseded');
  await new Promise((resolve) => setTimeout(resolve, 1200));
  t.equal(failures.length, 1);
  t.equal(watcher.seen.length, 0);
  broken = false;
  await until(() => watcher.seen.length === 1);
  t.same(revocations(watcher), [`${serial} revoked`]);
});

t.test('who leaves while the store does not answer is waited for no longer', async (t) => {
  const store = await open(t);
  const feed = revocationFeed({
    store: { ...store.crls, standing: () => Promise.reject(new Error('no answer')) },
    authorities: AUTHORITIES, urlOf: () => '', failed: () => {}, sent: () => {},
  });
  t.teardown(() => feed.stop());
  const told: string[] = [];
  const follower: Follower = { push: (text) => told.push(text), write: (text) => Promise.resolve(told.push(text) > 0), ended: () => false };
  let over = false;
  const following = feed.follow(follower, undefined).finally(() => { over = true; });
  await new Promise((resolve) => setTimeout(resolve, 100));
  t.notOk(over);
  feed.leave(follower);
  await until(() => over, 1000);
  await following;
  t.same(told, []);
});
