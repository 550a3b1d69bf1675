import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { openEmbeddedStore } from '../../src/store/embedded/store.ts';
import { StoreUnavailable } from '../../src/store/store.ts';
import { STRACE, exitOf, scene } from './crash.ts';
import { acceptance, denied, draft, plain, put, record } from '../contracts/store/samples.ts';
import { verifyChain } from '../../src/audit/verify.ts';

const traceable = STRACE !== undefined && spawnSync(STRACE, ['-f', '-e', 'trace=none', 'true']).status === 0;

/** One system call of a trace: its name, its first parameter, and what it returned. */
interface Call {
  readonly name: string;
  readonly file: string;
  readonly text: string;
}

t.test('nothing is acknowledged before the disk has it: pages, sync, the page that makes them count, and only then the answer', {
  timeout: 60_000, skip: traceable ? false : 'strace is not there or may not trace: apt-get install strace',
}, async (t) => {
  const { writer, folder } = await scene(t);
  const trace = join(folder, 'trace');
  await exitOf(writer(1, 12, [STRACE ?? '', '-f', '-qq', '-s', '40', '-o', trace, '-e', 'trace=openat,pwrite64,writev,pwritev,fdatasync,write']));
  // A call that another thread interrupts is in two lines; the second one tells when it ended.
  const began = new Map<string, string>();
  const calls: Call[] = [];
  for (const line of readFileSync(trace, 'utf8').split('\n')) {
    const [, thread = '', rest = ''] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    if (rest.endsWith('<unfinished ...>')) {
      began.set(thread, rest.replace('<unfinished ...>', ''));
      continue;
    }
    const text = rest.replace(/^<\.\.\. \w+ resumed>/, () => began.get(thread) ?? '');
    const [, name, file] = /^(\w+)\(([^,)]*)/.exec(text) ?? [];
    if (name !== undefined && file !== undefined) calls.push({ name, file, text });
  }
  const synced = calls.filter(({ name, text }) => name === 'openat' && text.includes('data.mdb') && text.includes('O_DSYNC')).map(({ text }) => /= (\d+)$/.exec(text)?.[1]);
  t.equal(synced.length, 1, 'one descriptor writes through');

  // What is not on the disk yet: pages that no sync has covered, or synced pages that no written-through page makes count.
  let unsynced = 0;
  let uncounted = 0;
  let answers = 0;
  for (const { name, file, text } of calls) {
    if (name === 'fdatasync') unsynced = 0;
    else if (name === 'write' && file === '1' && text.includes('{')) {
      answers += 1;
      t.same({ unsynced, uncounted }, { unsynced: 0, uncounted: 0 }, `answer ${answers}`);
    } else if (synced.includes(file)) {
      t.equal(unsynced, 0, 'the page that makes others count is written after they are synced');
      uncounted = 0;
    } else if (name.startsWith('pwrite') || (name === 'writev' && text.includes('iov_len=4096'))) {
      unsynced += 1;
      uncounted += 1;
    }
  }
  t.ok(answers >= 12, `${answers} answers`);
});

t.test('on a full disk every call is told so, nothing hangs, nothing is lost, and it heals', {
  timeout: 60_000, skip: process.getuid?.() === 0 ? false : 'only root can make a small disk',
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'chancery-full-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'chancery-test', folder]).status !== 0) {
    t.comment('skipped: this machine does not let tests mount');
    return;
  }
  t.teardown(() => spawnSync('umount', [folder]));
  const store = await openEmbeddedStore({ path: join(folder, 'store') });
  t.teardown(() => store.close());
  const stored: ReturnType<typeof record>[] = [];
  const failed: unknown[] = [];
  for (let round = 0; round < 200 && failed.length < 40; round += 1) {
    const tried = Array.from({ length: 8 }, () => (round % 2 === 0 ? record() : denied({ refusal: { code: 'request-refused', detail: 'x'.repeat(3000) } })));
    for (const [n, outcome] of (await Promise.allSettled(tried.map((of) => store.requests.accept(acceptance(of))))).entries()) {
      if (outcome.status === 'fulfilled') stored.push(tried[n] as ReturnType<typeof record>);
      else failed.push(outcome.reason);
    }
  }
  t.ok(stored.length > 100 && failed.length >= 40, `${stored.length} stored, then ${failed.length} refused`);
  t.ok(failed.every((reason) => reason instanceof StoreUnavailable), 'each with StoreUnavailable');
  for (const of of stored) t.strictSame(plain(await store.requests.get(of.id)), plain(of), 'what was stored can be read');

  t.equal(spawnSync('mount', ['-o', 'remount,size=64m', folder]).status, 0);
  await store.ping();
  const after = await put(store);
  await store.audit.append([draft('service.started', 'again')]);
  t.strictSame(plain(await store.requests.get(after.id)), plain(after));
  const all = await store.audit.list({ after: 0, limit: 100_000 });
  t.same(await verifyChain(all, await store.audit.head()), []);
  t.same(new Set(all.map(({ subject }) => subject)), new Set([...stored.map(({ id }) => id), after.id, 'again']), 'the log has what was stored, and nothing else');
});
