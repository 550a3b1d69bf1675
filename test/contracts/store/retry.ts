import type { RequestRecord } from '../../../src/issuance/request.ts';
import type { Acceptance } from '../../../src/store/store.ts';
import type { Part } from './harness.ts';
import { HOSTILE_NAMES, HOUR, NOW, TODAY, acceptance, approved, claim, denied, digestOf, draft, entryFor, events, pending, plain, put, record, token } from './samples.ts';

/** The same thing asked again finds the first request: claims and token uses. */
export const retryContract: Part = (t, open) => {
  t.test('the same claim with the same fingerprint finds the first request as it is now', async (t) => {
    const { store } = await open(t);
    const first = pending();
    await store.requests.accept(acceptance(first, { claims: [claim('k')] }));
    const now = approved(first);
    await store.requests.transition('pending', now, []);
    const again = await store.requests.accept(acceptance(record(), { claims: [claim('k')], audit: [draft('request.accepted', 'never')] }));
    t.strictSame(plain(again), plain({ outcome: 'exists', record: now }));
    t.strictSame(plain(await store.requests.find({ claims: ['other', 'k'] }, NOW)), plain({ record: now, fingerprint: claim('k').fingerprint }));
    t.equal((await events(store)).length, 1, 'the second left no line');
  });

  t.test('the same claim with another fingerprint is a conflict that names it', async (t) => {
    const { store } = await open(t);
    await store.requests.accept(acceptance(record(), { claims: [claim('a'), claim('b')] }));
    const other = record();
    t.same(await store.requests.accept(acceptance(other, { claims: [claim('new'), claim('b', { fingerprint: 'other' })] })), { outcome: 'conflict', claim: 'b' });
    t.equal(await store.requests.get(other.id), undefined);
    t.equal(await store.requests.find({ claims: ['new'] }, NOW), undefined);
  });

  t.test('an acceptance that is refused leaves every claim with whom it was', async (t) => {
    const { store } = await open(t);
    const [held, used, keyHash] = [record(), token({ uses: 0 }), digestOf('blocked')];
    const lives = claim('held', { livesWithRequest: true });
    await store.requests.accept(acceptance(held, { claims: [lives] }));
    await store.requests.accept(acceptance(record(), { claims: [claim('standing')] }));
    await store.tokens.create(used, undefined, [], NOW);
    await store.blockedKeys.add(keyHash, []);
    await store.certificates.revoke(held.id, { at: TODAY, reason: 'certificateHold' }, entryFor(held.id), { blockKey: false }, []);
    const refusals: Readonly<Record<string, Partial<Acceptance>>> = {
      exists: { claims: [claim('new'), lives, claim('standing')] },
      conflict: { claims: [claim('new'), lives, claim('standing', { fingerprint: 'other' })] },
      'token-exhausted': { token: { id: used.id, csrDigest: digestOf('csr') } },
      'quota-exceeded': { quota: { key: 'q', limit: 0, window: 60 } },
      'key-blocked': { record: record({ keyHash }) },
      'serial-taken': { record: record({ id: held.id }) },
      'identity-gone': { guard: { kind: 'api-key', id: 'nobody' } },
    };
    for (const [outcome, over] of Object.entries(refusals)) {
      t.equal((await store.requests.accept(acceptance(record(), { claims: [claim('new'), lives], ...over }))).outcome, outcome);
      t.equal(await store.requests.find({ claims: ['new'] }, NOW), undefined, outcome);
    }
    await store.certificates.release(held.id, TODAY, entryFor(held.id), []);
    t.equal((await store.requests.find({ claims: ['held'] }, NOW))?.record.id, held.id, 'what was on hold is found again');
    const next = record();
    t.same(await store.requests.accept(acceptance(next, { claims: [claim('new')] })), { outcome: 'stored' });
    t.equal((await store.requests.find({ claims: ['new'] }, NOW))?.record.id, next.id);
  });

  t.test('a claim stands until its last second is over, and then is taken anew', async (t) => {
    const { store } = await open(t);
    const [first, second] = [record(), record()];
    const until = (expires: number) => ({ claims: [claim('k', { expires })] });
    await store.requests.accept(acceptance(first, until(TODAY + 10)));
    t.equal((await store.requests.find({ claims: ['k'] }, NOW + 9999))?.record.id, first.id);
    t.equal(await store.requests.find({ claims: ['k'] }, NOW + 10_000), undefined);
    t.same(await store.requests.accept(acceptance(second, { ...until(TODAY + 20), now: NOW + 10_000 })), { outcome: 'stored' });
    t.equal((await store.requests.find({ claims: ['k'] }, NOW + 19_999))?.record.id, second.id);
  });

  t.test('a claim that lives with its request falls when that is denied, failed or revoked; any other stays', async (t) => {
    const { store } = await open(t);
    const ends: Readonly<Record<string, readonly [RequestRecord, (of: RequestRecord) => Promise<unknown>]>> = {
      denied: [pending(), (of) => store.requests.transition('pending', { ...of, state: 'denied' }, [])],
      failed: [approved(pending()), (of) => store.requests.transition('approved', { ...of, state: 'failed' }, [])],
      revoked: [record(), (of) => store.certificates.revoke(of.id, { at: TODAY, reason: 'superseded' }, entryFor(of.id), { blockKey: false }, [])],
    };
    for (const [end, [of, happen]] of Object.entries(ends)) {
      const claims = [claim(`lives ${end}`, { livesWithRequest: true }), claim(`stays ${end}`)];
      await store.requests.accept(acceptance(of, { claims }));
      t.equal((await store.requests.find({ claims: [`lives ${end}`] }, NOW))?.record.id, of.id);
      await happen(of);
      t.equal(await store.requests.find({ claims: [`lives ${end}`] }, NOW), undefined, end);
      t.equal((await store.requests.find({ claims: [`stays ${end}`] }, NOW))?.record.id, of.id, end);
      const next = record();
      t.same(await store.requests.accept(acceptance(next, { claims: [claim(`lives ${end}`, { livesWithRequest: true, fingerprint: 'anything' })] })), { outcome: 'stored' });
      t.equal((await store.requests.find({ claims: [`lives ${end}`] }, NOW))?.record.id, next.id);
    }
  });

  t.test('a refusal takes no claim, and does not overwrite one', async (t) => {
    const { store } = await open(t);
    await store.requests.accept(acceptance(denied(), { claims: [claim('k')] }));
    t.equal(await store.requests.find({ claims: ['k'] }, NOW), undefined);
    const first = record();
    await store.requests.accept(acceptance(first, { claims: [claim('k')] }));
    t.equal((await store.requests.accept(acceptance(denied(), { claims: [claim('k')] }))).outcome, 'exists');
    t.equal((await store.requests.find({ claims: ['k'] }, NOW))?.record.id, first.id);
  });

  t.test('the same CSR with the same token finds its request, also when the token is used up, over or revoked', async (t) => {
    const { store } = await open(t);
    const { id } = token();
    await store.tokens.create(token({ id }), undefined, [], NOW);
    const first = record();
    const use = { token: { id, csrDigest: digestOf('csr') } };
    t.same(await store.requests.accept(acceptance(first, use)), { outcome: 'stored' });
    const again = async (now: number, over: Pick<Acceptance, 'token'> = use) => store.requests.accept(acceptance(record(), { ...over, now }));
    t.strictSame(plain(await again(NOW)), plain({ outcome: 'exists', record: first }));
    t.strictSame(plain(await store.requests.find({ claims: [], ...use }, NOW)), plain({ record: first, fingerprint: digestOf('csr') }));
    t.equal((await again(NOW + 2 * HOUR)).outcome, 'exists');
    await store.tokens.revoke(id, NOW, []);
    t.equal((await again(NOW)).outcome, 'exists');
    t.equal((await again(NOW, { token: { id, csrDigest: digestOf('another') } })).outcome, 'token-exhausted');
    t.equal(await store.requests.find({ claims: [], token: { id, csrDigest: digestOf('another') } }, NOW), undefined);
    t.equal((await store.tokens.get(id))?.used, 1);
  });

  t.test('the use of one token is not that of another', async (t) => {
    const { store } = await open(t);
    const [a, b] = [token(), token()];
    for (const one of [a, b]) await store.tokens.create(one, undefined, [], NOW);
    const csrDigest = digestOf('csr');
    for (const { id } of [a, b]) t.same(await store.requests.accept(acceptance(record(), { token: { id, csrDigest } })), { outcome: 'stored' });
  });

  t.test('a claim of a request, of a token and of an API key are not the same', async (t) => {
    const { store } = await open(t);
    const made = token();
    await store.tokens.create(made, claim('k'), [], NOW);
    t.equal(await store.requests.find({ claims: ['k'] }, NOW), undefined);
    t.same(await store.requests.accept(acceptance(record(), { claims: [claim('k', { fingerprint: 'other' })] })), { outcome: 'stored' });
  });

  t.test('claims and tokens with hostile names are inert and apart', async (t) => {
    const { store } = await open(t);
    const made = new Map<string, string>();
    for (const key of HOSTILE_NAMES) {
      t.equal(await store.requests.find({ claims: [key], token: { id: key, csrDigest: key } }, NOW), undefined, JSON.stringify(key).slice(0, 40));
      const of = record();
      t.same(await store.requests.accept(acceptance(of, { claims: [claim(key, { fingerprint: key })] })), { outcome: 'stored' });
      made.set(key, of.id);
    }
    for (const [key, id] of made) t.equal((await store.requests.find({ claims: [key] }, NOW))?.record.id, id);
    t.equal((await store.requests.find({ claims: ['__proto__'] }, NOW))?.fingerprint, '__proto__');
    await put(store);
  });
};
