import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { Test } from 'tap';
import { canonicalJson } from '../../src/audit/chain.ts';
import { verifyChain } from '../../src/audit/verify.ts';
import type { RequestRecord } from '../../src/issuance/request.ts';
import { BrokenLog } from '../../src/store/transfer.ts';
import type { PortableItem, WholeStore } from '../../src/store/transfer.ts';
import { backup } from '../../src/transfer/backup.ts';
import { beginning, contentOf } from '../../src/transfer/content.ts';
import { restoreFile, restoreStore } from '../../src/transfer/restore.ts';
import { transferObjectsContract } from './transfer-objects.ts';
import { HOUR, NOW, TODAY, acceptance, apiKey, approved, claim, crl, denied, digestOf, draft, entryFor, issued, pending, plain, put, record, token } from './store/samples.ts';

export type OpenWhole = (t: Test) => Promise<{ readonly store: WholeStore }>;

const AUTHORITIES = ['issuing', 'another'];
const quiet = (): void => undefined;
const QUOTA = { key: 'quota of deployer', limit: 100, window: 3600 };

interface Filled {
  readonly records: readonly RequestRecord[];
  readonly held: string;
  readonly released: string;
  readonly revoked: string;
  readonly spent: { readonly id: string; readonly csrDigest: string; readonly first: string };
}

/** Something of everything. */
async function fill(store: WholeStore): Promise<Filled> {
  const records: RequestRecord[] = [];
  const keep = async (of: RequestRecord): Promise<RequestRecord> => {
    records.push(await put(store, of));
    return of;
  };
  const held = token({ uses: 3 });
  await store.tokens.create(held, claim('token key'), [draft('token.created', held.id)], NOW);
  const over = token();
  await store.tokens.create(over, undefined, [draft('token.created', over.id)], NOW);
  await store.tokens.revoke(over.id, NOW + 5, [draft('token.revoked', over.id)]);
  const key = apiKey();
  await store.apiKeys.create(key, claim('api key'), [draft('api-key.created', key.id)], NOW);
  const first = record({ requester: { kind: 'enrolment-token', name: held.id } });
  const spent = { id: held.id, csrDigest: digestOf('csr'), first: first.id };
  await store.requests.accept(acceptance(first, { token: spent, claims: [claim('the same again', { livesWithRequest: true })], quota: QUOTA }));
  records.push(first);
  await keep(pending());
  await keep(denied());
  const waiting = await keep(pending());
  const signed = approved(waiting);
  await store.requests.transition('pending', signed, [draft('request.approved', waiting.id)]);
  const certified = issued(signed);
  await store.requests.transition('approved', certified, [draft('certificate.issued', waiting.id)]);
  records.splice(records.indexOf(waiting), 1, certified);
  const approvedOnly = await keep(pending());
  await store.requests.transition('pending', approved(approvedOnly), [draft('request.approved', approvedOnly.id)]);
  const revoke = async (reason: 'superseded' | 'keyCompromise' | 'certificateHold', authority = 'issuing'): Promise<string> => {
    const { id } = await keep(record({ authority }));
    await store.certificates.revoke(id, { at: TODAY, reason }, entryFor(id), { blockKey: reason === 'keyCompromise' }, [draft('certificate.revoked', id)]);
    return id;
  };
  const revoked = await revoke('superseded');
  await revoke('keyCompromise', 'another');
  const onHold = await revoke('certificateHold');
  const released = await revoke('certificateHold');
  await store.certificates.release(released, TODAY + 3, entryFor(released), [draft('certificate.released', released)]);
  for (const number of [1, 2]) await store.crls.publish('issuing', new Map([['full', crl(number, { revision: 4 })], ['2-1', crl(number)]]), [draft('crl.published', 'issuing')]);
  await store.crls.keepShards('issuing', { count: 2, until: TODAY + 900, addresses: ['http://ca.example.com/crl/issuing'] });
  await store.blockedKeys.add(digestOf('a weak key'), [draft('key.blocked', digestOf('a weak key'))]);
  for (let n = 0; n < 30; n += 1) await keep(record());
  return { records, held: onHold, released, revoked, spent };
}

/** All that a store tells of itself, in an order of its own. */
async function content(store: WholeStore): Promise<unknown> {
  const items: PortableItem[] = [];
  for await (const portion of contentOf({ store, authorities: AUTHORITIES }, await beginning({ store, authorities: AUTHORITIES }))) items.push(...portion.items);
  const texts = items.map((item) => canonicalJson(JSON.parse(JSON.stringify(plain(item), (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)))));
  return { items: [...new Set(texts)].sort(), log: await store.audit.list({ after: 0, limit: 100_000 }) };
}

const bring = (to: WholeStore, more = true) => ({ target: to, clock: () => NOW + HOUR, more, actor: 'operator:test', shards: 4, progress: quiet });

/** The contract of `TransferStore`, and with it that content moves from one kind of store to the other. */
export function transferContract(name: string, openFrom: OpenWhole, openTo: OpenWhole): void {
  const folder = (t: Test): string => {
    const made = mkdtempSync(join(tmpdir(), 'chancery-transfer-'));
    t.teardown(() => rmSync(made, { recursive: true, force: true }));
    return made;
  };

  t.test(`${name}: everything arrives, by way of a file`, async (t) => {
    const [{ store: from }, { store: to }] = [await openFrom(t), await openTo(t)];
    const filled = await fill(from);
    const file = join(folder(t), 'backup');
    const made = await backup({ source: { store: from, authorities: [] }, file, program: 'test', id: 'one', clock: () => NOW, progress: quiet });
    t.equal(statSync(file).mode & 0o777, 0o600);
    t.same(made.head, await from.audit.head());
    // What the samples call certificates is none; so the file's own checks have tests of their own.
    await restoreStore({ store: from, authorities: [] }, bring(to));
    const [before, after] = [await content(from), await content(to)] as { log: never[]; items: string[] }[];
    t.same(after?.log, before?.log);
    const standing = (text: string): boolean => text.includes('"kind":"authority"');
    t.same(after?.items.filter((text) => !standing(text)), before?.items.filter((text) => !standing(text)));
    t.same(await verifyChain(await to.audit.list({ after: 0, limit: 1000 }), await to.audit.head()), []);

    for (const { id } of filled.records) t.strictSame(plain(await to.requests.get(id)), plain(await from.requests.get(id)));
    t.equal((await to.certificates.get(filled.held))?.revocation?.reason, 'certificateHold');
    t.equal((await to.certificates.get(filled.released))?.revocation, undefined);
    t.equal((await to.crls.change('issuing', filled.released))?.reason, 'removeFromCRL');
    t.equal(await to.blockedKeys.has(digestOf('a weak key')), true);
    t.equal((await to.certificates.list({ status: 'revoked' }, { limit: 10 }, TODAY)).items.length, 3);
    t.equal((await to.requests.list({ state: 'pending' }, { limit: 10 })).items.length, 1);
    const [newest] = (await to.requests.list({}, { limit: 3 })).items;
    t.equal(newest?.id.slice(0, 10), filled.records.map(({ id }) => id.slice(0, 10)).sort().at(-1), 'newest first');
    t.equal(await to.requests.quotaUsed(QUOTA.key, QUOTA.window, NOW), 1);
  });

  t.test(`${name}: what was promised holds afterwards: the same again, a used token, an Idempotency-Key`, async (t) => {
    const [{ store: from }, { store: to }] = [await openFrom(t), await openTo(t)];
    const { spent, records } = await fill(from);
    await restoreStore({ store: from, authorities: AUTHORITIES }, bring(to));
    const again = await to.requests.accept(acceptance(record(), { token: spent }));
    t.equal(again.outcome === 'exists' && again.record.id, spent.first, 'the same CSR finds its certificate');
    t.equal((await to.tokens.get(spent.id))?.used, 1);
    const same = await to.requests.accept(acceptance(record(), { claims: [claim('the same again', { livesWithRequest: true })] }));
    t.equal(same.outcome === 'exists' && same.record.id, spent.first);
    t.equal((await to.requests.accept(acceptance(record({ id: records[0]?.id ?? '' })))).outcome, 'serial-taken');
    for (const csrDigest of ['b', 'c']) t.equal((await to.requests.accept(acceptance(record(), { token: { id: spent.id, csrDigest } }))).outcome, 'stored');
    t.equal((await to.requests.accept(acceptance(record(), { token: { id: spent.id, csrDigest: 'd' } }))).outcome, 'token-exhausted');
    t.equal((await to.tokens.create(token(), claim('token key'), [], NOW)).outcome, 'exists');
    t.equal((await to.tokens.create(token(), claim('token key', { fingerprint: 'other' }), [], NOW)).outcome, 'conflict');
    t.equal((await to.apiKeys.create(apiKey(), claim('api key'), [], NOW)).outcome, 'exists');
  });

  t.test(`${name}: CRL numbers jump beyond every one that can have been published since, and thisUpdate does not go back`, async (t) => {
    const [{ store: from }, { store: to }] = [await openFrom(t), await openTo(t)];
    const { revoked } = await fill(from);
    await restoreStore({ store: from, authorities: AUTHORITIES }, { ...bring(to), clock: () => NOW + 7000 });
    const last = await to.crls.lastNumber('issuing', 'full');
    t.ok(last >= 2n + 3600n, `${last}`);
    t.equal(await to.crls.lastNumber('issuing', 'delta'), last);
    t.ok(await to.crls.lastNumber('issuing', '2-1') >= 3602n);
    t.ok(await to.crls.lastNumber('another', 'full') >= 3600n, 'also where none was published before');
    t.ok(await to.crls.lastNumber('issuing', '4-3') >= 3600n, 'and of shards that are younger than the backup');
    const { revision } = await to.crls.standing('issuing');
    t.ok(revision > (await from.crls.standing('issuing')).revision, 'nobody has seen these revisions');
    t.equal((await to.crls.change('issuing', revoked))?.revision, (await from.crls.change('issuing', revoked))?.revision);
    const full = (number: bigint, thisUpdate: number) => to.crls.publish('issuing', new Map([['full', { ...crl(1, { thisUpdate, revision }), number }]]), []);
    t.equal(await full(3n, TODAY + 8), 'superseded', 'a number that may have been published');
    t.equal(await full(last + 1n, TODAY + 6), 'superseded', 'a time before the restore');
    t.equal(await full(last + 1n, TODAY + 7), 'stored');
  });

  t.test(`${name}: an older copy takes nothing back`, async (t) => {
    const [{ store: from }, { store: to }] = [await openFrom(t), await openTo(t)];
    const { held, revoked, released, spent } = await fill(from);
    const old: PortableItem[] = [];
    for await (const { items } of contentOf({ store: from, authorities: AUTHORITIES }, await beginning({ store: from, authorities: AUTHORITIES }))) old.push(...items);
    await restoreStore({ store: from, authorities: AUTHORITIES }, bring(to));
    // What happens after the copy was made.
    const waiting = (await to.requests.list({ state: 'pending' }, { limit: 1 })).items[0] as RequestRecord;
    await to.requests.transition('pending', approved(waiting), [draft('request.approved', waiting.id)]);
    const { id: good } = await put(to);
    old.push({ kind: 'request', record: plain(await to.requests.get(good)) as RequestRecord, marks: [] });
    await to.certificates.revoke(good, { at: TODAY, reason: 'superseded' }, entryFor(good), { blockKey: false }, []);
    await to.certificates.revoke(revoked, { at: TODAY, reason: 'keyCompromise' }, entryFor(revoked), { blockKey: true }, []);
    await to.certificates.release(held, TODAY + 9, entryFor(held), []);
    await to.certificates.revoke(released, { at: TODAY + 9, reason: 'cessationOfOperation' }, entryFor(released), { blockKey: false }, []);
    await to.requests.accept(acceptance(record(), { token: { id: spent.id, csrDigest: 'b' }, quota: QUOTA }));
    await to.tokens.revoke(spent.id, NOW + 1, []);
    const feed = await to.crls.changes('issuing', 0, 100);
    const numbers = await to.crls.lastNumber('issuing', 'full');

    const counts = await to.transfer.load(old, undefined);
    t.equal(counts.added, 0);
    t.equal((await to.requests.get(waiting.id))?.state, 'approved');
    t.equal((await to.certificates.get(good))?.revocation?.reason, 'superseded');
    t.same((await to.certificates.get(revoked))?.revocation, { at: TODAY, reason: 'keyCompromise' });
    t.equal((await to.certificates.get(released))?.revocation?.reason, 'cessationOfOperation');
    t.equal((await to.certificates.get(held))?.revocation, undefined, 'a hold that was released meanwhile does not come back');
    t.strictSame(plain(await to.crls.changes('issuing', 0, 100)), plain(feed), 'the feed is as it was');
    t.equal(await to.crls.lastNumber('issuing', 'full'), numbers);
    t.same([(await to.tokens.get(spent.id))?.used, (await to.tokens.get(spent.id))?.revokedAt], [2, NOW + 1]);
    t.equal(await to.requests.quotaUsed(QUOTA.key, QUOTA.window, NOW), 2);
  });

  t.test(`${name}: of a store that is older nothing is taken`, async (t) => {
    const [{ store: from }, { store: to }] = [await openFrom(t), await openTo(t)];
    const { held } = await fill(from);
    await restoreStore({ store: from, authorities: AUTHORITIES }, bring(to));
    await to.certificates.release(held, TODAY + 9, entryFor(held), [draft('certificate.released', held)]);
    const before = await content(to);
    t.match(await restoreStore({ store: from, authorities: AUTHORITIES }, bring(to, false)), { older: true, added: 0, advanced: 0, lines: 0, head: await from.audit.head() });
    t.same(await content(to), before);
  });

  t.test(`${name}: lines of a log are taken as they are, once, and no others`, async (t) => {
    const [{ store: from }, { store: to }] = [await openFrom(t), await openTo(t)];
    await fill(from);
    const all = await from.audit.list({ after: 0, limit: 1000 });
    t.equal(await to.transfer.loadAudit(all.slice(0, 10), 'ten'), 10);
    t.equal(await to.transfer.mark(), 'ten');
    t.equal(await to.transfer.loadAudit(all.slice(5, 20), undefined), 10, 'those that are here are left out');
    t.equal(await to.transfer.mark(), undefined);
    const head = await to.audit.head();
    const [other] = all.slice(20, 21);
    if (other === undefined) throw new Error('too few lines');
    for (const wrong of [
      [{ ...other, actor: 'somebody else' }], [{ ...other, hash: '0'.repeat(64) }], all.slice(21, 22), [{ ...(all[19] ?? other), subject: 'another' }], [other, other],
    ]) await t.rejects(to.transfer.loadAudit(wrong, 'no'), BrokenLog);
    t.same(await to.audit.head(), head, 'nothing was written');
    await to.transfer.loadAudit(all.slice(20), undefined);
    t.same(await to.audit.list({ after: 0, limit: 1000 }), all);
    await to.audit.append([draft('service.started', 'service')]);
    t.same(await verifyChain(await to.audit.list({ after: 0, limit: 1000 }), await to.audit.head()), []);
  });

  t.test(`${name}: changes come with their lines, all of one view`, async (t) => {
    const { store: from } = await openFrom(t);
    const { spent, held } = await fill(from);
    const { sequence } = await from.audit.head();
    const one = record({ requester: { kind: 'enrolment-token', name: spent.id } });
    const line = { ...draft('certificate.issued', one.id), actor: `enrolment-token:${spent.id}` };
    await from.requests.accept(acceptance(one, { token: { id: spent.id, csrDigest: 'b' }, audit: [line] }));
    await from.certificates.release(held, TODAY + 9, entryFor(held), [draft('certificate.released', held)]);
    await from.crls.publish('issuing', new Map([['full', crl(3, { revision: 9 })]]), [draft('crl.published', 'issuing')]);
    const changes = await from.transfer.changes(sequence, 100, AUTHORITIES, 0);
    t.same(changes.entries.map(({ event, subject }) => `${event} ${subject}`), [`certificate.issued ${one.id}`, `certificate.released ${held}`, 'crl.published issuing']);
    t.same(changes.head, await from.audit.head());
    const kinds = changes.items.map((item) => item.kind).sort();
    t.same(kinds, ['authority', 'request', 'request', 'revocation', 'token']);
    t.equal(changes.items.find((item) => item.kind === 'token')?.token.used, 2);
    const late = token({ id: 'abcdef2345672345' });
    const { sequence: middle } = await from.audit.head();
    await from.tokens.create(late, claim('late'), [draft('token.created', late.id)], NOW);
    await from.crls.publish('ca', new Map([['full', crl(1)]]), [draft('crl.published', 'ca')]);
    const hexed = (await from.transfer.changes(middle, 100, ['ca'], 0)).items;
    t.same(hexed.map(({ kind }) => kind).sort(), ['authority', 'claim', 'token'], 'names that look like serials');
    const some = await from.transfer.changes(sequence, 1, AUTHORITIES, 0);
    t.equal(some.entries.length, 1);
    t.same(some.head, await from.audit.head());
  });

  t.test(`${name}: a store that is written to while it is read arrives as it was at one head of its log`, { timeout: 60_000 }, async (t) => {
    const [{ store: from }, { store: to }] = [await openFrom(t), await openTo(t)];
    await fill(from);
    const stop = { now: false };
    // Whoever is slower than the writers must come to an end, too.
    const enough = setTimeout(() => { stop.now = true; }, 2500);
    const busy = Promise.all(Array.from({ length: 4 }, async () => {
      for (let n = 0; !stop.now; n += 1) {
        const { id } = await put(from, n % 3 === 0 ? pending() : record());
        if (n % 3 === 1) await from.certificates.revoke(id, { at: TODAY, reason: 'certificateHold' }, entryFor(id), { blockKey: false }, [draft('certificate.revoked', id)]);
        if (n % 6 === 1) await from.certificates.release(id, TODAY, entryFor(id), [draft('certificate.released', id)]);
      }
    }));
    let portions = 0;
    let position = await beginning({ store: from, authorities: AUTHORITIES });
    for await (const portion of contentOf({ store: from, authorities: AUTHORITIES }, position)) {
      portions += 1;
      ({ position } = portion);
      await to.transfer.load(portion.items, 'busy');
      await to.transfer.loadAudit(portion.entries, 'busy');
      if (portions < 10) await new Promise((resolve) => setTimeout(resolve, 10));
    }
    stop.now = true;
    clearTimeout(enough);
    await busy;
    const head = await to.audit.head();
    t.ok(head.sequence > position.begun.sequence, `${head.sequence - position.begun.sequence} lines while it was read`);
    // By the log, up to the head: what each request must be.
    const must = new Map<string, string>();
    for (const { event, subject } of await to.audit.list({ after: 0, limit: 1_000_000 })) must.set(subject, event);
    const wrong: string[] = [];
    for (const [id, event] of must) {
      const [here, there] = [await to.requests.get(id), await from.requests.get(id)];
      if (there === undefined) continue;
      const standing = here?.revocation?.reason ?? here?.state;
      if ((event === 'certificate.revoked' || event === 'certificate.released') && standing !== (event === 'certificate.revoked' ? here?.revocation?.reason ?? 'none' : 'issued')) wrong.push(`${id} ${event} ${standing}`);
    }
    t.same(wrong, []);
    let cursor: string | undefined;
    const here = new Set<string>();
    do {
      const page = await to.transfer.dump('request', cursor, 1000);
      for (const item of page.items) if (item.kind === 'request') here.add(item.record.id);
      cursor = page.next;
    } while (cursor !== undefined);
    t.same([...here].filter((id) => !must.has(id)), [], 'no record without its line');
    t.same([...must].filter(([id, event]) => /^certificate\.|^request\./.test(event) && !here.has(id)), [], 'no line without its record');
  });

  t.test(`${name}: an interrupted move goes on where it stopped`, async (t) => {
    const [{ store: from }, { store: to }] = [await openFrom(t), await openTo(t)];
    await fill(from);
    let loads = 0;
    const failing = { ...to, transfer: { ...to.transfer, load: (...all: Parameters<WholeStore['transfer']['load']>) => {
      loads += 1;
      return loads > 3 ? Promise.reject(new Error('the machine stops here')) : to.transfer.load(...all);
    } } };
    await t.rejects(restoreStore({ store: from, authorities: AUTHORITIES }, bring(failing)), /the machine stops here/);
    t.type(await to.transfer.mark(), 'string', 'it is marked as not whole');
    const done = await restoreStore({ store: from, authorities: AUTHORITIES }, bring(to, false));
    t.equal(done.resumed, true);
    t.equal(await to.transfer.mark(), undefined);
    const log = await to.audit.list({ after: 0, limit: 1000 });
    t.equal(log.at(-1)?.event, 'store.restored');
    t.same(await verifyChain(log, await to.audit.head()), []);
    t.equal((await to.requests.list({}, { limit: 1000 })).items.length, (await from.requests.list({}, { limit: 1000 })).items.length);
    const again = await restoreStore({ store: from, authorities: AUTHORITIES }, bring(to, false));
    t.match(again, { older: true, added: 0, lines: 0 });
    t.same(await to.audit.list({ after: 0, limit: 1000 }), log, 'once more is nothing more');
  });

  t.test(`${name}: a store with another log is refused, and so is one that a service runs on`, async (t) => {
    const [{ store: from }, { store: to }] = [await openFrom(t), await openTo(t)];
    await fill(from);
    await to.audit.append([draft('authority.created', 'root')]);
    await t.rejects(restoreStore({ store: from, authorities: [] }, bring(to)), { code: 'other-log' });
    const { store: third } = await openTo(t);
    const replica = { id: 'r1', name: 'host/1', startedAt: NOW, seenAt: NOW + HOUR - 30_000, parts: {} };
    await third.replicas.announce(replica, 0);
    await t.rejects(restoreStore({ store: from, authorities: [] }, bring(third)), { code: 'in-use', message: /host\/1, seen 30 s ago/ });
    await third.replicas.leave('r1');
    await from.replicas.announce(replica, 0);
    await t.rejects(restoreStore({ store: from, authorities: [] }, bring(third, false)), { code: 'in-use' }, 'the last time, the source must stand still');
    await restoreStore({ store: from, authorities: [] }, bring(third));
    await put(from);
    await from.replicas.leave('r1');
    t.match(await restoreStore({ store: from, authorities: [] }, bring(third, false)), { added: 1, lines: 1 }, 'and then only what is new comes');
  });

  t.test(`${name}: who serves is told while it does`, async (t) => {
    const { store } = await openTo(t);
    const replica = (id: string, seenAt: number) => ({ id, name: `host/${id}`, startedAt: NOW, seenAt, parts: { profiles: digestOf(id), __proto__x: 'y' } });
    t.same(await store.replicas.list(), []);
    await store.replicas.announce(replica('a', NOW), NOW - 1000);
    await store.replicas.announce(replica('b', NOW + 5), NOW - 1000);
    await store.replicas.announce(replica('a', NOW + 9), NOW - 1000);
    const byId = async () => [...await store.replicas.list()].sort((one, other) => (one.id < other.id ? -1 : 1));
    t.strictSame(await byId(), [replica('a', NOW + 9), replica('b', NOW + 5)]);
    await store.replicas.announce(replica('c', NOW + 5000), NOW + 6);
    t.same((await byId()).map(({ id }) => id), ['a', 'c'], 'what was not seen for long is forgotten');
    await store.replicas.leave('a');
    await store.replicas.leave('nobody');
    t.same((await byId()).map(({ id }) => id), ['c']);
  });

  transferObjectsContract(name, openFrom, openTo);

  t.test(`${name}: a service that is started while a backup is checked keeps it from being restored`, async (t) => {
    const [{ store: from }, { store: to }] = [await openFrom(t), await openTo(t)];
    const file = join(folder(t), 'store.backup');
    await backup({ source: { store: from, authorities: [] }, file, program: 'test', id: 'one', clock: () => NOW, progress: quiet });
    let asked = 0;
    const started = { id: 'r1', name: 'host/1', startedAt: NOW, seenAt: NOW + HOUR, parts: {} };
    const { transfer, audit, crls } = to;
    const target = { transfer, audit, crls, replicas: { list: () => Promise.resolve(asked++ === 0 ? [] : [started]), announce: () => Promise.resolve(), leave: () => Promise.resolve() } };
    await t.rejects(restoreFile(file, { ...bring(to), target }), { code: 'in-use' });
    t.equal(await to.transfer.mark(), undefined);
    await restoreFile(file, bring(to));
  });

  t.test(`${name}: restoring a file that is no backup`, async (t) => {
    const { store } = await openTo(t);
    await t.rejects(restoreFile(new URL(import.meta.url).pathname, bring(store)), { code: 'not-a-backup' });
  });
}
