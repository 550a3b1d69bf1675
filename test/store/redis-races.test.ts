import t from 'tap';
import type { Test } from 'tap';
import { verifyChain } from '../../src/audit/verify.ts';
import type { Store } from '../../src/store/store.ts';
import { openByUrl } from '../chaos/open-store.ts';
import { NOW, acceptance, approved, crl, digestOf, draft, pending, record, token } from '../contracts/store/samples.ts';
import { noRedis, startRedis } from '../helpers/redis.ts';
import { storeOn } from './redis-stores.ts';

/** Rounds of each race, and how many of them at once. */
const ROUNDS = 10_000;
const AT_ONCE = 500;

/** Runs all rounds, and gives how often each combination of outcomes came. */
async function race(round: (n: number) => Promise<readonly string[]>): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let from = 0; from < ROUNDS; from += AT_ONCE) {
    for (const outcomes of await Promise.all(Array.from({ length: AT_ONCE }, (_, n) => round(from + n)))) {
      const together = [...outcomes].sort().join(' ');
      counts[together] = (counts[together] ?? 0) + 1;
    }
  }
  return counts;
}

/** Two replicas, each with its own connections and its own batches, and half of the rounds begun by each. */
async function replicas(t: Test, port: number): Promise<{ readonly store: Store; readonly both: <T>(n: number, ask: (store: Store) => Promise<T>) => Promise<T[]> }> {
  const { store, url } = await storeOn(t, port);
  const other = await openByUrl(url);
  t.teardown(() => other.close());
  return { store, both: (n, ask) => Promise.all((n % 2 === 0 ? [store, other] : [other, store]).map(ask)) };
}

async function assertLog(t: Test, store: Store, lines: number): Promise<void> {
  const all = await store.audit.list({ after: 0, limit: 1_000_000 });
  t.equal(all.length, lines, 'a line for each that won');
  t.same(await verifyChain(all, await store.audit.head()), []);
}

if (noRedis !== false) t.plan(0, noRedis);
else {
  const { port } = await startRedis(t);

  t.test(`${ROUNDS} times, two replicas want the one use of a token: one has it`, { timeout: 60_000 }, async (t) => {
    const { store, both } = await replicas(t, port);
    const ids = Array.from({ length: ROUNDS }, (_, n) => `token ${n}`);
    await Promise.all(ids.map((id) => store.tokens.create(token({ id }), undefined, [], NOW)));
    const counts = await race(async (n) => {
      let attempt = 0;
      const outcomes = await both(n, (one) => one.requests.accept(acceptance(record(), { token: { id: ids[n] ?? '', csrDigest: digestOf(`${n} ${attempt += 1}`) } })));
      return outcomes.map(({ outcome }) => outcome);
    });
    t.same(counts, { 'stored token-exhausted': ROUNDS });
    for (const at of [0, ROUNDS - 1]) t.equal((await store.tokens.get(ids[at] ?? ''))?.used, 1);
    await assertLog(t, store, ROUNDS);
  });

  t.test(`${ROUNDS} times, two replicas decide on one request: one decides`, { timeout: 60_000 }, async (t) => {
    const { store, both } = await replicas(t, port);
    const waiting = Array.from({ length: ROUNDS }, () => pending());
    await Promise.all(waiting.map((one) => store.requests.accept(acceptance(one, { audit: [] }))));
    const counts = await race(async (n) => {
      const of = waiting[n] ?? pending();
      const decisions = n % 4 < 2 ? [approved(of), { ...of, state: 'denied' as const }] : [{ ...of, state: 'denied' as const }, approved(of)];
      const outcomes = await both(n, (one) => one.requests.transition('pending', decisions.pop() ?? of, [draft('request.approved', of.id)]));
      const won = outcomes.find(({ outcome }) => outcome === 'stored');
      const lost = outcomes.find(({ outcome }) => outcome === 'moved-on');
      const told = won?.outcome === 'stored' && lost?.outcome === 'moved-on' && won.record.state === lost.record.state;
      return [...outcomes.map(({ outcome }) => outcome), told ? 'told' : 'not told'];
    });
    t.same(counts, { 'moved-on stored told': ROUNDS });
    await assertLog(t, store, ROUNDS);
  });

  t.test(`${ROUNDS} times, two replicas draw the same serial: one has it`, { timeout: 60_000 }, async (t) => {
    const { store, both } = await replicas(t, port);
    const counts = await race(async (n) => {
      const { id } = record();
      const outcomes = await both(n, (one) => one.requests.accept(acceptance(record({ id }))));
      return outcomes.map(({ outcome }) => outcome);
    });
    t.same(counts, { 'serial-taken stored': ROUNDS });
    await assertLog(t, store, ROUNDS);
  });

  t.test(`${ROUNDS} times, two replicas publish the same number: one CRL has it`, { timeout: 60_000 }, async (t) => {
    const { store, both } = await replicas(t, port);
    // Numbers of one authority come one after another, those of many at once.
    const counts = await race(async (n) => {
      const number = Math.floor(n / AT_ONCE) + 1;
      const authority = `authority ${n % AT_ONCE}`;
      const made: string[] = [];
      const outcomes = await both(n, (one) => {
        const next = crl(number);
        made.push(next.etag);
        return one.crls.publish(authority, new Map([['full', next]]), [draft('crl.published', authority)]);
      });
      const head = await store.crls.head(authority, 'full');
      return [...outcomes, head?.number === BigInt(number) && made.includes(head.etag) ? 'stands' : 'does not stand'];
    });
    t.same(counts, { 'stands stored superseded': ROUNDS });
    await assertLog(t, store, ROUNDS);
  });
}
