import fc from 'fast-check';
import t from 'tap';
import { EMPTY_CHAIN, hashOf, link, parseLine } from '../../src/audit/chain.ts';
import type { ChainHead } from '../../src/audit/chain.ts';
import type { AuditEntry } from '../../src/audit/entry.ts';
import { chainVerifier, verifyChain } from '../../src/audit/verify.ts';

function log(length: number, start: ChainHead = EMPTY_CHAIN): { readonly entries: AuditEntry[]; readonly head: ChainHead } {
  const entries: AuditEntry[] = [];
  let head = start;
  for (let n = 0; n < length; n += 1) {
    const linked = link(head, { time: n, event: 'request.denied', actor: 'system', subject: `s${n}`, details: { n } });
    entries.push(parseLine(linked.line));
    head = linked.head;
  }
  return { entries, head };
}

const { entries, head } = log(6);
const at = (n: number): AuditEntry => entries[n - 1] as AuditEntry;
/** An entry with its hash made right again, as one would who changes the log. */
const rehashed = (entry: AuditEntry): AuditEntry => ({ ...entry, hash: hashOf(entry) });
const kinds = async (of: readonly AuditEntry[], end: ChainHead = head, start?: ChainHead): Promise<string[]> =>
  (await verifyChain(of, end, start)).map(({ kind, sequence }) => `${kind} ${sequence}`);

t.test('a genuine log has no fault, whole or from a known line on', async (t) => {
  t.same(await kinds(entries), []);
  t.same(await kinds([], EMPTY_CHAIN), []);
  t.same(await kinds(entries.slice(3), head, { sequence: 3, hash: at(3).hash }), []);
});

t.test('a changed line is found, whichever member was changed', async (t) => {
  for (const change of [{ time: 99 }, { actor: 'x' }, { subject: 'x' }, { event: 'crl.published' }, { details: { n: 1.5 } }, { previous: 'f'.repeat(64) }] as const) {
    t.ok((await kinds(entries.map((entry) => (entry === at(3) ? { ...entry, ...change } : entry)))).includes('changed 3'), Object.keys(change).join());
  }
  const { details: _, ...bare } = at(3);
  t.same(await kinds(entries.map((entry) => (entry === at(3) ? bare : entry))), ['changed 3']);
  t.same(await kinds(entries.map((entry) => (entry === at(3) ? { ...entry, added: 1 } as AuditEntry : entry))), ['changed 3']);
});

t.test('a line that was replaced with a right hash is found at the next one', async (t) => {
  t.same(await kinds(entries.map((entry) => (entry === at(3) ? rehashed({ ...entry, subject: 'x' }) : entry))), ['unlinked 4']);
  t.same(await kinds(entries.map((entry) => (entry === at(6) ? rehashed({ ...entry, subject: 'x' }) : entry))), ['wrong-head 6']);
});

t.test('missing lines are found: at the start, within, and at the end', async (t) => {
  t.same(await kinds(entries.slice(1)), ['missing 2']);
  t.same(await kinds([...entries.slice(0, 2), ...entries.slice(4)]), ['missing 5']);
  t.same(await kinds(entries.slice(0, 4)), ['wrong-head 5']);
  t.same(await kinds([]), ['wrong-head 1']);
  const [fault] = await verifyChain([...entries.slice(0, 2), ...entries.slice(4)], head);
  t.equal(fault?.detail, 'lines 3 to 4 are missing');
});

t.test('lines out of their order, and lines twice, are found', async (t) => {
  t.ok((await kinds([at(1), at(3), at(2), ...entries.slice(3)])).includes('reordered 2'));
  t.same(await kinds([at(1), at(2), at(2), ...entries.slice(2)]), ['reordered 2']);
  t.ok((await kinds(entries.toReversed())).length > 0);
});

t.test('lines added at the end are found by the head', async (t) => {
  const longer = log(8);
  t.same(await kinds(longer.entries), ['wrong-head 8']);
  t.same(await kinds(entries, { sequence: 6, hash: 'f'.repeat(64) }), ['wrong-head 6']);
});

t.test('a whole log made anew is found by the head', async (t) => {
  const forged = log(6, { sequence: 0, hash: 'f'.repeat(64) });
  t.same(await kinds(forged.entries), ['unlinked 1', 'wrong-head 6']);
});

t.test('whatever is done to one place of a log, it is found', async (t) => {
  const place = fc.nat({ max: entries.length - 1 });
  const edits: Readonly<Record<string, (of: AuditEntry[], one: number, two: number) => void>> = {
    remove: (of, one) => void of.splice(one, 1),
    repeat: (of, one, two) => void of.splice(two, 0, of[one] as AuditEntry),
    swap: (of, one, two) => void ([of[one], of[two]] = [of[two] as AuditEntry, of[one] as AuditEntry]),
    change: (of, one) => void (of[one] = { ...of[one] as AuditEntry, time: -1 }),
    replace: (of, one) => void (of[one] = rehashed({ ...of[one] as AuditEntry, time: -1 })),
    renumber: (of, one, two) => void (of[one] = rehashed({ ...of[one] as AuditEntry, sequence: two + 100 })),
  };
  await fc.assert(fc.asyncProperty(fc.constantFrom(...Object.keys(edits)), place, place, async (edit, one, two) => {
    if (edit === 'swap' && one === two) return;
    const edited = [...entries];
    edits[edit]?.(edited, one, two);
    if ((await kinds(edited)).length === 0) throw new Error(`${edit} ${one} ${two} went unseen`);
  }));
});

t.test('a log that comes in pieces is checked as it comes', async (t) => {
  async function* pieces(): AsyncIterable<AuditEntry> {
    yield* entries.slice(0, 2);
    yield { ...at(3), subject: 'x' };
    yield* entries.slice(3);
  }
  t.same((await verifyChain(pieces(), head)).map(({ kind }) => kind), ['changed']);
  const { check, finish } = chainVerifier();
  for (const entry of entries) t.same(check(entry), []);
  t.same(finish(head), []);
});
