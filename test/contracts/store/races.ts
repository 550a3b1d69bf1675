import type { RequestRecord } from '../../../src/issuance/request.ts';
import { verifyChain } from '../../../src/audit/verify.ts';
import { otherProcess } from '../../chaos/other-process.ts';
import type { OtherStore } from '../../chaos/other-process.ts';
import type { Opened, OpenStore, Part } from './harness.ts';
import { NOW, TODAY, acceptance, approved, claim, crl, digestOf, draft, entryFor, feed, pending, plain, publish, put, record, token } from './samples.ts';
import type { Test } from 'tap';

const ROUNDS = 30;

/** The same store, opened in this process and in another one. */
async function two(t: Test, open: OpenStore): Promise<Opened & { readonly other: OtherStore }> {
  const opened = await open(t);
  const other = await otherProcess(opened.url);
  t.teardown(() => other.end());
  return { ...opened, other };
}

const count = (outcomes: readonly { readonly outcome: string }[], wanted: string): number => outcomes.filter(({ outcome }) => outcome === wanted).length;

/** Two processes at the same things. Each round they race for something that only one may have. */
export const racesContract: Part = (t, open) => {
  t.test('what one process wrote the other one sees at once', async (t) => {
    const { store, other } = await two(t, open);
    for (let round = 0; round < ROUNDS; round += 1) {
      const [mine, theirs] = [record(), record()];
      await store.requests.accept(acceptance(mine, { claims: [claim(mine.id)] }));
      t.strictSame(plain(await other.call('requests.get', mine.id)), plain(mine));
      t.equal((await other.call('requests.find', { claims: [mine.id] }, NOW) as { record: RequestRecord } | undefined)?.record.id, mine.id);
      await other.call('requests.accept', acceptance(theirs, { claims: [claim(theirs.id)] }));
      t.strictSame(plain(await store.requests.get(theirs.id)), plain(theirs));
      t.equal((await store.requests.find({ claims: [theirs.id] }, NOW))?.record.id, theirs.id);
    }
  });

  t.test('the same claim is stored by one, and all others find that one', async (t) => {
    const { store, other } = await two(t, open);
    for (let round = 0; round < ROUNDS; round += 1) {
      const attempt = () => acceptance(record(), { claims: [claim(`round ${round}`)] });
      const outcomes = await Promise.all(Array.from({ length: 8 }, (_, n) => (n % 2 === 0 ? store.requests.accept(attempt()) : other.accept(attempt()))));
      t.equal(count(outcomes, 'stored'), 1);
      t.equal(count(outcomes, 'exists'), 7);
      const winner = (await store.requests.find({ claims: [`round ${round}`] }, NOW))?.record.id;
      for (const one of outcomes) if (one.outcome === 'exists') t.equal(one.record.id, winner);
    }
    t.equal((await store.audit.head()).sequence, ROUNDS);
  });

  t.test('a token, a quota and a serial are never given out once too often', async (t) => {
    const { store, other } = await two(t, open);
    for (let round = 0; round < ROUNDS; round += 1) {
      const held = token({ uses: 3 });
      await store.tokens.create(held, undefined, [], NOW);
      const race = (make: (n: number) => Parameters<typeof store.requests.accept>[0]) =>
        Promise.all(Array.from({ length: 8 }, (_, n) => (n % 2 === 0 ? store.requests.accept(make(n)) : other.accept(make(n)))));
      t.equal(count(await race((n) => acceptance(record(), { token: { id: held.id, csrDigest: digestOf(String(n)) } })), 'stored'), 3);
      t.equal((await store.tokens.get(held.id))?.used, 3);
      const quota = { key: `round ${round}`, limit: 2, window: 60 };
      t.equal(count(await race(() => acceptance(record(), { quota })), 'stored'), 2);
      const { id } = record();
      t.equal(count(await race(() => acceptance(record({ id }))), 'stored'), 1);
    }
  });

  t.test('one of approval and denial wins, and one of two revocations', async (t) => {
    const { store, other } = await two(t, open);
    for (let round = 0; round < ROUNDS; round += 1) {
      const waiting = await put(store, pending());
      const outcomes = await Promise.all([
        store.requests.transition('pending', approved(waiting), [draft('request.approved', waiting.id)]),
        other.call('requests.transition', 'pending', { ...waiting, state: 'denied' }, [draft('request.denied', waiting.id)]) as Promise<{ outcome: string }>,
      ]);
      t.same(outcomes.map(({ outcome }) => outcome).sort(), ['moved-on', 'stored']);
      const { id } = await put(store);
      const revocations = await Promise.all([
        store.certificates.revoke(id, { at: TODAY, reason: 'superseded' }, entryFor(id), { blockKey: false }, []),
        other.revoke(id, { at: TODAY + 1, reason: 'cessationOfOperation' }),
      ]);
      t.same(revocations.map(({ outcome }) => outcome).sort(), ['already-revoked', 'revoked']);
    }
    t.equal((await store.crls.standing('issuing')).revision, ROUNDS);
    t.equal((await feed(store)).length, ROUNDS);
  });

  t.test('of two forms that a waiting request takes at once one stands, and of two that want the same object one gets it', async (t) => {
    const { store, other } = await two(t, open);
    for (let round = 0; round < ROUNDS; round += 1) {
      const waiting = await put(store, pending());
      const form = (who: string) => ({ ...waiting, steps: [...waiting.steps, { name: 'approval', outcome: 'passed', reason: who, time: NOW } as const] });
      const amended = await Promise.all([
        store.requests.amend(waiting, form('mine'), [draft('request.approved', waiting.id)]),
        other.call('requests.amend', waiting, form('theirs'), [draft('request.approved', waiting.id)]) as Promise<{ outcome: string }>,
      ]);
      t.same(amended.map(({ outcome }) => outcome).sort(), ['moved-on', 'stored']);
      t.equal((await store.requests.get(waiting.id))?.steps.length, waiting.steps.length + 1);
      const objects = [{ kind: 'holding', id: `name/dns:${round}`, expected: 0, put: { value: { round }, expires: NOW + 1000, indexes: [] } }];
      const accepted = await Promise.all(Array.from({ length: 8 }, (_, n) => (n % 2 === 0 ? store.requests.accept(acceptance(record(), { objects })) : other.accept(acceptance(record(), { objects })))));
      t.equal(count(accepted, 'stored'), 1);
      t.equal(count(accepted, 'superseded'), 7);
    }
  });

  t.test('one of two publishers wins each number, and one of two holders each lease', async (t) => {
    const { store, other } = await two(t, open);
    for (let number = 1; number <= ROUNDS; number += 1) {
      const outcomes = await Promise.all([publish(store, crl(number)), other.call('crls.publish', 'issuing', new Map([['full', crl(number)]]), [])]);
      t.same(new Set(outcomes), new Set(['stored', 'superseded']));
      const leases = await Promise.all([store.leases.acquire(`l${number}`, 'a', NOW, 1000), other.call('leases.acquire', `l${number}`, 'b', NOW, 1000)]);
      t.equal(leases.filter((lease) => lease !== undefined).length, 1);
    }
  });

  t.test('two writers at full speed leave one chain with each line once', async (t) => {
    const { store, other } = await two(t, open);
    const drafts = (who: string) => Array.from({ length: 400 }, (_, n) => draft('request.denied', `${who} ${n}`));
    await Promise.all([
      ...drafts('mine').map((one) => store.audit.append([one])),
      ...drafts('theirs').map((one) => other.call('audit.append', [one])),
    ]);
    const all = await store.audit.list({ after: 0, limit: 1000 });
    t.same(all.map(({ subject }) => subject).sort(), [...drafts('mine'), ...drafts('theirs')].map(({ subject }) => subject).sort());
    t.same(await verifyChain(all, await store.audit.head()), []);
  });
};
