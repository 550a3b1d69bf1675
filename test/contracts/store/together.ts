import type { ObjectChange } from '../../../src/store/objects.ts';
import type { RequestRecord } from '../../../src/issuance/request.ts';
import type { Part } from './harness.ts';
import { HOUR, NOW, acceptance, approved, claim, denied, draft, events, issued, newSerial, pending, plain, put, record, token } from './samples.ts';

const change = (id: string, expected = 0, value: object = { id }): ObjectChange => ({ kind: 'holding', id, expected, put: { value: value as never, expires: NOW + HOUR, indexes: [{ index: 'held', order: NOW }] } });

/** What changes with a request in one step, and requests that wait in another form. */
export const togetherContract: Part = (t, open) => {
  t.test('objects are written with the request, all or nothing', async (t) => {
    const { store } = await open(t);
    const first = record();
    t.same(await store.requests.accept(acceptance(first, { objects: [change('a'), change('b')] })), { outcome: 'stored' });
    t.match(await store.objects.getAll([{ kind: 'holding', id: 'a' }, { kind: 'holding', id: 'b' }]), [{ version: 1, value: { id: 'a' } }, { version: 1, value: { id: 'b' } }]);
    t.equal((await store.objects.list('held', { limit: 10 })).items.length, 2);
    const second = record();
    const held = token();
    await store.tokens.create(held, undefined, [], NOW);
    const attempt = acceptance(second, {
      objects: [change('c'), change('a')], claims: [claim('claimed')], quota: { key: 'q', limit: 5, window: 60 }, token: { id: held.id, csrDigest: 'd' },
    });
    t.same(await store.requests.accept(attempt), { outcome: 'superseded', of: { kind: 'holding', id: 'a' } });
    t.equal(await store.requests.get(second.id), undefined);
    t.equal(await store.objects.get('holding', 'c'), undefined, 'nor the other object');
    t.equal(await store.requests.find({ claims: ['claimed'] }, NOW), undefined, 'nor the claim');
    t.equal(await store.requests.quotaUsed('q', 60, NOW), 0);
    t.equal((await store.tokens.get(held.id))?.used, 0);
    t.notOk((await events(store)).some((line) => line.endsWith(second.id)));
    t.same(await store.requests.accept({ ...attempt, objects: [change('c'), change('a', 1, { id: 'other' })] }), { outcome: 'stored' });
    t.match(await store.objects.get('holding', 'a'), { version: 2, value: { id: 'other' } });
    t.equal((await store.tokens.get(held.id))?.used, 1);
  });

  t.test('what was asked before, or is refused for another reason, changes no object', async (t) => {
    const { store } = await open(t);
    const first = record();
    await store.requests.accept(acceptance(first, { claims: [claim('same')] }));
    t.match(await store.requests.accept(acceptance(record(), { claims: [claim('same')], objects: [change('x')] })), { outcome: 'exists', record: { id: first.id } });
    t.match(await store.requests.accept(acceptance(record({ id: first.id }), { objects: [change('x')] })), { outcome: 'serial-taken' });
    await store.blockedKeys.add(first.keyHash, []);
    t.match(await store.requests.accept(acceptance(record({ keyHash: first.keyHash }), { objects: [change('x')] })), { outcome: 'key-blocked' });
    t.equal(await store.objects.get('holding', 'x'), undefined);
    t.same(await store.requests.accept(acceptance(denied(), { objects: [change('x')] })), { outcome: 'stored' }, 'a refused one may have objects too');
    t.match(await store.objects.get('holding', 'x'), { version: 1 });
  });

  t.test('objects change with a transition, all or nothing', async (t) => {
    const { store } = await open(t);
    await store.objects.write([change('a')], []);
    const waiting = await put(store, pending());
    t.same(await store.requests.transition('pending', approved(waiting), [draft('request.approved', waiting.id)], [change('b'), change('a')]), { outcome: 'superseded', of: { kind: 'holding', id: 'a' } });
    t.equal((await store.requests.get(waiting.id))?.state, 'pending');
    t.equal(await store.objects.get('holding', 'b'), undefined);
    t.notOk((await events(store)).includes(`request.approved ${waiting.id}`));
    t.match(await store.requests.transition('pending', approved(waiting), [], [change('b'), change('a', 1)]), { outcome: 'stored' });
    t.match(await store.objects.getAll([{ kind: 'holding', id: 'a' }, { kind: 'holding', id: 'b' }]), [{ version: 2 }, { version: 1 }]);
    t.match(await store.requests.transition('pending', approved(waiting), [], [change('d')]), { outcome: 'moved-on' });
    t.equal(await store.objects.get('holding', 'd'), undefined);
  });

  t.test('a request that waits takes another form, if it is as it was seen', async (t) => {
    const { store } = await open(t);
    const made = await put(store, pending({ metadata: { b: '1', a: '2' } }));
    await put(store);
    const seen = await store.requests.get(made.id) as RequestRecord;
    const step = { name: 'approval', outcome: 'passed', reason: 'approved by api-key:alice#1 (1 of 2)', time: NOW + 1 } as const;
    const amended: RequestRecord = { ...seen, steps: [...seen.steps, step], updatedAt: NOW + 1, approvals: { needed: 2, askers: ['api-key:deployer'], given: ['api-key:alice#1'], operators: ['alice', 'bob'] }, takesOver: true, owner: 'enrolment-token:abc' };
    t.match(await store.requests.amend(seen, amended, [draft('request.approved', made.id)]), { outcome: 'stored' });
    t.strictSame(plain(await store.requests.get(made.id)), plain(amended));
    t.ok((await events(store)).includes(`request.approved ${made.id}`));
    t.same((await store.requests.list({ state: 'pending' }, { limit: 10 })).items.map(({ id }) => id), [made.id], 'it is listed once, as it was');
    const late = await store.requests.amend(seen, { ...seen, updatedAt: NOW + 2 }, [draft('request.approved', 'late')]);
    t.match(late, { outcome: 'moved-on', record: { id: made.id, state: 'pending', updatedAt: NOW + 1 } });
    t.notOk((await events(store)).includes('request.approved late'));
    t.match(await store.requests.transition('pending', { ...approved(amended) }, []), { outcome: 'stored' });
    t.match(await store.requests.amend(amended, { ...amended, updatedAt: NOW + 3 }, []), { outcome: 'moved-on', record: { state: 'approved' } });
    t.same(await store.requests.amend({ ...amended, id: 'ff' }, { ...amended, id: 'ff' }, []), { outcome: 'unknown' });
    t.equal((await store.requests.list({ state: 'pending' }, { limit: 10 })).items.length, 0);
  });

  t.test('only what waits is amended, and goes on waiting', async (t) => {
    const { store } = await open(t);
    const waiting = await put(store, pending());
    await t.rejects(store.requests.amend(waiting, approved(waiting), []), RangeError);
    await t.rejects(store.requests.amend(issued(approved(waiting)), waiting, []), RangeError);
    await t.rejects(store.requests.amend(waiting, { ...waiting, id: newSerial() }, []), RangeError);
    t.equal((await store.requests.get(waiting.id))?.state, 'pending');
  });

  t.test('what waited in several forms is found by its claim, and swept as any other', async (t) => {
    const { store } = await open(t);
    const waiting = pending();
    await store.requests.accept(acceptance(waiting, { claims: [claim('again', { expires: NOW / 1000 + 86_400 * 365 })] }));
    const amended = { ...waiting, updatedAt: NOW + 1 };
    t.match(await store.requests.amend(waiting, amended, []), { outcome: 'stored' });
    t.match(await store.requests.find({ claims: ['again'] }, NOW), { record: { id: waiting.id, updatedAt: NOW + 1 } });
    const { csr: _csr, subject: _subject, ...rest } = amended;
    t.match(await store.requests.transition('pending', { ...rest, state: 'denied', updatedAt: NOW + 2 }, []), { outcome: 'stored' });
    while (await store.sweep(NOW + 24 * HOUR, { retainEnded: HOUR, most: 1000 }));
    t.equal(await store.requests.get(waiting.id), undefined);
  });
};
