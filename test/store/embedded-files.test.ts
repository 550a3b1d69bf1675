import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import type { Test } from 'tap';
import { openEmbeddedStore } from '../../src/store/embedded/store.ts';
import { StoreUnavailable } from '../../src/store/store.ts';
import { otherProcess } from '../chaos/other-process.ts';
import { HOUR, NOW, TODAY, acceptance, claim, denied, draft, entryFor, events, plain, put, record, token } from '../contracts/store/samples.ts';

function folder(t: Test): string {
  const made = mkdtempSync(join(tmpdir(), 'chancery-store-'));
  t.teardown(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);

t.test('the folder and its files are for this user only, whatever the umask and whoever made them', async (t) => {
  const before = process.umask(0);
  t.teardown(() => process.umask(before));
  const path = join(folder(t), 'a.b', 'store');
  await (await openEmbeddedStore({ path })).close();
  t.same([mode(path), mode(join(path, 'data.mdb')), mode(join(path, 'lock.mdb'))], ['700', '600', '600']);
  chmodSync(path, 0o755);
  chmodSync(join(path, 'data.mdb'), 0o644);
  await (await openEmbeddedStore({ path })).close();
  t.same([mode(path), mode(join(path, 'data.mdb'))], ['700', '600']);
});

t.test('everything is there after closing and opening', async (t) => {
  const path = folder(t);
  const first = await openEmbeddedStore({ path });
  const of = record();
  await first.requests.accept(acceptance(of, { claims: [claim('k')] }));
  await first.certificates.revoke(of.id, { at: TODAY, reason: 'superseded' }, entryFor(of.id), { blockKey: true }, [draft('certificate.revoked', of.id)]);
  await first.tokens.create(token({ id: 'kept' }), undefined, [], NOW);
  await put(first);
  const { next = '' } = await first.requests.list({}, { limit: 1 });
  await first.close();
  const second = await openEmbeddedStore({ path });
  t.teardown(() => second.close());
  t.equal((await second.requests.find({ claims: ['k'] }, NOW))?.record.id, of.id);
  t.equal((await second.certificates.get(of.id))?.revocation?.reason, 'superseded');
  t.ok(await second.tokens.get('kept'));
  t.ok(await second.blockedKeys.has(of.keyHash));
  t.equal((await second.crls.standing('issuing')).revision, 1);
  t.equal((await events(second)).length, 3);
  t.equal((await second.requests.list({}, { limit: 1, cursor: next })).items[0]?.id, of.id, 'a cursor of before is still good');
});

t.test('a folder is open once in a process; another process may have it too', async (t) => {
  const path = folder(t);
  const store = await openEmbeddedStore({ path });
  await t.rejects(openEmbeddedStore({ path: `${path}/.` }), /open in this process already/);
  const other = await otherProcess(`embedded:${path}`);
  const of = await put(store);
  t.strictSame(plain(await other.call('requests.get', of.id)), plain(of));
  await other.end();
  await store.close();
  await (await openEmbeddedStore({ path })).close();
});

t.test('files that are removed or replaced while they are open take nothing more', async (t) => {
  for (const gone of [['data.mdb'], ['lock.mdb'], ['data.mdb', 'lock.mdb']]) {
    const path = folder(t);
    const store = await openEmbeddedStore({ path });
    t.teardown(() => store.close());
    const before = await put(store);
    const copy = folder(t);
    cpSync(path, copy, { recursive: true });
    await sleep(150);
    for (const file of gone) rmSync(join(path, file));
    await t.rejects(put(store), { name: 'StoreUnavailable', message: /replaced or removed/ }, `without ${gone.join()}`);
    cpSync(copy, path, { recursive: true });
    for (let attempt = 0; attempt < 3; attempt += 1) await t.rejects(put(store), StoreUnavailable, 'nor into the others, which it does not know');
    await t.rejects(store.ping(), StoreUnavailable);
    await store.close();
    const after = await openEmbeddedStore({ path });
    t.teardown(() => after.close());
    t.ok(await after.requests.get(before.id), 'a new start takes what is there');
    await put(after);
  }
});

t.test('each turn of the event loop sees what another process has acknowledged before', async (t) => {
  const path = folder(t);
  const store = await openEmbeddedStore({ path });
  const other = await otherProcess(`embedded:${path}`);
  for (let n = 0; n < 20; n += 1) {
    const keyHash = String(n).padStart(64, '0');
    t.notOk(await store.blockedKeys.has(keyHash));
    await other.call('blockedKeys.add', keyHash, []);
    t.strictSame(await Promise.all([store.blockedKeys.has(keyHash), store.blockedKeys.has(keyHash)]), [true, true], `at once, ${n}`);
  }
  await other.end();
  await store.close();
});

t.test('a closed store says so at every call, and what was under way ends first', async (t) => {
  const store = await openEmbeddedStore({ path: folder(t) });
  const underWay = [put(store), put(store), store.audit.append([draft('service.started', 's')])];
  const closed = store.close();
  await Promise.all(underWay);
  await closed;
  await t.rejects(put(store), StoreUnavailable);
  await t.rejects(store.requests.get('00'), StoreUnavailable);
  await t.rejects(store.requests.list({}, { limit: 1 }), StoreUnavailable);
  await t.rejects(store.crls.changes('issuing', 0, 10), StoreUnavailable);
  await t.rejects(store.leases.acquire('a', 'b', NOW, 1), StoreUnavailable);
});

t.test('a file that is something else is refused and left alone', async (t) => {
  const path = folder(t);
  mkdirSync(join(path, 'other'));
  writeFileSync(join(path, 'other', 'data.mdb'), 'something else, that is longer than a page\n'.repeat(500));
  await t.rejects(openEmbeddedStore({ path: join(path, 'other') }), /is not a file of this store/);
  t.match(readFileSync(join(path, 'other', 'data.mdb'), 'utf8'), /^something else/);
  await t.rejects(openEmbeddedStore({ path: join(path, 'other', 'data.mdb') }));
});

t.test('a write that does not end is given up, told as unknown, and the store recovers', async (t) => {
  const path = folder(t);
  const store = await openEmbeddedStore({ path, patience: 400 });
  t.teardown(() => store.close());
  const other = await otherProcess(`embedded:${path}`);
  t.teardown(() => other.end());
  // Stopped at moments of chance until it holds the lock.
  const stopped = async (): Promise<boolean> => {
    const writing = Array.from({ length: 2000 }, () => other.call('audit.append', [draft('request.denied', 'x')]));
    await new Promise((resolve) => setTimeout(resolve, 20 + Math.random() * 20));
    other.process.kill('SIGSTOP');
    const outcome = await put(store).then(() => 'stored', (error: unknown) => error);
    const held = outcome instanceof StoreUnavailable;
    if (held) {
      await t.rejects(put(store), StoreUnavailable, 'while it is stuck, nobody waits');
      await t.rejects(store.ping(), StoreUnavailable);
    }
    other.process.kill('SIGCONT');
    await Promise.all(writing);
    return held;
  };
  let times = 0;
  while (times < 20 && !await stopped()) times += 1;
  t.ok(times < 20, 'the lock was held once');
  const of = record();
  // A slow machine may need longer than the patience of this test.
  for (let tries = 0; tries < 20; tries += 1) if (await put(store, of).then(() => true, (error: unknown) => /serial-taken/.test(String(error)))) break;
  t.strictSame(plain(await store.requests.get(of.id)), plain(of));
});

t.test('claims are found among many, and after most of their requests have left', async (t) => {
  const store = await openEmbeddedStore({ path: folder(t) });
  t.teardown(() => store.close());
  const kept = new Map<string, string>();
  for (let round = 0; round < 12; round += 1) {
    const made = Array.from({ length: 500 }, (_, n) => record({ notAfter: n % 50 === 0 ? TODAY + 86_400 : TODAY - 10 }));
    await Promise.all(made.map((of) => store.requests.accept(acceptance(of, { claims: [claim(`of ${of.id}`)] }))));
    for (const of of made) if (of.notAfter === TODAY + 86_400) kept.set(`of ${of.id}`, of.id);
    while (await store.sweep(NOW, { retainEnded: 0, most: 1000 }));
  }
  t.equal((await store.requests.list({}, { limit: 1000 })).items.length, kept.size);
  for (const [key, id] of kept) t.equal((await store.requests.find({ claims: [key] }, NOW))?.record.id, id);
  const again = await Promise.all(Array.from(kept.keys(), (key) => store.requests.accept(acceptance(record(), { claims: [claim(key)] }))));
  t.ok(again.every(({ outcome }) => outcome === 'exists'));
});

t.test('the files do not gather in memory', { skip: process.platform === 'linux' ? false : 'only Linux tells' }, async (t) => {
  const store = await openEmbeddedStore({ path: folder(t) });
  t.teardown(() => store.close());
  const files = (): number => Number(/RssFile:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]) / 1024;
  const filler = 'x'.repeat(3000);
  const fill = () => Promise.all(Array.from({ length: 500 }, () => put(store, denied({ refusal: { code: 'request-refused', detail: filler } }))));
  // First the program's own code comes into memory, a file too.
  for (let round = 0; round < 5; round += 1) await fill();
  const before = files();
  let most = 0;
  for (let round = 0; round < 30; round += 1) {
    await fill();
    most = Math.max(most, files());
  }
  await store.requests.list({ name: 'nowhere', since: NOW - HOUR }, { limit: 1 });
  await store.ping();
  t.ok(most - before < 40, `${Math.round(most - before)} MB more, of 60 or more that were written`);
});
