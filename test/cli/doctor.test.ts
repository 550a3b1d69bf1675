import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { temporaryFolder } from '../helpers/folder.ts';
import { noRedis, startRedis } from '../helpers/redis.ts';
import { runHere } from './run-cli.ts';
import { startService } from './service.ts';

const folder = temporaryFolder('doctor');
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
const data = join(folder, 'data');
await runHere(['init', '--data', data]);

const doctor = (env: Readonly<Record<string, string>> = {}, ...args: string[]) => runHere(['doctor', ...args], { env: { CHANCERY_DATA: data, ...env } });
const line = ({ stdout }: { readonly stdout: string }, name: string): string => stdout.match(new RegExp(`^\\w+ +${name} {2}.*\\n( +.*\\n)*`, 'm'))?.[0] ?? '';

t.test('a service that is stopped is told once, and what could not be looked at in one line', async (t) => {
  const { status, stdout, stderr } = await doctor({ CHANCERY_URL: 'https://127.0.0.1:1' });
  t.equal(status, 1);
  t.equal(stdout.match(/connection refused/g)?.length, 1);
  t.match(stdout, /^skip {2}ready, https certificate, CRL, events, clock: cannot be checked until 'service' is fixed\n/m);
  t.equal(stderr, 'chancery: 1 of 14 checks failed, and 5 could not be made; what to do is shown below each\n');
  const { healthy, checks } = JSON.parse((await doctor({ CHANCERY_URL: 'https://127.0.0.1:1' }, '--json')).stdout) as { healthy: boolean; checks: unknown[] };
  t.equal(healthy, false);
  t.match(checks.at(-1), { name: 'clock', outcome: 'skip', because: 'service', detail: 'not checked, since service failed' });
});

t.test('a configuration with faults is told once, fault by fault', async (t) => {
  const file = join(data, 'chancery.yaml');
  const good = readFileSync(file);
  writeFileSync(file, 'workers: 0\nlisten: { https: nowhere }\n');
  t.teardown(() => writeFileSync(file, good));
  const { status, stdout } = await doctor();
  t.equal(status, 1);
  t.match(stdout, /^fail {2}configuration {2}the configuration has 2 faults\n {21}\S+chancery\.yaml:1:\d+: workers .+\n {21}\S+chancery\.yaml:2:\d+: listen\.https .+\n/m);
  t.match(stdout, /^skip {2}store, https address, http address, service, ready, https certificate, CRL, events, clock: cannot be checked until 'configuration' is fixed\n/m);
  t.match(stdout, /^ok +authorities/m, 'what needs no configuration is looked at');
});

t.test('a data folder that is not there is told once', async (t) => {
  const { status, stdout } = await doctor({ CHANCERY_DATA: join(folder, 'none') });
  t.equal(status, 1);
  t.match(stdout, /^fail {2}data folder +\S+ does not exist\n +-> make it with 'chancery init'/m);
  t.equal(stdout.match(/chancery init/g)?.length, 1);
  t.match(stdout, /^skip {2}key files, authorities, operator, store, service, ready, https certificate, CRL, events, clock: /m);
});

/** As somebody who may not look into the folder: root may look into all. */
async function asStranger<T>(work: () => Promise<T>): Promise<T> {
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(65_534);
  else chmodSync(data, 0);
  try {
    return await work();
  } finally {
    if (isRoot) process.seteuid?.(0);
    else chmodSync(data, 0o700);
  }
}

t.test('a data folder of another user is not taken for an empty one', async (t) => {
  const seen = await asStranger(() => doctor());
  t.match(seen, { status: 1, stdout: /^fail {2}configuration +\S+chancery\.yaml: no permission to read or write\nfail {2}data folder +\S+: no permission to read or write\n/ });
  t.notMatch(seen.stdout, 'chancery init');
  for (const args of [['serve'], ['init'], ['token', 'list'], ['token', 'list', '--url', 'https://127.0.0.1:1']]) {
    const told = await asStranger(() => runHere(args, { env: { CHANCERY_DATA: data } }));
    t.match(told, { status: 1, stdout: '', stderr: /^chancery: \S+: no permission to read or write\n$/ }, args.join(' '));
  }
});

t.test('a root that is missing, or none, is told with what brings it', async (t) => {
  const root = join(data, 'root.pem');
  const good = readFileSync(root);
  t.teardown(() => writeFileSync(root, good));
  writeFileSync(root, 'junk');
  t.match(line(await doctor(), 'service'), /^fail {2}service +\S+root\.pem holds no certificate\n +-> expected PEM\n/);
  rmSync(root);
  t.match(line(await doctor(), 'service'), /^fail {2}service +no root certificate to trust the service by: \S+root\.pem does not exist\n +-> the service makes it when it starts; or give it with --ca FILE\n/);
});

t.test('what has ended is told with what helps then; a former authority that has ended is no fault', async (t) => {
  const rolled = join(folder, 'rolled');
  const cli = (args: readonly string[], days = 0) => runHere([...args, '--data', rolled], { now: () => Date.now() + days * 86_400_000 });
  await cli(['init', '--issuing-lifetime', '30d']);
  t.match(line(await cli(['doctor'], 40), 'authorities'), /^fail +authorities +issuing expired, root valid for 9 years\n +-> make one that takes its place: 'chancery authority roll issuing'/);
  t.match(line(await cli(['doctor'], 400), 'operator'), /^fail +operator +operator expired\n +-> make another with 'chancery init --operator'\n/);
  const roll = await cli(['authority', 'roll', 'issuing', '--at', '0s', '--lifetime', '3y']);
  t.equal(roll.status, 0, roll.stderr);
  t.match(line(await cli(['doctor'], 1), 'authorities'), /^ok +authorities +issuing \(former\) valid for \d+ days, issuing-2 valid for 2 years, root valid for 9 years\n/);
  t.match(line(await cli(['doctor'], 40), 'authorities'), /^ok +authorities +issuing \(former\) expired, issuing-2 valid for 2 years, root valid for 9 years\n/);
});

t.test('a store that is away is told once, and of the CRLs that they could not be looked at', { skip: noRedis }, async (t) => {
  const redis = await startRedis(t);
  const env = { CHANCERY_STORE__URL: `redis://${redis.address}` };
  const service = await startService([], env);
  t.teardown(service.stop);
  await redis.kill();
  const { status, stdout } = await service.cli(['doctor'], { env });
  t.equal(status, 1);
  t.match(line({ stdout }, 'ready'), /^fail {2}ready +store, crl: Redis \S+: connect ECONNREFUSED \S+\n/);
  t.match(stdout, /^skip {2}CRL: cannot be checked until 'ready' is fixed\n/m);
});

t.test('a public address that the listener cannot be reached by is told, with what clients get there', async (t) => {
  const stranger = createServer((_, reply) => reply.writeHead(404).end());
  await new Promise<void>((resolve) => { stranger.listen(0, '127.0.0.1', resolve); });
  t.teardown(() => stranger.close());
  const elsewhere = `http://localhost:${(stranger.address() as AddressInfo).port}`;
  const apart: readonly (readonly [env: Readonly<Record<string, string>>, name: string, told: RegExp])[] = [
    [{ CHANCERY_PUBLIC_URL__HTTP: 'http://ca.invalid' }, 'http address', /^warn.*clients that go to http:\/\/ca\.invalid get: service not reachable at .*; listen\.http is 127\.0\.0\.1:8080, which only this machine reaches\n +-> every certificate names that address for its CRL, OCSP and issuer: set publicUrl\.http and listen\.http \(CHANCERY_LISTEN__HTTP\) so that they meet, or have a proxy pass it on\n/],
    [{ CHANCERY_PUBLIC_URL__HTTP: 'http://ca.invalid', CHANCERY_LISTEN__HTTP: '0.0.0.0:8080' }, 'http address', /; listen\.http is 0\.0\.0\.0:8080\n/],
    [{ CHANCERY_PUBLIC_URL__HTTP: elsewhere }, 'http address', /get: status 404; listen\.http is 127\.0\.0\.1:8080\n/],
    [{ CHANCERY_PUBLIC_URL__HTTP: 'http://ca.invalid:8080/pki', CHANCERY_LISTEN__HTTP: '[::]:8080' }, 'http address', /; listen\.http serves nothing under \/pki\n/],
    [{ CHANCERY_PUBLIC_URL__HTTP: 'http://ca.invalid:8080', CHANCERY_LISTEN__HTTP: 'off' }, 'http address', /; listen\.http is off\n/],
    [{ CHANCERY_PUBLIC_URL__HTTPS: 'https://ca.invalid:8443', CHANCERY_LISTEN__HTTPS: '0.0.0.0:0' }, 'https address', /; listen\.https uses any free port\n/],
    [{ CHANCERY_PUBLIC_URL__HTTPS: 'https://ca.invalid:8443', CHANCERY_LISTEN__HTTPS: '0.0.0.0:8443', CHANCERY_HOST_NAMES: 'localhost' }, 'https address', /; hostNames, for the service's certificate, lacks ca\.invalid\n/],
    [{ CHANCERY_LISTEN__HTTP: '0.0.0.0:8080' }, 'http address', /^warn.*listen\.http accepts calls from other machines, but every certificate names this machine's own loopback address for its CRL.*\n +-> set publicUrl\.http \(CHANCERY_PUBLIC_URL__HTTP\)/],
  ];
  for (const [env, name, told] of apart) t.match(line(await doctor(env), name), told, JSON.stringify(env));
  const meet: readonly Readonly<Record<string, string>>[] = [
    {},
    { CHANCERY_PUBLIC_URL__HTTP: 'http://ca.invalid:8080', CHANCERY_LISTEN__HTTP: '0.0.0.0:8080' },
    { CHANCERY_PUBLIC_URL__HTTP: 'http://localhost:8080' },
    { CHANCERY_LISTEN__HTTP: 'off' },
  ];
  for (const env of meet) t.match(line(await doctor(env), 'http address'), /^ok/, JSON.stringify(env));
  t.match(line(await doctor({ CHANCERY_PUBLIC_URL__HTTPS: 'https://ca.invalid:8443', CHANCERY_LISTEN__HTTPS: '0.0.0.0:8443' }), 'https address'), /^ok/);
});

t.test('a proxy between the two is seen to lead here; another authority at that address is not', async (t) => {
  const service = await startService();
  t.teardown(service.stop);
  const seen = (at: string) => runHere(['doctor'], { env: { CHANCERY_DATA: at, CHANCERY_PUBLIC_URL__HTTPS: service.https, CHANCERY_PUBLIC_URL__HTTP: service.http } });
  const own = await seen(service.data);
  t.match(line(own, 'http address'), `ok    http address   ${service.http}, which leads here\n`);
  t.match(line(own, 'https address'), `ok    https address  ${service.https}, which leads here\n`);
  const other = await seen(data);
  t.match(line(other, 'http address'), /^warn.*get: another authority; listen\.http is 127\.0\.0\.1:8080\n/);
  t.match(line(other, 'https address'), /^warn.*get: the certificate of \S+ is not trusted/);
});

t.test('the CRLs that are served are told, with how soon a revocation is on one, and how many ask', async (t) => {
  const taken = createServer();
  await new Promise<void>((resolve) => { taken.listen(0, '127.0.0.1', resolve); });
  const metrics = { CHANCERY_LISTEN__METRICS: `127.0.0.1:${(taken.address() as AddressInfo).port}` };
  await new Promise((resolve) => { taken.close(resolve); });
  const service = await startService([], metrics);
  t.teardown(service.stop);
  t.match(line(await service.cli(['doctor']), 'CRL'), /^ok +CRL +issuing: 0 entries, \d+ seconds? old, valid for 6 days; root: 0 entries, \d+ seconds? old, valid for 89 days\n/, 'without metrics, what is served');
  const { items } = JSON.parse((await service.cli(['certificates', 'list', '--profile', 'operator', '--json'])).stdout) as { items: readonly { serial: string }[] };
  const key = JSON.parse((await service.cli(['key', 'create', 'doctor', '--scope', 'admin', '--json'])).stdout) as { key: string };
  t.equal((await service.cli(['certificates', 'revoke', items[0]?.serial ?? '', '--reason', 'superseded'], { env: { CHANCERY_API_KEY: key.key } })).status, 0);
  let told = '';
  for (let looks = 0; looks < 200 && !told.includes('1 entry'); looks += 1) {
    await new Promise((resolve) => { setTimeout(resolve, 50); });
    told = line(await service.cli(['doctor'], { env: metrics }), 'CRL');
  }
  t.match(told, /^ok +CRL +issuing: 1 entry, \d+ seconds? old, valid for 6 days; root: .*; [0-2]\.\d s from a revocation to the CRL; [12] address(es)? asked within an hour\n/);
});
