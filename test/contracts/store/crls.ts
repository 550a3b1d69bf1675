import { randomBytes } from 'node:crypto';
import type { RequestRecord } from '../../../src/issuance/request.ts';
import { MOST_ADDRESSES, type PublishedCrl } from '../../../src/store/crl-store.ts';
import type { Store } from '../../../src/store/store.ts';
import type { RevocationReason } from '../../../src/x509/revocation-reason.ts';
import type { Part } from './harness.ts';
import { HOSTILE_NAMES, TODAY, crl, draft, entryFor, events, feed, plain, publish, put, record } from './samples.ts';

async function revoked(store: Store, over: Partial<RequestRecord> = {}, reason: RevocationReason = 'superseded'): Promise<string> {
  const { id } = await put(store, record(over));
  await store.certificates.revoke(id, { at: TODAY, reason }, entryFor(id), { blockKey: false }, []);
  return id;
}

async function released(store: Store, over: Partial<RequestRecord> = {}): Promise<string> {
  const id = await revoked(store, over, 'certificateHold');
  await store.certificates.release(id, TODAY + 1, entryFor(id), []);
  return id;
}

const serials = async (store: Store, authority = 'issuing'): Promise<string[]> => (await feed(store, authority)).map(({ serial }) => serial).sort();
const revision = async (store: Store, authority = 'issuing'): Promise<number> => (await store.crls.standing(authority)).revision;

/** Revocations of an authority as a feed, and the documents that publish them. */
export const crlsContract: Part = (t, open) => {
  t.test('an authority without anything has nothing', async (t) => {
    const { store } = await open(t);
    for (const authority of ['issuing', ...HOSTILE_NAMES]) {
      t.same(await store.crls.standing(authority), { revision: 0, publications: 0 });
      t.same(await store.crls.changes(authority, 0, 10), { revision: 0, changes: [], restart: false });
      t.equal(await store.crls.change(authority, 'ff'), undefined);
      t.equal(await store.crls.head(authority, 'full'), undefined);
      t.equal(await store.crls.current(authority, 'delta'), undefined);
      t.equal((await store.crls.heads(authority)).size, 0);
      t.equal(await store.crls.lastNumber(authority, '4-3'), 0n);
      t.same(await store.crls.shardGenerations(authority), []);
    }
  });

  t.test('a published CRL is read back octet by octet, large or small', async (t) => {
    const { store } = await open(t);
    let number = 0;
    for (const size of [1, 400, 65_535, 65_536, 65_537, 5_500_000, 1_048_576, 1_048_577, 70_000, 3]) {
      const next = crl(number += 1, { der: new Uint8Array(randomBytes(size)), entries: size, bases: [{ number: 1n, thisUpdate: TODAY, revision: 0 }] });
      t.equal(await publish(store, next, [draft('crl.published', 'issuing')]), 'stored');
      const { der, ...head } = next;
      const current = await store.crls.current('issuing', 'full');
      t.ok(Buffer.from(der).equals(current?.der ?? Buffer.alloc(0)), `${size} octets`);
      t.strictSame({ ...current, der: undefined }, { ...head, der: undefined });
      t.strictSame(await store.crls.head('issuing', 'full'), head);
      t.strictSame(await store.crls.heads('issuing'), new Map([['full', head]]));
    }
    t.equal((await events(store)).length, 10);
    t.equal((await store.crls.standing('issuing')).publications, 10);
  });

  t.test('a large CRL that is read while the next one is published is one of the two', async (t) => {
    const { store } = await open(t);
    const made = Array.from({ length: 6 }, (_, n) => crl(n + 1, { der: new Uint8Array(4_000_000).fill(n + 1) }));
    await publish(store, made[0] as PublishedCrl);
    for (const next of made.slice(1)) {
      const [current] = await Promise.all([store.crls.current('issuing', 'full'), publish(store, next)]);
      t.ok(current?.der.every((octet) => octet === Number(current.number)), `CRL ${current?.number}`);
    }
  });

  t.test('numbers begin at one and rise by one; all else is superseded and writes nothing', async (t) => {
    const { store } = await open(t);
    for (const der of [new Uint8Array(10), new Uint8Array(3_000_000)]) {
      const authority = `with ${der.length}`;
      const tried = (number: number) => publish(store, crl(number, { der }), [draft('crl.published', authority)], 'full', authority);
      for (const wrong of [0, 2, -1]) t.equal(await tried(wrong), 'superseded');
      t.equal(await tried(1), 'stored');
      for (const wrong of [0, 1, 3]) t.equal(await tried(wrong), 'superseded');
      t.equal(await tried(2), 'stored');
      t.equal(await store.crls.lastNumber(authority, 'full'), 2n);
      t.equal(await publish(store, { ...crl(3), number: 2n ** 64n + 3n }, [], 'full', authority), 'superseded', 'a number beyond what a double or 64 bits hold is kept exactly');
    }
    t.equal((await events(store)).length, 4);
  });

  t.test('thisUpdate and revision never go back', async (t) => {
    const { store } = await open(t);
    t.equal(await publish(store, crl(1, { thisUpdate: TODAY, revision: 5 })), 'stored');
    t.equal(await publish(store, crl(2, { thisUpdate: TODAY - 1, revision: 5 })), 'superseded');
    t.equal(await publish(store, crl(2, { thisUpdate: TODAY, revision: 4 })), 'superseded');
    t.equal(await publish(store, crl(2, { thisUpdate: TODAY, revision: 5 })), 'stored');
  });

  t.test('full and delta have one sequence and are stored together or not at all; each shard has its own', async (t) => {
    const { store } = await open(t);
    const both = (full: number, delta: number) => store.crls.publish('issuing', new Map([['full', crl(full, { entries: 7 })], ['delta', crl(delta)]]), [draft('crl.published', 'issuing')]);
    t.equal(await both(1, 1), 'stored');
    for (const [full, delta] of [[2, 1], [2, 3], [1, 2], [3, 3]] as const) t.equal(await both(full, delta), 'superseded', `${full} and ${delta}`);
    t.equal(await publish(store, crl(2), [], 'delta'), 'stored', 'a delta alone takes the next number of both');
    t.equal(await publish(store, crl(2)), 'superseded');
    t.equal(await both(3, 3), 'stored');
    t.equal(await store.crls.publish('issuing', new Map([['2-0', crl(1)], ['2-1', crl(2)]]), []), 'superseded');
    t.equal(await store.crls.publish('issuing', new Map([['2-0', crl(1)], ['2-1', crl(1)]]), []), 'stored');
    t.equal(await publish(store, crl(2), [], '2-1'), 'stored');
    t.same([...(await store.crls.heads('issuing')).entries()].map(([document, { number }]) => `${document} ${number}`).sort(), ['2-0 1', '2-1 2', 'delta 3', 'full 3']);
    t.equal((await store.crls.head('issuing', 'full'))?.entries, 7);
    t.equal((await events(store)).length, 2);
  });

  t.test('a retired document is gone, and its sequence goes on', async (t) => {
    const { store } = await open(t);
    await store.crls.publish('issuing', new Map([['full', crl(1)], ['delta', crl(1)], ['2-0', crl(1, { der: new Uint8Array(2_000_000) })], ['2-1', crl(1)]]), []);
    const { publications } = await store.crls.standing('issuing');
    await store.crls.retire('issuing', ['delta', '2-0', '8-7'], [draft('crl.retired', 'issuing')]);
    t.ok((await store.crls.standing('issuing')).publications > publications);
    t.same([...(await store.crls.heads('issuing')).keys()].sort(), ['2-1', 'full']);
    t.equal(await store.crls.current('issuing', '2-0'), undefined);
    t.equal(await publish(store, crl(1), [], '2-0'), 'superseded');
    t.equal(await publish(store, crl(2), [], '2-0'), 'stored');
    await store.crls.retire('issuing', ['delta'], [draft('crl.retired', 'issuing')]);
    t.same(await events(store), ['crl.retired issuing'], 'what is not there is not retired');
  });

  t.test('authorities do not touch each other, whatever they are called', async (t) => {
    const { store } = await open(t);
    const authorities = ['issuing', 'issuing2', 'root', ...HOSTILE_NAMES];
    const expected = new Map<string, string>();
    for (const authority of authorities) {
      expected.set(authority, await revoked(store, { authority }));
      t.equal(await publish(store, crl(1, { der: new Uint8Array(Buffer.from(`CRL of ${authority}`)), revision: 1 }), [], 'full', authority), 'stored');
      await store.crls.keepShards(authority, { count: 4, until: expected.size, addresses: [] });
    }
    for (const [n, authority] of authorities.entries()) {
      t.same(await serials(store, authority), [expected.get(authority)]);
      t.equal(Buffer.from((await store.crls.current(authority, 'full'))?.der ?? []).toString(), Buffer.from(`CRL of ${authority}`).toString());
      t.equal(await revision(store, authority), 1);
      t.same(await store.crls.shardGenerations(authority), [{ count: 4, until: n + 1, addresses: [] }]);
    }
  });

  t.test('every change raises the revision, and stands at the end of the feed', async (t) => {
    const { store } = await open(t);
    const made: string[] = [];
    for (let n = 1; n <= 5; n += 1) {
      made.push(await revoked(store, {}, 'certificateHold'));
      t.equal(await revision(store), n);
      t.same((await feed(store)).map(({ serial }) => serial), made);
    }
    await publish(store, crl(1, { revision: 5 }));
    t.equal(await revision(store), 5, 'publishing does not');
    const [first = '', second = ''] = made;
    await store.certificates.release(second, TODAY + 1, entryFor(second), []);
    await store.certificates.revoke(first, { at: TODAY + 2, reason: 'superseded' }, entryFor(first), { blockKey: false }, []);
    t.same((await feed(store)).map(({ revision, reason }) => `${revision} ${reason}`), ['3 certificateHold', '4 certificateHold', '5 certificateHold', '6 removeFromCRL', '7 superseded']);
    t.same((await store.crls.changes('issuing', 5, 1)).changes.map(({ serial }) => serial), [second], 'a follower reads what is new');
    t.same(await store.crls.changes('issuing', 7, 10), { revision: 7, changes: [], restart: false });
    t.same(await store.crls.changes('issuing', 8, 10), { revision: 7, changes: [], restart: true }, 'a follower of another past begins again');
  });

  t.test('many changes are followed in pages while more are made, and none is missed', async (t) => {
    const { store } = await open(t);
    for (let made = 0; made < 3000; made += 500) await Promise.all(Array.from({ length: 500 }, () => revoked(store, {}, 'certificateHold')));
    const known = new Map<string, RevocationReason>();
    let after = 0;
    const follow = async (page: number): Promise<void> => {
      for (;;) {
        const { changes } = await store.crls.changes('issuing', after, page);
        for (const { revision, serial, reason } of changes) {
          t.ok(revision > after);
          after = revision;
          known.set(serial, reason);
        }
        if (changes.length < page) return;
      }
    };
    const held = await serials(store);
    await Promise.all([follow(200), ...held.slice(0, 100).map((serial) => store.certificates.release(serial, TODAY, entryFor(serial), [])), revoked(store)]);
    await follow(7);
    t.same(Array.from(known, (one) => one.join(' ')).sort(), (await feed(store)).map(({ serial, reason }) => `${serial} ${reason}`).sort());
    t.equal(after, await revision(store));
  });

  t.test('an entry leaves only when every full CRL and shard that stands has it and was issued after the end', async (t) => {
    const { store } = await open(t);
    const [over, lastSecond, living] = [await revoked(store, { notAfter: TODAY + 9 }), await revoked(store, { notAfter: TODAY + 10 }), await revoked(store, { notAfter: TODAY + 50 })];
    const all = [over, lastSecond, living, 'ff', over, ...HOSTILE_NAMES];
    t.equal(await store.crls.drop('issuing', all), 0, 'there is no CRL');
    await publish(store, crl(1, { thisUpdate: TODAY + 10, revision: 2 }));
    t.same(await serials(store), [over, lastSecond, living].sort());
    await store.crls.publish('issuing', new Map([['4-0', crl(1, { thisUpdate: TODAY + 5, revision: 3 })], ['4-1', crl(1, { thisUpdate: TODAY + 10, revision: 0 })]]), []);
    t.equal(await store.crls.drop('issuing', all), 0, 'one shard is older than the end, one does not cover the entry');
    await publish(store, crl(2, { thisUpdate: TODAY + 10, revision: 3 }), [], '4-0');
    t.equal(await store.crls.drop('issuing', all), 0);
    await publish(store, crl(2, { thisUpdate: TODAY + 10, revision: 1 }), [], '4-1');
    t.equal(await store.crls.drop('issuing', all), 1);
    t.same(await serials(store), [lastSecond, living].sort(), 'that which was over on each');
    await store.crls.publish('issuing', new Map([['full', crl(2, { thisUpdate: TODAY + 11, revision: 3 })], ['4-0', crl(3, { thisUpdate: TODAY + 11, revision: 3 })]]), []);
    t.equal(await store.crls.drop('issuing', all), 0);
    await store.crls.retire('issuing', ['4-1'], []);
    t.equal(await store.crls.drop('issuing', all), 1, 'a retired shard holds nothing');
    t.same(await serials(store), [living]);
    t.equal(await revision(store), 3);
    t.equal(plain(await store.certificates.get(over))?.revocation?.reason, 'superseded', 'its record stays');
    t.equal((await store.crls.changes('issuing', 1, 10)).restart, false, 'whoever follows has no need to know');
  });

  t.test('a release leaves only when no base of the delta needs it; who then is behind it begins again', async (t) => {
    const { store } = await open(t);
    const id = await released(store);
    await revoked(store);
    const delta = (number: number, ...revisions: readonly number[]) => store.crls.publish('issuing', new Map([
      ['full', crl(number, { revision: 3 })],
      ['delta', crl(number, { revision: 3, bases: revisions.map((revision) => ({ number: 1n, thisUpdate: TODAY, revision })) })],
    ]), []);
    t.equal(await store.crls.drop('issuing', [id]), 0, 'there is no CRL');
    await delta(1, 1, 3);
    t.equal(await store.crls.drop('issuing', [id]), 0, 'the base has the hold');
    await delta(2, 2, 1);
    t.equal(await store.crls.drop('issuing', [id]), 0, 'the next base has it');
    await publish(store, crl(1, { revision: 1 }), [], '4-2');
    await delta(3, 2, 3);
    t.equal(await store.crls.drop('issuing', [id]), 0, 'a shard may have it');
    await publish(store, crl(2, { revision: 2 }), [], '4-2');
    t.equal(await store.crls.drop('issuing', [id]), 1);
    t.same((await feed(store)).map(({ revision }) => revision), [3]);
    t.same(await store.crls.changes('issuing', 1, 10), { revision: 3, changes: [], restart: true });
    t.equal((await store.crls.changes('issuing', 2, 10)).restart, false);
    t.equal((await store.crls.changes('issuing', 0, 10)).restart, false, 'who knows nothing misses nothing');
  });

  t.test('without a delta a release leaves as soon as the full CRL is after it', async (t) => {
    const { store } = await open(t);
    const id = await released(store);
    await publish(store, crl(1, { revision: 1 }));
    t.equal(await store.crls.drop('issuing', [id]), 0);
    await publish(store, crl(2, { revision: 2 }));
    t.equal(await store.crls.drop('issuing', [id]), 1);
  });

  t.test('a certificate without a record is revoked by the same rules', async (t) => {
    const { store } = await open(t);
    const certificate = { serial: '0badca', notAfter: TODAY + 1000 };
    const add = (at: number, reason: RevocationReason) => store.crls.add('root', certificate, { at, reason }, entryFor(certificate.serial), [draft('certificate.revoked', certificate.serial)]);
    const change = { revision: 1, serial: certificate.serial, notAfter: TODAY + 1000, at: TODAY, reason: 'superseded', der: entryFor(certificate.serial)(TODAY) };
    t.strictSame(plain(await add(TODAY, 'superseded')), plain({ outcome: 'revoked', change }));
    t.strictSame(plain(await store.crls.change('root', certificate.serial)), plain(change));
    t.strictSame(plain(await add(TODAY + 1, 'cessationOfOperation')), plain({ outcome: 'already-revoked', change }));
    t.strictSame(plain(await add(TODAY + 2, 'keyCompromise')), plain({ outcome: 'revoked', change: { ...change, revision: 2, reason: 'keyCompromise' } }));
    t.strictSame(plain(await feed(store, 'root')), plain([{ ...change, revision: 2, reason: 'keyCompromise' }]));
    t.equal((await events(store)).length, 2);
    t.equal(await store.certificates.get(certificate.serial), undefined);
    await t.rejects(store.crls.add('root', { ...certificate, serial: 'no serial' }, { at: 1, reason: 'superseded' }, entryFor('00'), []));
  });

  t.test('shard counts are remembered until they have ended, and their ends never go back', async (t) => {
    const { store } = await open(t);
    const keep = (count: number, until: number, ...addresses: readonly string[]) => store.crls.keepShards('issuing', { count, until, addresses });
    const all = async () => [...await store.crls.shardGenerations('issuing')].sort((a, b) => a.count - b.count);
    await keep(128, 50, 'http://a/');
    await keep(128, 40, 'http://a/', 'http://b/');
    await keep(8, 10);
    t.same(await all(), [{ count: 8, until: 10, addresses: [] }, { count: 128, until: 50, addresses: ['http://a/', 'http://b/'] }]);
    for (let n = 1; n <= MOST_ADDRESSES; n += 1) await keep(8, 10, `http://${n}/`, 'http://1/');
    await keep(8, 10, 'http://last/');
    t.same((await all())[0]?.addresses, [...Array.from({ length: MOST_ADDRESSES - 1 }, (_, n) => `http://${n + 2}/`), 'http://last/'], 'the oldest leave');
    await store.crls.forgetShards('issuing', 8, 10);
    t.equal((await all()).length, 2);
    await store.crls.forgetShards('issuing', 8, 11);
    await store.crls.forgetShards('issuing', 9, 11);
    t.same((await all()).map(({ count }) => count), [128]);
  });

  t.test('a hint comes for each change and publication of this process, until it is ended', async (t) => {
    const { store } = await open(t);
    const heard: string[] = [];
    const end = store.crls.onHint((authority) => heard.push(authority));
    const heardAfter = async (work: () => Promise<unknown>): Promise<boolean> => {
      const before = heard.length;
      await work();
      for (let wait = 0; wait < 100 && heard.length === before; wait += 1) await new Promise((resolve) => setTimeout(resolve, 10));
      return heard.length > before;
    };
    const { id } = await put(store);
    t.ok(await heardAfter(() => store.certificates.revoke(id, { at: TODAY, reason: 'certificateHold' }, entryFor(id), { blockKey: false }, [])));
    t.ok(await heardAfter(() => store.certificates.release(id, TODAY, entryFor(id), [])));
    t.ok(await heardAfter(() => publish(store, crl(1))));
    t.ok(await heardAfter(() => store.crls.add('issuing', { serial: 'ff', notAfter: TODAY }, { at: TODAY, reason: 'superseded' }, entryFor('ff'), [])));
    t.same(new Set(heard), new Set(['issuing']));
    end();
    const before = heard.length;
    await revoked(store);
    t.equal(heard.length, before);
  });
};
