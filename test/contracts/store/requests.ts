import type { RequestState } from '../../../src/issuance/request.ts';
import { TRANSITIONS } from '../../../src/issuance/request.ts';
import type { QuotaClaim } from '../../../src/store/store.ts';
import { otherProcess } from '../../chaos/other-process.ts';
import type { Part } from './harness.ts';
import { HOSTILE_NAMES, HOUR, NOW, acceptance, approved, claim, denied, digestOf, draft, events, issued, newSerial, pending, plain, put, record, token } from './samples.ts';

/** Acceptance, reading and the way through the states. */
export const requestsContract: Part = (t, open) => {
  t.test('an accepted record is read back member by member and octet by octet', async (t) => {
    const { store } = await open(t);
    const full = record({ metadata: { ticket: 'A-1', ['__proto__']: 'inert' }, validity: 3600 });
    for (const one of [full, pending({ validity: 60 }), denied()]) {
      t.same(await store.requests.accept(acceptance(one)), { outcome: 'stored' });
      t.strictSame(plain(await store.requests.get(one.id)), plain(one), one.state);
    }
    t.equal((await store.requests.get(full.id))?.metadata?.['ticket'], 'A-1');
  });

  t.test('an id that is not there, or can be none, gives nothing', async (t) => {
    const { store } = await open(t);
    const { id } = await put(store);
    for (const other of [newSerial(), id.slice(2), id.slice(0, -2), `${id}00`, `A${id.slice(1)}`, ...HOSTILE_NAMES]) {
      t.equal(await store.requests.get(other), undefined);
      t.equal(await store.certificates.get(other), undefined);
      t.same(await store.certificates.revoke(other, { at: 1, reason: 'unspecified' }, () => new Uint8Array(1), { blockKey: false }, []), { outcome: 'unknown' });
    }
    t.same((await events(store)).length, 1, 'what is not there leaves no line');
  });

  t.test('what can be no request is an error, and nothing is written', async (t) => {
    const { store } = await open(t);
    await t.rejects(store.requests.accept(acceptance(record({ state: 'failed' }))), RangeError);
    for (const id of ['', 'g0', '0', 'AB', '../00', `${newSerial()}00`, '__proto__']) await t.rejects(store.requests.accept(acceptance(record({ id }))), TypeError, id);
    t.same(await events(store), []);
    t.same(await store.requests.list({}, { limit: 1 }), { items: [] });
  });

  t.test('a taken serial is told, and the first record stays', async (t) => {
    const { store } = await open(t);
    const first = await put(store);
    t.same(await store.requests.accept(acceptance(record({ id: first.id }), { claims: [claim('second')] })), { outcome: 'serial-taken' });
    t.strictSame(plain(await store.requests.get(first.id)), plain(first));
    t.equal(await store.requests.find({ claims: ['second'] }, NOW), undefined, 'its claim was not written');
    t.equal((await events(store)).length, 1);
  });

  t.test('a blocked key is refused for all but a record of refusal', async (t) => {
    const { store } = await open(t);
    const keyHash = digestOf('a leaked key');
    await store.blockedKeys.add(keyHash, [draft('key.blocked', keyHash)]);
    t.same(await store.requests.accept(acceptance(record({ keyHash }))), { outcome: 'key-blocked' });
    t.same(await store.requests.accept(acceptance(pending({ keyHash }))), { outcome: 'key-blocked' });
    t.same(await store.requests.accept(acceptance(denied({ keyHash }))), { outcome: 'stored' });
  });

  t.test('a blocked key may not be approved nor issued, but denied and failed', async (t) => {
    const { store } = await open(t);
    const waiting = [await put(store, pending()), await put(store, pending())] as const;
    const signing = [await put(store, approved(pending())), await put(store, approved(pending()))] as const;
    for (const { keyHash } of [...waiting, ...signing]) await store.blockedKeys.add(keyHash, []);
    t.same(await store.requests.transition('pending', approved(waiting[0]), [draft('request.approved', waiting[0].id)]), { outcome: 'key-blocked' });
    t.same(await store.requests.transition('approved', issued(signing[0]), [draft('certificate.issued', signing[0].id)]), { outcome: 'key-blocked' });
    t.equal((await store.requests.transition('pending', { ...waiting[1], state: 'denied' }, [])).outcome, 'stored');
    t.equal((await store.requests.transition('approved', { ...signing[1], state: 'failed' }, [])).outcome, 'stored');
    t.equal((await store.requests.get(waiting[0].id))?.state, 'pending');
    t.equal((await events(store)).length, 4, 'what was refused left no line');
  });

  t.test('a blocked key is known by its digest and by nothing else', async (t) => {
    const { store } = await open(t);
    const keyHash = digestOf('k');
    t.equal(await store.blockedKeys.has(keyHash), false);
    await store.blockedKeys.add(keyHash, [draft('key.blocked', keyHash)]);
    t.equal(await store.blockedKeys.has(keyHash), true);
    for (const other of [digestOf('l'), keyHash.slice(0, 62), keyHash.toUpperCase(), ...HOSTILE_NAMES]) t.equal(await store.blockedKeys.has(other), false);
  });

  t.test('a request goes forward: pending, approved, issued', async (t) => {
    const { store } = await open(t);
    const first = await put(store, pending());
    const second = approved(first);
    const third = issued(second);
    t.strictSame(plain(await store.requests.transition('pending', second, [draft('request.approved', first.id)])), plain({ outcome: 'stored', record: second }));
    t.strictSame(plain(await store.requests.get(first.id)), plain(second));
    t.equal(await store.certificates.get(first.id), undefined, 'approved is no certificate yet');
    t.equal((await store.requests.transition('approved', third, [draft('certificate.issued', first.id)])).outcome, 'stored');
    t.strictSame(plain(await store.certificates.get(first.id)), plain(third));
    t.same(await events(store), [`certificate.issued ${first.id}`, `request.approved ${first.id}`, `certificate.issued ${first.id}`]);
  });

  t.test('a request that has moved on is told as it stands, and nothing is written', async (t) => {
    const { store } = await open(t);
    const first = await put(store, pending());
    await store.requests.transition('pending', { ...first, state: 'denied' }, []);
    const late = await store.requests.transition('pending', approved(first), [draft('request.approved', first.id)]);
    t.equal(late.outcome, 'moved-on');
    t.equal(late.outcome === 'moved-on' && late.record.state, 'denied');
    t.same(await store.requests.transition('pending', approved(pending()), []), { outcome: 'unknown' });
    t.equal((await events(store)).length, 1);
  });

  t.test('a transition that the table does not have is an error, whatever the state', async (t) => {
    const { store } = await open(t);
    const states = Object.keys(TRANSITIONS) as RequestState[];
    const first = await put(store, pending());
    for (const from of states) {
      for (const to of states.filter((state) => !TRANSITIONS[from].includes(state))) {
        await t.rejects(store.requests.transition(from, { ...first, state: to }, []), RangeError, `${from} to ${to}`);
      }
    }
    t.strictSame(plain(await store.requests.get(first.id)), plain(first));
  });

  t.test('a token yields as many certificates as it has uses', async (t) => {
    const { store } = await open(t);
    const { id } = token();
    const use = async (csr: string, of = record()) => (await store.requests.accept(acceptance(of, { token: { id, csrDigest: digestOf(csr) } }))).outcome;
    t.equal(await use('before it is there'), 'token-exhausted');
    await store.tokens.create(token({ id, uses: 2 }), undefined, [], NOW);
    t.equal(await use('refused', denied()), 'stored', 'a refusal uses nothing up');
    t.equal(await use('a'), 'stored');
    t.equal(await use('b', pending()), 'stored', 'a waiting request holds its use');
    t.equal(await use('c'), 'token-exhausted');
    t.equal(await use('c', denied()), 'stored', 'a refusal is recorded all the same');
    t.equal((await store.tokens.get(id))?.used, 2);
  });

  t.test('a token that is revoked or over yields nothing', async (t) => {
    const { store } = await open(t);
    const [revoked, over] = [token({ uses: 5 }), token({ uses: 5, expiresAt: NOW })];
    for (const one of [revoked, over]) await store.tokens.create(one, undefined, [], NOW - HOUR);
    await store.tokens.revoke(revoked.id, NOW - 1, []);
    for (const { id } of [revoked, over]) {
      t.same(await store.requests.accept(acceptance(record(), { token: { id, csrDigest: 'x' } })), { outcome: 'token-exhausted' });
      t.equal((await store.tokens.get(id))?.used, 0);
    }
  });

  t.test('a quota counts issued and waiting requests in fixed windows', async (t) => {
    const { store } = await open(t);
    const quota = { key: 'api-key:deployer', limit: 2, window: 3600 };
    const start = Math.floor(NOW / HOUR) * HOUR;
    const ask = (now: number, of = record(), over = quota) => store.requests.accept(acceptance(of, { quota: over, now }));
    t.same(await ask(start), { outcome: 'stored' });
    t.same(await ask(start + 1, denied()), { outcome: 'stored' });
    t.same(await ask(start + 2, pending()), { outcome: 'stored' });
    t.same(await ask(start + 60_000), { outcome: 'quota-exceeded', retryAfter: 3540 });
    t.same(await ask(start + HOUR - 1), { outcome: 'quota-exceeded', retryAfter: 1 });
    t.same(await ask(start + HOUR - 1, denied()), { outcome: 'stored' }, 'a refusal is recorded all the same');
    t.equal(await store.requests.quotaUsed(quota.key, 3600, start + HOUR - 1), 2);
    t.same(await ask(start + HOUR), { outcome: 'stored' }, 'the next window is empty');
    t.same(await ask(start + 60_000, record(), { ...quota, key: 'api-key:another' }), { outcome: 'stored' });
    t.same(await ask(start + 60_000, record(), { ...quota, window: 60 }), { outcome: 'stored' }, 'another window is another count');
    t.equal(await store.requests.quotaUsed('nobody', 3600, start), 0);
  });

  t.test('of several quotas one of each is taken, or none, also by two processes at once', async (t) => {
    const { store, url } = await open(t);
    const other = await otherProcess(url);
    t.teardown(() => other.end());
    const start = Math.floor(NOW / HOUR) * HOUR;
    const [name, account] = [{ key: 'name', limit: 2, window: 3600 }, { key: 'account', limit: 3, window: 3600 }];
    const take = (quotas: readonly QuotaClaim[], now = start) => store.requests.takeQuotas(quotas, now);
    const used = (now = start) => Promise.all([name, account].map(({ key, window }) => store.requests.quotaUsed(key, window, now)));
    t.same(await take([]), undefined);
    t.same([await take([name, account]), await take([name, account])], [undefined, undefined]);
    t.same(await take([account, name], start + 60_000), { quota: name, retryAfter: 3540 });
    t.same(await used(), [2, 2], 'a refusal takes nothing');
    t.same(await take([account]), undefined);
    t.same(await store.requests.accept(acceptance(record(), { quota: account, now: start })), { outcome: 'quota-exceeded', retryAfter: 3600 }, 'they are those of requests');
    t.same(await take([name, account], start + HOUR), undefined, 'the next window is empty');
    t.same(await used(start + HOUR), [1, 1]);
    const many = { key: 'many', limit: 30, window: 3600 };
    const ends = await Promise.all(Array.from({ length: 40 }, (_, at) => (at % 2 === 0 ? take([many]) : other.call('requests.takeQuotas', [many], start))));
    t.equal(ends.filter((one) => one !== undefined && one !== null).length, 10);
  });

  t.test('the checks come in their order, and the first that fails is told', async (t) => {
    const { store } = await open(t);
    const { id } = token({ uses: 1 });
    await store.tokens.create(token({ id }), undefined, [], NOW);
    const first = record();
    const use = { id, csrDigest: digestOf('csr') };
    const quota = { key: 'q', limit: 1, window: 60 };
    await store.requests.accept(acceptance(first, { claims: [claim('a')], token: use, quota }));
    await store.blockedKeys.add(first.keyHash, []);
    // Each attempt has all the faults behind the one that is told.
    const again = { id: first.id, keyHash: first.keyHash };
    const attempt = async (over: Parameters<typeof acceptance>[1]) => (await store.requests.accept(acceptance(record(again), over))).outcome;
    t.equal(await attempt({ token: use, claims: [claim('a', { fingerprint: 'other' })], quota }), 'exists');
    t.equal(await attempt({ token: { ...use, csrDigest: 'new' }, claims: [claim('a', { fingerprint: 'other' })], quota }), 'conflict');
    t.equal(await attempt({ token: { ...use, csrDigest: 'new' }, quota }), 'token-exhausted');
    t.equal(await attempt({ quota }), 'quota-exceeded');
    t.equal(await attempt({}), 'key-blocked');
    t.equal((await store.requests.accept(acceptance(record({ id: first.id, keyHash: digestOf('another') })))).outcome, 'serial-taken');
    t.equal((await events(store)).length, 1);
  });
};
