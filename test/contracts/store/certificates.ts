import { REVOCATION_REASONS } from '../../../src/x509/revocation-reason.ts';
import type { RevocationReason } from '../../../src/x509/revocation-reason.ts';
import type { Part } from './harness.ts';
import { TODAY, acceptance, denied, digestOf, draft, entryFor, events, feed, pending, plain, put, record } from './samples.ts';

const REASONS = Object.keys(REVOCATION_REASONS) as RevocationReason[];

/** Revocation, and the block list that it may fill. */
export const certificatesContract: Part = (t, open) => {
  t.test('only what was issued is a certificate', async (t) => {
    const { store } = await open(t);
    const [certificate, ...others] = [await put(store), await put(store, pending()), await put(store, denied())] as const;
    t.strictSame(plain(await store.certificates.get(certificate.id)), plain(certificate));
    for (const { id } of others) {
      t.equal(await store.certificates.get(id), undefined);
      t.same(await store.certificates.revoke(id, { at: 1, reason: 'unspecified' }, entryFor(id), { blockKey: true }, []), { outcome: 'unknown' });
    }
    t.same(await feed(store), []);
  });

  t.test('a revocation is in the record, among the entries of its authority, and in the log', async (t) => {
    const { store } = await open(t);
    const of = await put(store, record({ authority: 'another' }));
    const revocation = { at: TODAY, reason: 'affiliationChanged' } as const;
    const revoked = { ...of, revocation };
    const audit = [draft('certificate.revoked', of.id)];
    t.strictSame(plain(await store.certificates.revoke(of.id, revocation, entryFor(of.id), { blockKey: false }, audit)), plain({ outcome: 'revoked', record: revoked }));
    t.strictSame(plain(await store.certificates.get(of.id)), plain(revoked));
    t.strictSame(plain(await store.requests.get(of.id)), plain(revoked));
    t.strictSame(plain(await feed(store, 'another')), plain([{ revision: 1, serial: of.id, at: TODAY, notAfter: of.notAfter, reason: 'affiliationChanged', der: entryFor(of.id)(TODAY) }]));
    t.same(await feed(store), []);
    t.same(await events(store), [`certificate.issued ${of.id}`, `certificate.revoked ${of.id}`]);
    t.equal(await store.blockedKeys.has(of.keyHash), false);
  });

  t.test('a second revocation is refused with when and why, and changes nothing', async (t) => {
    const { store } = await open(t);
    const of = await put(store);
    const first = { at: TODAY, reason: 'superseded' } as const;
    await store.certificates.revoke(of.id, first, entryFor(of.id), { blockKey: false }, []);
    for (const reason of REASONS.filter((one) => one !== 'keyCompromise')) {
      const second = await store.certificates.revoke(of.id, { at: TODAY + 9, reason }, entryFor(of.id), { blockKey: true }, [draft('certificate.revoked', of.id)]);
      t.strictSame(plain(second), plain({ outcome: 'already-revoked', record: { ...of, revocation: first } }), reason);
    }
    t.equal((await store.crls.standing('issuing')).revision, 1);
    t.equal(await store.blockedKeys.has(of.keyHash), false, 'a refused revocation blocks no key');
    t.equal((await events(store)).length, 1);
  });

  t.test('keyCompromise replaces another reason once; the time stays', async (t) => {
    const { store } = await open(t);
    const of = await put(store);
    await store.certificates.revoke(of.id, { at: TODAY, reason: 'superseded' }, entryFor(of.id), { blockKey: false }, [draft('certificate.revoked', of.id)]);
    const compromised = { at: TODAY + 9, reason: 'keyCompromise' } as const;
    const replaced = await store.certificates.revoke(of.id, compromised, entryFor(of.id), { blockKey: true }, [draft('certificate.revoked', of.id)]);
    const after = { ...of, revocation: { at: TODAY, reason: 'keyCompromise' } };
    t.strictSame(plain(replaced), plain({ outcome: 'revoked', record: after }));
    t.strictSame(plain(await feed(store)), plain([{ revision: 2, serial: of.id, at: TODAY, notAfter: of.notAfter, reason: 'keyCompromise', der: entryFor(of.id)(TODAY) }]), 'its entry has the first time');
    t.equal(await store.blockedKeys.has(of.keyHash), true);
    const third = await store.certificates.revoke(of.id, { at: TODAY + 20, reason: 'keyCompromise' }, entryFor(of.id), { blockKey: true }, [draft('certificate.revoked', of.id)]);
    t.strictSame(plain(third), plain({ outcome: 'already-revoked', record: after }));
    t.equal((await store.crls.standing('issuing')).revision, 2);
    t.equal((await events(store)).length, 3);
  });

  t.test('a key is blocked once, and said to be once, however many certificates have it', async (t) => {
    const { store } = await open(t);
    const [one, other] = [await put(store), await put(store, record({ keyHash: digestOf('one key') }))];
    const same = await put(store, record({ keyHash: one.keyHash }));
    for (const of of [one, same, other]) {
      await store.certificates.revoke(of.id, { at: TODAY, reason: 'keyCompromise' }, entryFor(of.id), { blockKey: true }, [draft('certificate.revoked', of.id), draft('key.blocked', of.keyHash)]);
    }
    t.same((await events(store)).slice(3), [`certificate.revoked ${one.id}`, `key.blocked ${one.keyHash}`, `certificate.revoked ${same.id}`, `certificate.revoked ${other.id}`, `key.blocked ${other.keyHash}`]);
  });

  t.test('a hold becomes final by any permanent reason, with the time of the hold', async (t) => {
    const { store } = await open(t);
    for (const reason of REASONS.filter((one) => one !== 'certificateHold' && one !== 'removeFromCRL')) {
      const of = await put(store);
      t.equal((await store.certificates.revoke(of.id, { at: TODAY, reason: 'certificateHold' }, entryFor(of.id), { blockKey: false }, [])).outcome, 'revoked');
      t.equal((await store.certificates.revoke(of.id, { at: TODAY + 1, reason: 'certificateHold' }, entryFor(of.id), { blockKey: false }, [])).outcome, 'already-revoked');
      const final = await store.certificates.revoke(of.id, { at: TODAY + 9, reason }, entryFor(of.id), { blockKey: false }, []);
      t.strictSame(plain(final), plain({ outcome: 'revoked', record: { ...of, revocation: { at: TODAY, reason } } }), reason);
      t.strictSame(plain(await store.crls.change('issuing', of.id))?.der, plain(entryFor(of.id)(TODAY)));
      t.equal((await store.certificates.revoke(of.id, { at: TODAY + 9, reason: 'certificateHold' }, entryFor(of.id), { blockKey: false }, [])).outcome, 'already-revoked', 'and never goes back');
    }
  });

  t.test('a hold is released, in record, feed, listings and log; it may be held again', async (t) => {
    const { store } = await open(t);
    const of = await put(store);
    const hold = (at: number) => store.certificates.revoke(of.id, { at, reason: 'certificateHold' }, entryFor(of.id), { blockKey: false }, [draft('certificate.revoked', of.id)]);
    await hold(TODAY);
    t.strictSame(plain(await store.certificates.release(of.id, TODAY + 5, entryFor(of.id), [draft('certificate.released', of.id)])), plain({ outcome: 'released', record: of }));
    t.strictSame(plain(await store.certificates.get(of.id)), plain(of));
    t.strictSame(plain(await feed(store)), plain([{ revision: 2, serial: of.id, at: TODAY + 5, notAfter: of.notAfter, reason: 'removeFromCRL', der: entryFor(of.id)(TODAY + 5) }]));
    t.same((await store.certificates.list({ status: 'revoked' }, { limit: 10 }, TODAY)).items, []);
    t.equal((await store.certificates.list({ status: 'valid' }, { limit: 10 }, TODAY)).items.length, 1);
    t.strictSame(plain(await store.certificates.release(of.id, TODAY + 6, entryFor(of.id), [draft('certificate.released', of.id)])), plain({ outcome: 'not-held', record: of }));
    t.strictSame(plain(await hold(TODAY + 7)), plain({ outcome: 'revoked', record: { ...of, revocation: { at: TODAY + 7, reason: 'certificateHold' } } }), 'a new hold, with its own time');
    t.equal((await feed(store)).length, 1, 'only the latest change is in the feed');
    t.same(await events(store), ['certificate.issued', 'certificate.revoked', 'certificate.released', 'certificate.revoked'].map((event) => `${event} ${of.id}`));
  });

  t.test('only a hold is released', async (t) => {
    const { store } = await open(t);
    for (const reason of REASONS.filter((one) => one !== 'certificateHold' && one !== 'removeFromCRL')) {
      const of = await put(store);
      await store.certificates.revoke(of.id, { at: TODAY, reason }, entryFor(of.id), { blockKey: false }, []);
      const outcome = await store.certificates.release(of.id, TODAY + 1, entryFor(of.id), [draft('certificate.released', of.id)]);
      t.strictSame(plain(outcome), plain({ outcome: 'not-held', record: { ...of, revocation: { at: TODAY, reason } } }), reason);
    }
    for (const id of [(await put(store, pending())).id, 'ff', '']) t.same(await store.certificates.release(id, TODAY, entryFor(id), []), { outcome: 'unknown' });
    t.notOk((await events(store)).some((event) => event.startsWith('certificate.released')));
  });

  t.test('a revocation that blocks the key keeps it from every later certificate', async (t) => {
    const { store } = await open(t);
    const of = await put(store);
    await store.certificates.revoke(of.id, { at: TODAY, reason: 'keyCompromise' }, entryFor(of.id), { blockKey: true }, []);
    t.same(await store.requests.accept(acceptance(record({ keyHash: of.keyHash }))), { outcome: 'key-blocked' });
  });

  t.test('a fault while the entry is encoded is the caller\'s, and nothing is written', async (t) => {
    const { store } = await open(t);
    const of = await put(store);
    const encode = (): Uint8Array => {
      throw new RangeError('no such reason');
    };
    const neighbour = record();
    const [faulty] = await Promise.allSettled([
      store.certificates.revoke(of.id, { at: TODAY, reason: 'superseded' }, encode, { blockKey: true }, [draft('certificate.revoked', of.id)]),
      put(store, neighbour),
    ]);
    t.equal(faulty.status, 'rejected');
    t.ok(faulty.status === 'rejected' && faulty.reason instanceof RangeError);
    t.strictSame(plain(await store.certificates.get(of.id)), plain(of));
    t.strictSame(plain(await store.certificates.get(neighbour.id)), plain(neighbour), 'its neighbour went through');
    t.same(await events(store), [`certificate.issued ${of.id}`, `certificate.issued ${neighbour.id}`]);
  });
};
