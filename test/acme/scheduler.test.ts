import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import t, { type Test } from 'tap';
import { nonceCounter, nonceKeyOf, sharedNonces, unreliable } from '../../src/acme/nonces.ts';
import { createScheduler, type Scheduler } from '../../src/acme/scheduler.ts';
import type { Authorization } from '../../src/acme/state/model.ts';
import { fresh, newId, put, type Records, recordsIn } from '../../src/acme/state/records.ts';
import type { ValidationOutcome, Validators } from '../../src/acme/validators/validator.ts';
import { openEmbeddedStore } from '../../src/store/embedded/store.ts';
import type { Store } from '../../src/store/store.ts';

const NOW = 1_800_000_000_000;
const LEASE = 30_000;

async function store(t: Test): Promise<{ readonly store: Store; readonly records: Records }> {
  const folder = mkdtempSync(join(tmpdir(), 'chancery-acme-'));
  const opened = await openEmbeddedStore({ path: folder });
  t.teardown(async () => {
    await opened.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return { store: opened, records: recordsIn(opened.objects) };
}

interface Times {
  now: number;
}

function scheduler(records: Records, times: Times, validate: Validators['validate'], attempts = 3, alone = false): Scheduler {
  return createScheduler({
    records, validators: { validate, caa: () => Promise.resolve(undefined) }, clock: () => times.now, random: randomBytes, attempts,
    authorizationLifetime: 1_000_000, lease: LEASE, alone, failed: () => undefined, report: (_what, error) => { throw error; },
  });
}

async function pending(records: Records, due: number): Promise<string> {
  const id = newId(NOW, randomBytes);
  const value: Authorization = {
    authority: 'issuing', account: 'a', identifier: { type: 'dns', value: 'a.example' }, wildcard: false, status: 'pending', createdAt: NOW, expires: NOW + 10_000_000, due,
    challenges: [{ type: 'http-01', token: 'x', status: 'processing', keyAuthorization: 'x.y', accountUri: 'https://a' }],
  };
  await records.write([put.authorization(fresh(id, value))]);
  return id;
}

const statusOf = async (records: Records, id: string): Promise<string | undefined> => (await records.authorization(id))?.value.status;
const until = async (done: () => Promise<boolean>): Promise<void> => {
  for (let n = 0; n < 1500 && !await done(); n += 1) await new Promise((resolve) => setTimeout(resolve, 10));
};

t.test('of several processes one validates, and what is not due is left alone', async (t) => {
  const { records } = await store(t);
  const times = { now: NOW };
  let calls = 0;
  const validate = async (): Promise<ValidationOutcome> => {
    calls += 1;
    await new Promise((resolve) => setTimeout(resolve, 30));
    return { outcome: 'valid' };
  };
  const id = await pending(records, NOW);
  await pending(records, NOW + 60_000);
  const several = Array.from({ length: 4 }, () => scheduler(records, times, validate));
  await Promise.all(several.map((one) => one.look()));
  await until(async () => await statusOf(records, id) === 'valid');
  t.equal(calls, 1);
  t.equal((await records.authorization(id))?.value.expires, NOW + 1_000_000);
  await Promise.all(several.map((one) => one.stop()));
});

for (const alone of [true, false]) {
  t.test(`a process that ${alone ? 'is alone calls while it writes' : 'has others beside it calls when it has written'} that it does, and once`, async (t) => {
    const { records } = await store(t);
    const calls: string[] = [];
    const one = scheduler(records, { now: NOW }, (request) => {
      calls.push(request.token);
      return Promise.resolve({ outcome: 'valid' });
    }, 3, alone);
    const id = await pending(records, NOW + LEASE);
    const found = await records.authorization(id);
    if (found === undefined) return void t.fail('gone');
    const next = { ...found, version: found.version + 1 };
    // Two answers to one challenge at the same time: one write is the first.
    const writes = [records.write([put.authorization(found)]), records.write([put.authorization(found)])];
    for (const written of writes) one.place(NOW).begin(next, written);
    t.equal(calls.length, alone ? 1 : 0);
    t.same(await Promise.all(writes), [true, false]);
    await one.underWay(id);
    t.equal(calls.length, 1);
    t.equal(await statusOf(records, id), 'valid');
    t.equal(one.underWay(id), undefined);
    await one.stop();
    return undefined;
  });
}

t.test('what was called for while it could not be written comes to nothing, and the place is free again', async (t) => {
  const { records } = await store(t);
  const id = await pending(records, NOW + LEASE);
  const found = await records.authorization(id);
  if (found === undefined) return void t.fail('gone');
  const one = scheduler(records, { now: NOW }, () => Promise.resolve({ outcome: 'valid' }), 3, true);
  const next = { ...found, version: found.version + 1 };
  for (let n = 0; n < 300; n += 1) {
    one.place(NOW).begin(next, n % 2 === 0 ? Promise.resolve(false) : Promise.reject(new Error('the disk is full')));
    await one.underWay(id);
  }
  t.equal(await statusOf(records, id), 'pending');
  t.equal(one.place(NOW).due, NOW + LEASE);
  await one.stop();
  return undefined;
});

t.test('what a process that died had begun is taken up after its lease', async (t) => {
  const { records } = await store(t);
  const times = { now: NOW };
  const id = await pending(records, NOW);
  const hanging = scheduler(records, times, () => new Promise(() => undefined));
  await hanging.look();
  const other = scheduler(records, times, () => Promise.resolve({ outcome: 'valid' }));
  await other.look();
  t.equal(await statusOf(records, id), 'pending', 'the lease holds');
  times.now += LEASE;
  await other.look();
  await until(async () => await statusOf(records, id) === 'valid');
  t.equal(await statusOf(records, id), 'valid');
  await other.stop();
});

t.test('a validation that may succeed later is tried again with growing pauses, so many times and no more', async (t) => {
  const { records } = await store(t);
  const times = { now: NOW };
  let calls = 0;
  const again = scheduler(records, times, () => {
    calls += 1;
    return Promise.resolve({ outcome: 'invalid', problem: { type: 'connection', detail: 'nobody there' }, again: true });
  });
  const id = await pending(records, NOW);
  const pauses: number[] = [];
  for (let n = 1; n <= 3; n += 1) {
    await again.look();
    await until(async () => calls === n && (await statusOf(records, id) === 'invalid' || ((await records.authorization(id))?.value.challenges[0]?.attempts ?? 0) === n));
    const due = (await records.authorization(id))?.value.due;
    if (due !== undefined) pauses.push(due - times.now);
    times.now = due ?? times.now;
  }
  t.equal(calls, 3);
  t.equal(pauses.length, 2);
  t.ok((pauses[1] ?? 0) > 2 * (pauses[0] ?? Infinity));
  t.match((await records.authorization(id))?.value, { status: 'invalid', challenges: [{ status: 'invalid', error: { type: /connection$/ } }] });
  await again.look();
  t.equal(calls, 3, 'never again');
  await again.stop();
});

t.test('a stop interrupts, and leaves what it interrupted to others at once', async (t) => {
  const { records } = await store(t);
  const times = { now: NOW };
  const id = await pending(records, NOW);
  const first = scheduler(records, times, (_request, signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve({ outcome: 'invalid', problem: { type: 'serverInternal', detail: 'stopped' }, again: true }))));
  await first.look();
  await first.stop();
  t.equal((await records.authorization(id))?.value.due, NOW);
  const second = scheduler(records, times, () => Promise.resolve({ outcome: 'valid' }));
  await second.look();
  await until(async () => await statusOf(records, id) === 'valid');
  t.equal(await statusOf(records, id), 'valid');
  await second.stop();
});

t.test('an authorization that was given up while it was validated stays so', async (t) => {
  const { records } = await store(t);
  const times = { now: NOW };
  const id = await pending(records, NOW);
  let finish = (): void => undefined;
  const slow = scheduler(records, times, () => new Promise((resolve) => { finish = () => resolve({ outcome: 'valid' }); }));
  await slow.look();
  const held = await records.authorization(id);
  if (held === undefined) return void t.fail('gone');
  const { due: _due, ...value } = held.value;
  t.ok(await records.write([put.authorization({ ...held, value: { ...value, status: 'deactivated' } })]));
  finish();
  await slow.stop();
  t.equal(await statusOf(records, id), 'deactivated');
  return undefined;
});

t.test('nonces are good once, wherever they were issued; made up or changed ones never', async (t) => {
  const { store: { objects } } = await store(t);
  const master = randomBytes(32);
  let now = NOW;
  const [one, two] = [sharedNonces(objects, master, randomBytes, () => now), sharedNonces(objects, master, randomBytes, () => now)];
  const other = sharedNonces(objects, randomBytes(32), randomBytes, () => now);
  const counter = nonceCounter(randomBytes);
  for (const [issuer, taker] of [[one, two], [two, one], [counter, counter]] as const) {
    const nonce = issuer.issue();
    t.match(nonce, /^[\w-]{30,}$/);
    const changed = `${nonce.slice(0, -1)}${nonce.endsWith('A') ? 'B' : 'A'}`;
    for (const bad of ['', 'AAAA', changed, `${nonce}=`, `${nonce}A`, 'é']) t.notOk(await taker.use(bad), bad);
    t.same((await Promise.all(Array.from({ length: 5 }, () => taker.use(nonce)))).filter(Boolean).length, 1);
    t.notOk(await issuer.use(nonce));
  }
  t.notOk(await one.use(other.issue()), 'of another deployment');
  const { store: elsewhere } = await store(t);
  const keys = await Promise.all([objects, objects, elsewhere.objects].map((of) => nonceKeyOf(of, master, randomBytes)));
  t.same(keys[0], keys[1], 'all processes of a store have one key');
  t.notSame(keys[0], keys[2], 'and another store has another one, whatever was moved there');
  t.notOk(await counter.use(nonceCounter(randomBytes).issue()), 'of another process');
  const old = one.issue();
  now += 3 * 3_600_000;
  t.notOk(await one.use(old), 'ended');
  const all = Array.from({ length: 1000 }, () => counter.issue());
  t.equal(new Set(all).size, 1000);
  for (const nonce of all.reverse()) t.ok(await counter.use(nonce));
  const half = unreliable(counter, 0.5, () => 0.4);
  const refused = half.issue();
  t.notOk(await half.use(refused));
  t.notOk(await counter.use(refused), 'used up all the same');
});
