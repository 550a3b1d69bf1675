import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { buildCertificationRequest, sortNames } from '../../src/agent/csr.ts';
import { daemon } from '../../src/agent/daemon/daemon.ts';
import type { Entry } from '../../src/agent/daemon/entry.ts';
import { keeper } from '../../src/agent/daemon/keeper.ts';
import { sleeper } from '../../src/agent/daemon/sleep.ts';
import type { KeeperSurroundings } from '../../src/agent/daemon/surroundings.ts';
import { textfileOf } from '../../src/agent/daemon/textfile.ts';
import { enroll } from '../../src/agent/enroll.ts';
import { type Enrolled, readEnrolled } from '../../src/agent/enrolled.ts';
import { keepPending } from '../../src/agent/pending.ts';
import { readPresent } from '../../src/agent/renew-certificate.ts';
import { Failure } from '../../src/client/failure.ts';
import { openClient } from '../../src/client/chancery-client.ts';
import { encodePem } from '../../src/x509/pem.ts';
import { type FakeService, startFakeService } from './fake-service.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { killedAt } from '../helpers/killed-at.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** A keeper of one folder with a certificate of 30 days, its clock set by the test. */
async function kept(t: Test, more: Partial<Entry> = {}, commands: (command: string) => Promise<void> = () => Promise.resolve()) {
  const service: FakeService = await startFakeService();
  t.teardown(() => service.close());
  const folder = temporaryFolder('daemon');
  const start = Date.now();
  let now = start;
  await enroll({
    url: service.url, token: service.token, names: ['node1.example.com'], folder, layout: 'plain', keyType: 'P-256', validity: '30d', wait: 0, force: false, reuseKey: false,
  }, { now: () => now, onProgress: () => {} });
  service.behaviour.answer = (asked) => service.issue(asked, { days: 120 });
  const told: { readonly level: string; readonly event: string; readonly message: string }[] = [];
  const world = { advice: undefined as { start: number; end: number; explanation?: string; askAgain?: number } | undefined, polls: 0, away: false };
  const surroundings: KeeperSurroundings = {
    now: () => now, random: () => 0.5,
    tell: (level, event, message) => void told.push({ level, event, message }),
    connect: (options) => ({
      ...openClient(options),
      ...(world.away ? { renew: () => Promise.reject(new Failure('unreachable', 'service not reachable', { advice: 'start it' })) } : {}),
      renewalInfo: () => {
        world.polls += 1;
        const { advice } = world;
        if (advice === undefined || world.away) return Promise.reject(new Failure('unreachable', 'service not reachable'));
        return Promise.resolve({
          suggestedWindow: { start: new Date(advice.start).toISOString(), end: new Date(advice.end).toISOString() },
          ...(advice.explanation === undefined ? {} : { explanation: advice.explanation }), retryAfter: advice.askAgain === undefined ? undefined : advice.askAgain / 1000,
        });
      },
    }),
    run: (command) => commands(command),
  };
  const entry: Entry = { folder, url: undefined, profile: undefined, exec: undefined, reuseKey: false, enrolling: undefined, ...more };
  const one = keeper(entry, surroundings);
  return {
    service, folder, start, told, world, entry, surroundings, one,
    at: (time: number): Promise<number> => {
      now = time;
      return one.look();
    },
    /** Goes from look to look until then. */
    until: async (end: number): Promise<void> => {
      for (let looks = 0; looks < 1000; looks++) {
        const next = await one.look();
        if (next >= end) break;
        now = Math.max(now, next);
      }
      now = end;
    },
    serial: () => new X509Certificate(readFileSync(join(folder, 'cert.pem'))).serialNumber.toLowerCase(),
    events: () => told.map(({ event }) => event),
  };
}

t.test('it renews by age where nothing else is said, and asks now and then', async (t) => {
  const { until, start, service, events, world, serial, one } = await kept(t);
  const before = serial();
  await until(start + 9.9 * DAY);
  t.equal(service.asked.length, 1, 'not before a third of its life');
  t.ok(world.polls >= 10 && world.polls < 40, `asked ${world.polls} times in ten days, though in vain`);
  await until(start + 20.1 * DAY);
  t.not(serial(), before);
  t.same(events(), ['no-advice', 'renewed'], 'that the service says nothing is told once');
  t.match(one.status(), [{ profile: 'server', serial: serial(), failures: 0, failuresInARow: 0, renewedAt: Number }]);
});

t.test('where the service wants that, it renews early', async (t) => {
  const { until, start, world, serial, told } = await kept(t);
  const before = serial();
  world.advice = { start: start + 20 * DAY, end: start + 22 * DAY, askAgain: 6 * HOUR };
  await until(start + DAY);
  t.equal(serial(), before);
  t.ok(world.polls >= 3 && world.polls <= 6, `asked ${world.polls} times in a day, as the service wanted`);
  world.advice = { start: start + DAY, end: start + 2 * DAY, explanation: 'keys in an image', askAgain: 6 * HOUR };
  await until(start + 2 * DAY + HOUR);
  t.not(serial(), before);
  t.match(told.find(({ event }) => event === 'advice')?.message, /asks for early renewal: keys in an image/);
});

t.test('a service that is away is waited for, to the end of the certificate and beyond', async (t) => {
  const { until, start, world, serial, told, one, service } = await kept(t);
  const before = serial();
  world.away = true;
  await until(start + 30 * DAY - 60_000);
  const failed = told.filter(({ event }) => event === 'failed');
  t.ok(failed.length > 10, `${failed.length} attempts`);
  t.match(failed.at(-1), { level: 'warn', message: /cert\.pem could not be renewed: service not reachable; start it; it expires 20.*; next attempt 20/ });
  t.ok(one.status()[0]?.failuresInARow === failed.length);
  await until(start + 30 * DAY + 5 * HOUR);
  t.match(told.at(-1), { level: 'error', event: 'ended', message: /it expired 20.*; enroll again with a new token and --force/ });
  // The service has the last word: our clock may be wrong.
  world.away = false;
  await until(start + 30 * DAY + 8 * HOUR);
  t.not(serial(), before);
  t.equal(one.status()[0]?.failuresInARow, 0);
  t.equal(service.asked.length, 2);
});

t.test('with a clock that is wrong a new certificate is due already: it is told, and not renewed in a circle', async (t) => {
  const { until, at, start, told, service } = await kept(t);
  service.behaviour.answer = (asked) => service.issue(asked, { days: 30 });
  await at(start + 29 * DAY);
  await until(start + 29 * DAY + 13 * HOUR);
  t.ok(service.asked.length >= 2 && service.asked.length <= 4, `${service.asked.length - 1} renewals in thirteen hours`);
  t.match(told.find(({ event }) => event === 'due-again'), { level: 'warn', message: /clock/ });
});

t.test('what was begun before a restart is ended at once', async (t) => {
  const { at, start, folder, serial, events } = await kept(t);
  const before = serial();
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const [enrolled] = readEnrolled(folder);
  keepPending(folder, 'cert', {
    question: `renewal of ${readPresent(folder, enrolled as Enrolled).serial}`, key: pair.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    csr: encodePem('CERTIFICATE REQUEST', buildCertificationRequest(pair, sortNames(['node1.example.com']))),
  });
  await at(start + HOUR);
  t.not(serial(), before);
  t.same(events(), ['renewed']);
});

t.test('a clock that was set back is not waited for, one that jumped ahead does not bring all at once', async (t) => {
  const { at, start, world, serial } = await kept(t);
  const before = serial();
  world.away = true;
  await at(start + 29 * DAY);
  world.away = false;
  const next = await at(start + 29 * DAY + 1000);
  t.ok(next > start + 29 * DAY + 60_000, `waits a few minutes after it slept through the time (${next - start - 29 * DAY})`);
  t.ok(next < start + 29 * DAY + 11 * 60_000);
  t.ok(await at(start + DAY) <= start + 1.6 * DAY, 'back on the first day it asks again by that day\'s clock');
  t.equal(serial(), before);
});

t.test('the command is owed until it ended well, over restarts', async (t) => {
  const ran: string[] = [];
  let good = false;
  const run = (command: string): Promise<void> => {
    ran.push(command);
    return good ? Promise.resolve() : Promise.reject(new Failure('command-failed', 'the command failed', { advice: 'it will be run again' }));
  };
  const { until, start, told, entry, surroundings } = await kept(t, { exec: 'reload' }, run);
  await until(start + 20.1 * DAY);
  t.ok(ran.length >= 3, `${ran.length} attempts`);
  t.match(told.find(({ event }) => event === 'command-failed')?.message, /the certificate is renewed, but what follows it failed: the command failed/);
  good = true;
  const before = ran.length;
  const restarted = keeper(entry, surroundings);
  await restarted.look();
  t.equal(ran.length, before + 1);
  await restarted.look();
  t.equal(ran.length, before + 1, 'and no more');
});

t.test('what is not there is enrolled with the token of a file, and what has ended is begun anew', async (t) => {
  const service = await startFakeService();
  t.teardown(() => service.close());
  const folder = join(temporaryFolder('daemon'), 'new');
  const tokenFile = join(temporaryFolder('token'), 'token');
  let now = Date.now();
  const told: string[] = [];
  const ran: string[] = [];
  const one = keeper({
    folder, url: service.url, profile: undefined, exec: 'reload', reuseKey: false,
    enrolling: { url: service.url, tokenFile, names: ['node1.example.com'], layout: 'plain', keyType: 'P-256', validity: undefined },
  }, { now: () => now, random: () => 0.5, tell: (level, event) => void told.push(event), connect: openClient, run: async (command) => void ran.push(command) });
  t.ok(await one.look() > now + 20_000, 'tried again later');
  t.same(told, ['enroll-failed'], 'there is no token yet');
  writeFileSync(tokenFile, `${service.token}\n`);
  now += 10 * 60_000;
  await one.look();
  await one.look();
  t.same(told.slice(1), ['enrolled', 'no-advice', 'command'].filter((event) => told.includes(event)));
  t.same(ran, ['reload']);
  const first = readFileSync(join(folder, 'cert.pem'), 'utf8');
  now += 31 * DAY;
  await one.look();
  t.not(readFileSync(join(folder, 'cert.pem'), 'utf8'), first);
});

t.test('killed at any step of an enrolment for two certificates, it keeps both, and the command runs', { timeout: 120_000 }, async (t) => {
  const service = await startFakeService();
  t.teardown(() => service.close());
  const usages: Readonly<Record<string, string>> = { server: 'serverAuth', client: 'clientAuth' };
  service.behaviour.answer = (asked) => {
    const profile = String(asked.body['profile']);
    const usage = usages[profile];
    if (usage === undefined) return { status: 400, body: { type: 'urn:chancery:error:profile-missing', title: 'The profile is missing', status: 400, errors: Object.keys(usages).map((detail) => ({ code: 'profile', detail, at: '/profile' })) } };
    const reply = service.issue(asked, { usage });
    return { ...reply, body: { ...reply.body, profile } };
  };
  const tokenFile = join(temporaryFolder('token'), 'token');
  writeFileSync(tokenFile, service.token);
  for (let [step, killed] = [1, true]; killed; step += 1) {
    const folder = join(temporaryFolder('daemon'), 'new');
    const ran: string[] = [];
    const started = () => keeper({
      folder, url: service.url, profile: undefined, exec: 'reload', reuseKey: false,
      enrolling: { url: service.url, tokenFile, names: ['node1.example.com'], layout: 'docker', keyType: 'P-256', validity: undefined },
    }, { now: Date.now, random: () => 0.5, tell: () => {}, connect: openClient, run: async (command) => void ran.push(command) });
    killed = await killedAt(step, () => started().look());
    const before = ran.length;
    await started().look();
    t.same(readEnrolled(folder).map(({ profile, commandDue }) => [profile, commandDue]), [['server', undefined], ['client', undefined]], `step ${step}: both are kept renewed`);
    t.ok(killed ? ran.length > before || before > 0 : before === 1, `step ${step}: the command ran`);
    for (const name of ['', 'server-']) {
      t.ok(new X509Certificate(readFileSync(join(folder, `${name}cert.pem`))).checkPrivateKey(createPrivateKey(readFileSync(join(folder, `${name}key.pem`)))));
    }
    if (!killed) t.ok(step > 12, `${step - 1} steps`);
  }
});

t.test('a folder without an enrolment, or with a damaged one, is told of and looked at again', async (t) => {
  const { at, start, folder, told } = await kept(t);
  copyFileSync(join(folder, 'cert.pem'), join(folder, 'saved'));
  writeFileSync(join(folder, 'cert.pem'), 'nothing');
  t.ok(await at(start + HOUR) < start + 2 * HOUR);
  t.match(told.at(-1), { level: 'error', event: 'failed', message: /holds no certificate/ });
  copyFileSync(join(folder, 'saved'), join(folder, 'cert.pem'));
  await at(start + 3 * HOUR);
  const count = told.filter(({ level }) => level === 'error').length;
  await at(start + 4 * HOUR);
  t.equal(told.filter(({ level }) => level === 'error').length, count, 'mended, all is well');
  rmSync(join(folder, 'chancery.json'));
  await at(start + 5 * HOUR);
  t.match(told.at(-1), { message: /nothing was enrolled/ });
});

t.test('a daemon takes up what is new, lets go of what is not wanted, and stops when the work is done', async (t) => {
  const { surroundings, entry, folder } = await kept(t);
  const sleeping = new Set<AbortSignal>();
  let looked = 0;
  const all = daemon({
    ...surroundings,
    sleepUntil: (_time, signal) => new Promise((resolve) => {
      if (signal.aborted) return resolve();
      sleeping.add(signal);
      signal.addEventListener('abort', () => { sleeping.delete(signal); resolve(); });
    }),
    looked: () => { looked += 1; },
  });
  const settle = async (count: number): Promise<void> => { while (looked < count) await new Promise((resolve) => { setTimeout(resolve, 5); }); };
  const other: Entry = { ...entry, folder: temporaryFolder('other') };
  all.keep([entry]);
  await settle(1);
  t.match(all.status(), [{ folder }]);
  all.keep([entry, other]);
  await settle(2);
  t.equal(sleeping.size, 2, 'the first one was not disturbed');
  all.keep([other]);
  t.equal(sleeping.size, 1);
  t.same(all.status(), []);
  await all.stop();
  t.equal(sleeping.size, 0);
});

t.test('waiting ends when the clock says so, when it is set, and when it is told to', async (t) => {
  let ahead = 0;
  const clocks = { now: () => Date.now() + ahead, steady: () => performance.now() };
  const sleep = sleeper(clocks, 20);
  const quiet = new AbortController().signal;
  const begun = Date.now();
  await sleep(begun + 60, quiet);
  t.ok(Date.now() - begun >= 60);
  const long = sleep(Date.now() + 1e6, quiet);
  ahead = -HOUR;
  await long;
  t.ok(Date.now() - begun < 10_000, 'it was set back');
  const stop = new AbortController();
  const stopped = sleep(clocks.now() + 1e6, stop.signal);
  stop.abort();
  await stopped;
  t.pass('it was told to');
});

t.test('the metrics are what Prometheus reads', async (t) => {
  const text = textfileOf([
    { folder: '/a', certificate: '/a/"c".pem', profile: 'node', serial: '0a', notAfter: 2_000_000, due: 1_000_500, renewedAt: undefined, failures: 3, failuresInARow: 2 },
    { folder: '/b', certificate: '/b/cert.pem', profile: 'server', serial: '0b', notAfter: 3_000_000, due: 1_000_000, renewedAt: 500_000, failures: 0, failuresInARow: 0 },
  ], 700_000);
  t.match(text, /^# TYPE chancery_agent_certificate_not_after_seconds gauge\nchancery_agent_certificate_not_after_seconds\{certificate="\/a\/\\"c\\".pem",profile="node"\} 2000\nchancery_agent_certificate_not_after_seconds\{certificate="\/b\/cert.pem",profile="server"\} 3000\n/m);
  t.match(text, /^chancery_agent_renewal_failures_total\{certificate="\/a\/\\"c\\".pem",profile="node"\} 3$/m);
  t.match(text, /^chancery_agent_last_renewal_seconds\{certificate="\/b\/cert.pem",profile="server"\} 500$/m);
  t.notMatch(text, /last_renewal_seconds\{certificate="\/a/);
  t.match(text, /^chancery_agent_last_look_seconds 700\n$/m);
  t.match(textfileOf([], 1000), /^chancery_agent_last_look_seconds 1$/m);
});
