import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { buildCertificationRequest, sortNames } from '../../src/agent/csr.ts';
import { generateKeyPair } from '../../src/authority/keys/generate.ts';
import { openClient } from '../../src/client/chancery-client.ts';
import { encodePem } from '../../src/x509/pem.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { makeCsr } from '../helpers/openssl.ts';
import { startService } from './service.ts';

const service = await startService();
t.teardown(() => service.stop());

const client = openClient({
  url: new URL(service.https), roots: [readFileSync(join(service.data, 'root.pem'), 'utf8')],
  credentials: { kind: 'certificate', certificate: readFileSync(join(service.data, 'operator', 'cert.pem'), 'utf8'), key: readFileSync(join(service.data, 'operator', 'key.pem'), 'utf8') },
});
t.teardown(() => client.close());
const pair = await generateKeyPair('P-256');

const issue = async (profile: string, name: string): Promise<string> =>
  (await client.createRequest({ profile, csr: encodePem('CERTIFICATE REQUEST', buildCertificationRequest(pair, sortNames([name]))) })).serial ?? '';

const issueMany = (count: number, domain: string, profile = 'server'): Promise<string[]> =>
  Promise.all(Array.from({ length: count }, (_, n) => issue(profile, `n${n}.${domain}`)));

const statuses = async (serials: readonly string[]): Promise<Set<string>> => new Set((await Promise.all(serials.map((serial) => client.getCertificate(serial)))).map(({ status }) => status));

const MANY = ['certificates', 'revoke', '--name'];

t.test('the count is shown first, and a dry run revokes nothing', async (t) => {
  const serials = await issueMany(12, 'dry.example.com');
  const run = await service.cli([...MANY, '*.dry.example.com', '--reason', 'superseded', '--dry-run']);
  t.equal(run.status, 0, run.stderr);
  t.match(run.stderr, /^12 valid certificates \(12 server\), to be revoked with the reason superseded:\n {2}[0-9a-f]{40} {2}n\d+\.dry\.example\.com {2}\(client-certificate .+\)\n/);
  t.match(run.stderr, /and 2 more\n$/);
  t.equal(run.stdout, 'Nothing was revoked (--dry-run).\n');
  t.same(await statuses(serials), new Set(['valid']));
  const json = await service.cli([...MANY, '*.dry.example.com', '--reason', 'superseded', '--dry-run', '--json']);
  t.same(JSON.parse(json.stdout), { matching: 12, profiles: { server: 12 }, dryRun: true, revoked: 0, already: 0, failed: 0 });
  t.equal(json.stderr, '');
});

t.test('without a terminal it must be said that no question is wanted', async (t) => {
  const [serial = ''] = await issueMany(1, 'ask.example.com');
  const args = [...MANY, '*.ask.example.com', '--reason', 'superseded'];
  const blind = await service.cli(args);
  t.equal(blind.status, 2);
  t.match(blind.stderr, /no terminal to ask on; look with --dry-run first, then give --yes/);
  let asked = '';
  const other = await service.cli(args, { ask: (question) => { asked = question; return Promise.resolve('yes'); } });
  t.equal(other.status, 1);
  t.match(asked, /type 1: $/);
  t.same(await statuses([serial]), new Set(['valid']));
  const done = await service.cli(args, { ask: () => Promise.resolve(' 1\n') });
  t.equal(done.status, 0, done.stderr);
  t.equal(done.stdout, '1 revoked.\n');
  t.same(await statuses([serial]), new Set(['revoked']));
});

t.test('all that are chosen are revoked, once; the next run finds the rest alone', async (t) => {
  const old = await issueMany(70, 'bulk.example.com');
  const args = [...MANY, '*.bulk.example.com', '--reason', 'cessationOfOperation', '--yes', '--concurrency', '16'];
  await client.revokeCertificate(old[3] ?? '', 'certificateHold');
  const first = await service.cli([...args, '--json']);
  t.equal(first.status, 0, first.stderr);
  t.match(JSON.parse(first.stdout), { matching: 69, revoked: 69, failed: 0 }, 'what is on hold stays so');
  t.match((await client.getCertificate(old[3] ?? '')).revocation, { reason: 'certificateHold' });
  const later = await issueMany(3, 'bulk.example.com', 'node');
  const second = await service.cli(args);
  t.match(second.stderr, /^3 valid certificates \(3 node\)/);
  t.equal(second.stdout, '3 revoked.\n');
  t.same(await statuses(later), new Set(['revoked']));
  const third = await service.cli(args);
  t.equal(third.status, 0);
  t.match(third.stderr, 'There are no such certificates that are valid.\n');
});

t.test('by time of issue, profile and requester; our own certificate is spared, and the service\'s', async (t) => {
  await issueMany(2, 'time.example.com');
  const before = await service.cli(['certificates', 'revoke', '--issued-before', '1h', '--reason', 'superseded', '--dry-run', '--json']);
  t.match(JSON.parse(before.stdout), { matching: 0 });
  const after = await service.cli(['certificates', 'revoke', '--issued-after', '1h', '--reason', 'superseded', '--dry-run', '--json']);
  t.match(JSON.parse(after.stdout), { profiles: { server: /\d+/ } });
  t.notMatch(JSON.parse(after.stdout), { profiles: { operator: 1 } });
  t.notMatch(JSON.parse(after.stdout), { profiles: { service: 1 } });
  const profile = await service.cli(['certificates', 'revoke', '--profile', 'client', '--reason', 'superseded', '--dry-run', '--json']);
  t.match(JSON.parse(profile.stdout), { matching: 0 });
});

t.test('what is wrong usage', async (t) => {
  for (const [args, words] of [
    [['certificates', 'revoke'], 'nothing is selected'],
    [['revoke', '--profile', 'server', '--yes'], 'no reason is given'],
    [['revoke', '00aa', '--profile', 'server'], 'both given'],
    [['revoke', '--profile', 'server', '--reason', 'removeFromCRL'], 'allowed choices'],
    [['revoke', '--profile', 'server', '--reason', 'superseded', '--proof', 'x'], 'one certificate'],
  ] as const) {
    const run = await service.cli(args);
    t.equal(run.status, 2, args.join(' '));
    t.match(run.stderr, words);
  }
});

t.test('hold and release', async (t) => {
  const [serial = ''] = await issueMany(1, 'hold.example.com');
  const held = await service.cli(['certificates', 'revoke', serial, '--reason', 'certificateHold']);
  t.match(held.stdout, `Certificate ${serial} is on hold.\n`);
  t.match((await service.cli(['certificates', 'list', '--status', 'revoked'])).stdout, new RegExp(`^${serial} {2}on hold `, 'm'));
  const released = await service.cli(['certificates', 'release', serial]);
  t.equal(released.status, 0, released.stderr);
  t.match(released.stdout, `Certificate ${serial} is released.\n`);
  const again = await service.cli(['certificates', 'release', serial]);
  t.equal(again.status, 1);
  t.match(again.stderr, 'is not revoked; only one on hold can be released');
});

t.test('a found key revokes its certificate, without credentials', async (t) => {
  const { key, csr } = makeCsr(temporaryFolder('found'), 'found', { san: 'DNS:found.example.com' });
  const serial = (await client.createRequest({ csr: readFileSync(csr, 'utf8') })).serial ?? '';
  const stranger = ['--ca', join(service.data, 'root.pem'), '--url', service.https, '--data', temporaryFolder('nothing')];
  const refused = await service.cli(['revoke', serial, ...stranger]);
  t.equal(refused.status, 1);
  t.match(refused.stderr, 'no operator credentials');
  const run = await service.cli(['revoke', serial, '--proof-key', key, ...stranger]);
  t.equal(run.status, 0, run.stderr);
  t.match(run.stdout, 'keyCompromise');
  t.match((await client.getCertificate(serial)).revocation, { reason: 'keyCompromise' });
});

t.test('an authority is revoked after a question, and doctor and the listing tell', async (t) => {
  const listed = await service.cli(['authority', 'list']);
  t.match(listed.stdout, /^root +root /m);
  const args = ['authority', 'revoke', 'issuing'];
  t.match((await service.cli(args)).stderr, '--reason');
  t.match((await service.cli([...args, '--reason', 'certificateHold'])).stderr, 'allowed choices');
  t.equal((await service.cli([...args, '--reason', 'cACompromise'])).status, 2, 'nobody to ask');
  t.equal((await service.cli([...args, '--reason', 'cACompromise'], { ask: () => Promise.resolve('root') })).status, 1);
  t.match((await service.cli(['authority', 'revoke', 'root', '--reason', 'superseded', '--yes'])).stderr, 'is a root');
  t.match((await service.cli(['doctor', '--json'])).stdout, 'revocations can be followed');
  const done = await service.cli([...args, '--reason', 'cACompromise'], { ask: () => Promise.resolve('issuing\n') });
  t.equal(done.status, 0, done.stderr);
  t.match(done.stdout, /^Authority issuing is revoked\.\n\nsubject .+\nrevoked .+, cACompromise\n$/);
  t.match((await service.cli(['authority', 'list'])).stdout, /^issuing +revoked, cACompromise/m);
  const doctor = await service.cli(['doctor']);
  t.equal(doctor.status, 1);
  t.match(doctor.stdout, 'key: authority issuing was revoked (cACompromise)');
});
