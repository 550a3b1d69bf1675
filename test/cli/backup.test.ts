import { X509Certificate } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { verifyChain } from '../../src/audit/verify.ts';
import { openEmbeddedStore } from '../../src/store/embedded/store.ts';
import type { WholeStore } from '../../src/store/transfer.ts';
import { restoreFile } from '../../src/transfer/restore.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { openssl } from '../helpers/openssl.ts';
import { noRedis, startRedis } from '../helpers/redis.ts';
import { runHere } from './run-cli.ts';
import { type RunningService, serve, startService } from './service.ts';

const folder = temporaryFolder('backup');
const service: RunningService = await startService();
let running = true;
t.teardown(() => (running ? service.stop() : undefined));

interface Json {
  readonly [name: string]: unknown;
}
const parse = (text: string): Json => JSON.parse(text) as Json;

async function enroll(of: RunningService, name: string): Promise<string> {
  const token = String(parse((await of.cli(['token', 'create', '--json', '--name', name])).stdout)['token']);
  const out = join(folder, name);
  const enrolled = await of.cli(['enroll', '--token', token, '--name', name, '--out', out]);
  if (enrolled.status !== 0) throw new Error(enrolled.stderr);
  return new X509Certificate(readFileSync(join(out, 'cert.pem'))).serialNumber.toLowerCase();
}

async function crlNumber(of: RunningService): Promise<bigint> {
  const path = join(folder, 'issuing.crl');
  writeFileSync(path, Buffer.from(await (await fetch(`${of.http}/crl/issuing.crl`)).arrayBuffer()));
  return BigInt(openssl('crl', '-inform', 'DER', '-in', path, '-noout', '-crlnumber').trim().replace('crlNumber=', ''));
}

/** The keys and certificates of the deployment, without its store. */
function another(name: string): string {
  const data = join(folder, name);
  mkdirSync(data, { mode: 0o700 });
  for (const part of ['authorities', 'operator', 'root.pem', 'chancery.yaml', 'secret.key', 'service']) {
    if (existsSync(join(service.data, part))) cpSync(join(service.data, part), join(data, part), { recursive: true });
  }
  return data;
}

const good = await enroll(service, 'good.example.com');
const bad = await enroll(service, 'bad.example.com');
await service.cli(['revoke', bad, '--reason', 'keyCompromise']);
const file = join(folder, 'first.backup');

t.test('a backup of a running service is whole, for its owner alone, and never overwrites', async (t) => {
  const made = await service.cli(['backup', file, '--json']);
  t.equal(made.status, 0, made.stderr);
  t.match(parse(made.stdout), { file, resumed: false, items: { request: Number, revocation: 1 } });
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.equal(existsSync(`${file}.partial`), false);
  const again = await service.cli(['backup', file]);
  t.equal(again.status, 1);
  t.match(again.stderr, /already exists; give another name/);
  const verified = await runHere(['backup', 'verify', file, '--json']);
  t.match(parse(verified.stdout), { verified: true, head: parse(made.stdout)['head'] as string });
  const head = String(parse(made.stdout)['head']);
  t.match((await service.cli(['audit', 'verify', '--anchor', head])).stdout, 'The chain is intact', 'the head is one of the log');
  t.match((await runHere(['backup', 'verify', file])).stdout, /^The backup is intact\.\nfile .+\nholds +\d+ requests, 2 tokens, 1 blocked key, 1 revocation, \d CRLs\n/);
  for (const secret of ['CHYTKN', 'PRIVATE KEY', readFileSync(join(service.data, 'secret.key'), 'utf8').trim()]) t.notOk(readFileSync(file).includes(secret), 'no secret in it');
});

t.test('a changed octet, a missing end and a file that is none are told', async (t) => {
  const copy = join(folder, 'copy');
  const bytes = readFileSync(file);
  for (const at of [30, 200, Math.floor(bytes.length / 2), bytes.length - 1]) {
    const damaged = Buffer.from(bytes);
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    writeFileSync(copy, damaged);
    const told = await runHere(['backup', 'verify', copy]);
    t.equal(told.status, 1);
    t.match(told.stderr, /is damaged \d+ octets from its start/, `octet ${at}`);
  }
  writeFileSync(copy, bytes);
  truncateSync(copy, bytes.length - 400);
  t.match((await runHere(['backup', 'verify', copy])).stderr, /damaged|no end/);
  writeFileSync(copy, Buffer.concat([bytes, Buffer.from('more')]));
  t.match((await runHere(['backup', 'verify', copy])).stderr, 'damaged');
  writeFileSync(copy, 'a letter');
  t.match((await runHere(['backup', 'verify', copy])).stderr, 'is not a backup');
  t.match((await runHere(['backup', 'verify', join(folder, 'nothing')])).stderr, 'no such file');
  const data = another('damaged');
  writeFileSync(copy, bytes.subarray(0, bytes.length - 1));
  t.equal((await runHere(['restore', copy, '--data', data])).status, 1);
  t.match(parse((await runHere(['backup', join(folder, 'empty'), '--data', data, '--json'])).stdout), { lines: 0 }, 'nothing of it was taken');
});

t.test('one that was interrupted is taken up', async (t) => {
  const second = join(folder, 'second.backup');
  const bytes = readFileSync(file);
  for (const length of [0, 10, 300, bytes.length - 300, bytes.length]) {
    writeFileSync(`${second}.partial`, bytes.subarray(0, length), { mode: 0o600 });
    const made = await service.cli(['backup', second, '--json']);
    t.equal(made.status, 0, made.stderr);
    t.equal(parse(made.stdout)['resumed'], length >= 300);
    t.match((await runHere(['backup', 'verify', second])).stdout, 'The backup is intact');
    rmSync(second);
  }
  writeFileSync(`${second}.partial`, bytes.subarray(0, bytes.length - 300));
  const data = another('stranger');
  const missing = await runHere(['backup', join(folder, 'none'), '--data', data]);
  t.equal(missing.status, 1);
  t.match(missing.stderr, /there is no store in .+; name the data folder/);
  t.equal(existsSync(join(data, 'store')), false, 'and none was made');
  await runHere(['doctor', '--rebuild-indexes', '--data', data]);
  const other = await runHere(['backup', second, '--data', data]);
  t.equal(other.status, 1);
  t.match(other.stderr, 'was begun with another store');
  rmSync(`${second}.partial`);
});

t.test('restored elsewhere, the service goes on: what was issued, what was revoked, the log, higher CRL numbers', async (t) => {
  const before = await crlNumber(service);
  const data = another('restored');
  const restored = await runHere(['restore', file, '--data', data, '--json']);
  t.equal(restored.status, 0, restored.stderr);
  const second = await serve(data);
  t.teardown(() => second.stop());
  t.match(parse((await second.cli(['certificates', 'show', good, '--json'])).stdout), { serial: good, status: 'valid' });
  t.match(parse((await second.cli(['certificates', 'show', bad, '--json'])).stdout), { status: 'revoked', revocation: { reason: 'keyCompromise' } });
  const after = await crlNumber(second);
  t.ok(after > before + 3600n, `${before}, then ${after}`);
  t.match((await second.cli(['audit', 'verify', '--anchor', String(parse(restored.stdout)['head'])])).stdout, 'is in it');
  t.match((await second.cli(['audit', 'show', '--limit', '50'])).stdout, 'store.restored');
  t.type(await enroll(second, 'after.example.com'), 'string');
  const inUse = await runHere(['restore', file, '--data', data]);
  t.equal(inUse.status, 1);
  t.match(inUse.stderr, /a service runs on this store: .+, seen \d+ s ago; stop it/);
});

t.test('a restore that was interrupted keeps the service from starting, and goes on where it stopped', async (t) => {
  const data = another('interrupted');
  const store = await openEmbeddedStore({ path: join(data, 'store') });
  let loads = 0;
  const failing = { ...store, transfer: { ...store.transfer, load: (...all: Parameters<WholeStore['transfer']['load']>) => {
    loads += 1;
    return loads > 4 ? Promise.reject(new Error('the machine stops here')) : store.transfer.load(...all);
  } } };
  await t.rejects(restoreFile(file, { target: failing, clock: Date.now, more: false, actor: 'service:restore', shards: 0, progress: () => undefined }), /the machine stops here/);
  await store.close();
  const early = await runHere(['serve', '--data', data]);
  t.equal(early.status, 1);
  t.match(early.stderr, 'a restore into this store was not finished; run the same restore command again');
  const again = await runHere(['restore', file, '--data', data, '--json']);
  t.equal(again.status, 0, again.stderr);
  t.match(parse(again.stdout), { resumed: true, older: false });
  const whole = await openEmbeddedStore({ path: join(data, 'store') });
  t.teardown(() => whole.close());
  t.equal((await whole.certificates.get(bad))?.revocation?.reason, 'keyCompromise');
  t.same(await verifyChain(await whole.audit.list({ after: 0, limit: 1000 }), await whole.audit.head()), []);
});

t.test('a restore that was killed before its first items were marked keeps the service from starting, too', async (t) => {
  const data = another('begun');
  const store = await openEmbeddedStore({ path: join(data, 'store') });
  const killed = { ...store, transfer: { ...store.transfer, load: async (items: Parameters<WholeStore['transfer']['load']>[0], mark: string | undefined) => {
    if (items.length === 0) return store.transfer.load(items, mark);
    // Items are written no later than the mark.
    await store.transfer.load(items, await store.transfer.mark());
    throw new Error('the machine stops here');
  } } };
  await t.rejects(restoreFile(file, { target: killed, clock: Date.now, more: false, actor: 'service:restore', shards: 0, progress: () => undefined }), /the machine stops here/);
  await store.close();
  t.match((await runHere(['serve', '--data', data])).stderr, 'a restore into this store was not finished');
  const again = await runHere(['restore', file, '--data', data, '--json']);
  t.equal(again.status, 0, again.stderr);
});

t.test('a store with a log of its own is refused', async (t) => {
  const other = await startService();
  await other.stop();
  const refused = await runHere(['restore', file, '--data', other.data]);
  t.equal(refused.status, 1);
  t.match(refused.stderr, 'has a log of its own');
});

t.test('wrong usage is told', async (t) => {
  const data = another('usage');
  for (const [args, wrong] of [
    [['restore'], 'a file or --from is missing'], [['restore', file, '--from', 'embedded:x'], 'a file and --from are both given'], [['restore', '--from', 'http://x'], 'is not an address of a store'],
    [['restore', '--from', `embedded:${join(data, 'store')}`], '--from names the store that the configuration names'], [['backup'], 'file'],
  ] as const) {
    const told = await runHere([...args], { env: { CHANCERY_DATA: data } });
    t.equal(told.status, 2, args.join(' '));
    t.match(told.stderr, wrong);
  }
});

t.test('to Redis: once while the service runs, once more when it has stopped; and back again', { skip: noRedis }, async (t) => {
  const redis = await startRedis(t);
  const data = another('redis');
  const env = { CHANCERY_DATA: data, CHANCERY_STORE__URL: `redis://127.0.0.1:${redis.port}` };
  const from = `embedded:${join(service.data, 'store')}`;
  const early = await runHere(['restore', '--from', from], { env });
  t.match(early.stderr, 'a service runs on this store', 'not without --more');
  const first = await runHere(['restore', '--from', from, '--more', '--json'], { env });
  t.equal(first.status, 0, first.stderr);
  const late = await enroll(service, 'late.example.com');
  await service.stop();
  running = false;
  const second = await runHere(['restore', '--from', from, '--json'], { env });
  t.equal(second.status, 0, second.stderr);
  t.match(parse(second.stdout), { older: false });
  const moved = await serve(data, { CHANCERY_STORE__URL: env.CHANCERY_STORE__URL });
  t.match(parse((await moved.cli(['certificates', 'show', late, '--json'])).stdout), { status: 'valid' });
  t.match(parse((await moved.cli(['certificates', 'show', bad, '--json'])).stdout), { status: 'revoked' });
  t.match((await moved.cli(['audit', 'verify'])).stdout, 'The chain is intact');
  const rebuilt = await runHere(['doctor', '--rebuild-indexes', '--json'], { env });
  t.equal(rebuilt.status, 0, rebuilt.stderr);
  t.match(parse(rebuilt.stdout), { rebuilt: true, requests: Number, tokens: 3, removed: 0 });
  t.match((await runHere(['doctor', '--rebuild-indexes', '--data', service.data])).stdout, 'The embedded store has no separate indexes');
  const back = join(folder, 'back.backup');
  const made = await runHere(['backup', back, '--json'], { env });
  t.equal(made.status, 0, made.stderr);
  await moved.stop();
  const restored = await runHere(['restore', back, '--data', another('back')]);
  t.equal(restored.status, 0, restored.stderr);
});
