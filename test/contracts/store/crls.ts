import { randomBytes } from 'node:crypto';
import type { RequestRecord } from '../../../src/issuance/request.ts';
import type { Store } from '../../../src/store/store.ts';
import type { Part } from './harness.ts';
import { HOSTILE_NAMES, TODAY, crl, draft, entryFor, events, plain, put, record } from './samples.ts';

async function revoked(store: Store, over: Partial<RequestRecord> = {}): Promise<string> {
  const { id } = await put(store, record(over));
  await store.certificates.revoke(id, { at: TODAY, reason: 'superseded' }, entryFor(id), { blockKey: false }, []);
  return id;
}

const serials = async (store: Store, scope = 'issuing'): Promise<string[]> => (await store.crls.entries(scope)).entries.map(({ serial }) => serial).sort();

/** CRLs: entries, revisions, publication. */
export const crlsContract: Part = (t, open) => {
  t.test('a scope without anything has nothing', async (t) => {
    const { store } = await open(t);
    for (const scope of ['issuing', ...HOSTILE_NAMES]) {
      t.same(await store.crls.entries(scope), { revision: 0, entries: [] });
      t.equal(await store.crls.revision(scope), 0);
      t.equal(await store.crls.head(scope), undefined);
      t.equal(await store.crls.current(scope), undefined);
    }
  });

  t.test('a published CRL is read back octet by octet, large or small', async (t) => {
    const { store } = await open(t);
    let number = 0;
    for (const size of [1, 400, 65_535, 65_536, 65_537, 1_500_000, 70_000, 3]) {
      const next = crl(number += 1, { der: new Uint8Array(randomBytes(size)) });
      t.equal(await store.crls.publish('issuing', next, [], [draft('crl.published', 'issuing')]), 'stored');
      const { der, ...head } = next;
      const current = await store.crls.current('issuing');
      t.ok(Buffer.from(der).equals(current?.der ?? Buffer.alloc(0)), `${size} octets`);
      t.strictSame({ ...current, der: undefined }, { ...head, der: undefined });
      t.strictSame(await store.crls.head('issuing'), head);
    }
    t.equal((await events(store)).length, 8);
  });

  t.test('numbers begin at one and rise by one; all else is superseded and writes nothing', async (t) => {
    const { store } = await open(t);
    const publish = (number: number) => store.crls.publish('issuing', crl(number), [], [draft('crl.published', 'issuing')]);
    for (const wrong of [0, 2, -1]) t.equal(await publish(wrong), 'superseded');
    t.equal(await publish(1), 'stored');
    for (const wrong of [0, 1, 3]) t.equal(await publish(wrong), 'superseded');
    t.equal(await publish(2), 'stored');
    t.equal((await store.crls.head('issuing'))?.number, 2n);
    t.equal((await events(store)).length, 2);
  });

  t.test('a number beyond what a double holds is kept exactly', async (t) => {
    const { store } = await open(t);
    const { store: other } = await open(t);
    await other.crls.publish('issuing', crl(1), [], []);
    t.equal(await store.crls.publish('issuing', { ...crl(1), number: 2n ** 64n }, [], []), 'superseded');
    t.equal((await other.crls.current('issuing'))?.number, 1n);
  });

  t.test('thisUpdate and revision never go back', async (t) => {
    const { store } = await open(t);
    t.equal(await store.crls.publish('issuing', crl(1, { thisUpdate: TODAY, revision: 5 }), [], []), 'stored');
    t.equal(await store.crls.publish('issuing', crl(2, { thisUpdate: TODAY - 1, revision: 5 }), [], []), 'superseded');
    t.equal(await store.crls.publish('issuing', crl(2, { thisUpdate: TODAY, revision: 4 }), [], []), 'superseded');
    t.equal(await store.crls.publish('issuing', crl(2, { thisUpdate: TODAY, revision: 5 }), [], []), 'stored');
  });

  t.test('scopes do not touch each other, whatever they are called', async (t) => {
    const { store } = await open(t);
    const scopes = ['issuing', 'issuing2', 'root', ...HOSTILE_NAMES];
    const expected = new Map<string, string>();
    for (const scope of scopes) {
      expected.set(scope, await revoked(store, { authority: scope }));
      t.equal(await store.crls.publish(scope, crl(1, { der: new Uint8Array(Buffer.from(`CRL of ${scope}`)), revision: 1 }), [], []), 'stored');
    }
    for (const scope of scopes) {
      t.same(await serials(store, scope), [expected.get(scope)]);
      t.equal(Buffer.from((await store.crls.current(scope))?.der ?? []).toString(), Buffer.from(`CRL of ${scope}`).toString());
      t.equal(await store.crls.revision(scope), 1);
    }
  });

  t.test('every revocation raises the revision, and the entries stand at it', async (t) => {
    const { store } = await open(t);
    const made: string[] = [];
    for (let revision = 1; revision <= 5; revision += 1) {
      made.push(await revoked(store));
      t.equal(await store.crls.revision('issuing'), revision);
      t.equal((await store.crls.entries('issuing')).revision, revision);
      t.same(await serials(store), [...made].sort());
    }
    await store.crls.publish('issuing', crl(1, { revision: 5 }), [], []);
    t.equal(await store.crls.revision('issuing'), 5, 'publishing does not');
  });

  t.test('many entries come in one consistent view, while more are made', async (t) => {
    const { store } = await open(t);
    const many = 5000;
    for (let made = 0; made < many; made += 500) await Promise.all(Array.from({ length: 500 }, () => revoked(store)));
    const [view] = await Promise.all([store.crls.entries('issuing'), revoked(store), revoked(store)]);
    t.equal(view.entries.length, view.revision);
    t.equal(new Set(view.entries.map(({ serial }) => serial)).size, view.revision);
    t.equal(await store.crls.revision('issuing'), many + 2);
  });

  t.test('an entry leaves only when its certificate had ended before the last published CRL', async (t) => {
    const { store } = await open(t);
    const over = await revoked(store, { notAfter: TODAY + 9 });
    const lastSecond = await revoked(store, { notAfter: TODAY + 10 });
    const living = await revoked(store, { notAfter: TODAY + 50 });
    const drop = [over, lastSecond, living, 'ff', ...HOSTILE_NAMES];
    t.equal(await store.crls.publish('issuing', crl(1, { thisUpdate: TODAY + 10, revision: 3 }), drop, []), 'stored');
    t.same(await serials(store), [over, lastSecond, living].sort(), 'there was no CRL before');
    t.equal(await store.crls.publish('issuing', crl(3, { thisUpdate: TODAY + 60, revision: 3 }), drop, []), 'superseded');
    t.same(await serials(store), [over, lastSecond, living].sort(), 'what is superseded drops nothing');
    t.equal(await store.crls.publish('issuing', crl(2, { thisUpdate: TODAY + 60, revision: 3 }), drop, []), 'stored');
    t.same(await serials(store), [lastSecond, living].sort(), 'that which was over by the first CRL');
    t.equal(await store.crls.revision('issuing'), 3);
    t.equal(plain(await store.certificates.get(over))?.revocation?.reason, 'superseded', 'its record stays');
  });
};
