import { EMPTY_CHAIN } from '../../../src/audit/chain.ts';
import { verifyChain } from '../../../src/audit/verify.ts';
import type { Part } from './harness.ts';
import { HOSTILE_NAMES, acceptance, draft, put, record } from './samples.ts';

/** The audit log. */
export const auditContract: Part = (t, open) => {
  t.test('an empty log has the zero head', async (t) => {
    const { store } = await open(t);
    t.strictSame(await store.audit.head(), { ...EMPTY_CHAIN });
    t.same(await store.audit.list({ after: 0, limit: 10 }), []);
    await store.audit.append([]);
    t.strictSame(await store.audit.head(), { ...EMPTY_CHAIN });
  });

  t.test('lines are numbered from one, chained, and read oldest first, by pages', async (t) => {
    const { store } = await open(t);
    await store.audit.append([draft('service.started', 'a'), draft('request.denied', 'b', { z: [1, 'x'].map(String), a: true, n: 1.5 })]);
    await put(store);
    await store.audit.append([draft('service.started', 'c')]);
    const all = await store.audit.list({ after: 0, limit: 100 });
    t.same(all.map(({ sequence }) => sequence), [1, 2, 3, 4]);
    t.same(all[1]?.details, { z: ['1', 'x'], a: true, n: 1.5 });
    t.same(await verifyChain(all, await store.audit.head()), []);
    t.same(await store.audit.list({ after: 0, limit: 2 }), all.slice(0, 2));
    t.same(await store.audit.list({ after: 2, limit: 2 }), all.slice(2));
    t.same(await store.audit.list({ after: 4, limit: 2 }), []);
  });

  t.test('hostile text in a line stays as it is, and the chain holds', async (t) => {
    const { store } = await open(t);
    const details = Object.fromEntries(HOSTILE_NAMES.map((name) => [name, name]));
    await store.audit.append(HOSTILE_NAMES.map((name) => ({ ...draft('request.denied', name, details), actor: name })));
    const all = await store.audit.list({ after: 0, limit: 100 });
    t.same(all.map(({ subject }) => subject), [...HOSTILE_NAMES]);
    t.same(all[0]?.details, details);
    t.same(await verifyChain(all, await store.audit.head()), []);
  });

  t.test('many writes at once leave each line once, in one chain', async (t) => {
    const { store } = await open(t);
    const records = Array.from({ length: 300 }, () => record());
    await Promise.all(records.map((one, n) => store.requests.accept(acceptance(one, { audit: [draft('request.accepted', one.id), draft('certificate.issued', one.id, { n })] }))));
    const all = await store.audit.list({ after: 0, limit: 1000 });
    t.equal(all.length, 600);
    for (const [at, one] of all.entries()) if (at % 2 === 1) t.equal(one.subject, all[at - 1]?.subject, 'the lines of one write stand together');
    t.same(new Set(all.map(({ subject }) => subject)).size, 300);
    t.same(await verifyChain(all, await store.audit.head()), []);
  });
};
