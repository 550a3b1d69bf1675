import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type RunningService, serve, startService } from './service.ts';
import { temporaryFolder } from '../helpers/folder.ts';

interface Json {
  readonly [name: string]: unknown;
}

const parse = (text: string): Json => JSON.parse(text) as Json;
const newFolder = (): string => temporaryFolder('node');

const service: RunningService = await startService(['--root-subject', 'CN=Transcript Root'], { CHANCERY_PROFILES__CLIENT__APPROVAL: 'true' });
t.teardown(() => service.stop());

const newToken = async (...args: string[]): Promise<string> => String(parse((await service.cli(['token', 'create', '--json', ...args])).stdout)['token']);

t.test('init made authorities, operator and configuration, readable only by their owner', async (t) => {
  t.same(readdirSync(service.data).filter((name) => ['authorities', 'chancery.yaml', 'operator', 'root.pem', 'store'].includes(name)).sort(), ['authorities', 'chancery.yaml', 'operator', 'root.pem', 'store']);
  t.equal(statSync(join(service.data, 'operator', 'key.pem')).mode & 0o777, 0o600);
  const again = await service.cli(['init']);
  t.equal(again.status, 1);
  t.match(again.stderr, /^chancery: .+\n$/);
});

t.test('token create, list, revoke', async (t) => {
  const made = await service.cli(['token', 'create', '--name', 'node1.example.com', '--name', '*.lab.example.com', '--ttl', '2h', '--note', 'a note']);
  t.equal(made.status, 0, made.stderr);
  t.match(made.stdout, /^CHYTKN-1-[0-9a-f]{64}-[a-z2-7]{16}-[a-z2-7]{52}\n\nid {7}[a-z2-7]{16}\nprofile {2}server\nnames {4}node1\.example\.com, \*\.lab\.example\.com\nuses {5}1\nends {5}.+ UTC \(in [12] hours?\)\nnote {5}a note\n$/);
  const id = /id {7}(\S+)/.exec(made.stdout)?.[1] ?? '';
  const listed = await service.cli(['token', 'list']);
  t.match(listed.stdout, /^ID {15} *STATE +PROFILE +USED +ENDS +NAMES +NOTE\n/);
  t.match(listed.stdout, new RegExp(`^${id} {2}usable {2}server +0/1 +\\S+ \\S+ UTC {2}node1\\.example\\.com, \\*\\.lab\\.example\\.com {2}a note$`, 'm'));
  t.notMatch(listed.stdout, 'CHYTKN');
  t.strictSame(await service.cli(['token', 'revoke', id]), { status: 0, stdout: `Token ${id} is revoked.\n`, stderr: '' });
  t.match((await service.cli(['token', 'list'])).stdout, new RegExp(`^${id} {2}revoked`, 'm'));
  const unknown = await service.cli(['token', 'revoke', 'aaaaaaaaaaaaaaaa']);
  t.equal(unknown.status, 1);
  t.match(unknown.stderr, /^chancery: There is no enrolment token "aaaaaaaaaaaaaaaa"\n$/);
});

t.test('a token with several faults names each on a line of its own', async (t) => {
  const { status, stdout, stderr } = await service.cli(['token', 'create', '--name', '10.0.0.0/99', '--profile', 'nonsense', '--json']);
  t.equal(status, 1);
  t.equal(stdout, '');
  t.match(stderr, /^chancery: The body is invalid\n {2}\/profile: .+\n {2}\/names\/0: .+\n$/);
  t.equal((await service.cli(['token', 'create', '--name', 'a.example', '--ttl', '400d'])).stderr, 'chancery: The token is refused: ttl is expected to be 1 s to 366 d\n');
  t.equal((await service.cli(['token', 'create', '--name', 'a.example', '--max-validity', '0s'])).stderr, 'chancery: The token is refused: maxValidity is expected to be at least 1 s\n');
});

t.test('enroll, then look, revoke, and find it on the CRL', async (t) => {
  const folder = newFolder();
  const enrolled = await service.cli(['enroll', '--token', await newToken('--name', 'node1.example.com'), '--name', 'node1.example.com', '--out', folder]);
  t.equal(enrolled.status, 0, enrolled.stderr);
  t.match(execFileSync('openssl', ['verify', '-CAfile', join(service.data, 'root.pem'), '-untrusted', join(folder, 'cert.pem'), join(folder, 'cert.pem')], { encoding: 'utf8' }), 'OK');
  t.ok(enrolled.stdout.endsWith(`\n\nThen, to keep it renewed: chancery renew --install --out ${folder} (or --daemon in its place, or neither, from cron)\n`), enrolled.stdout);
  const serial = /^serial {7}([0-9a-f]+)$/m.exec(enrolled.stdout)?.[1] ?? '';

  const shown = await service.cli(['certificates', 'show', serial.toUpperCase().replaceAll(/(..)(?=.)/g, '$1:')]);
  t.match(shown.stdout, `serial     ${serial}\nstatus     valid\n`);
  t.match((await service.cli(['certificates', 'show', serial, '--pem', '--chain'])).stdout, readFileSync(join(folder, 'cert.pem'), 'utf8'));
  t.match((await service.cli(['certificates', 'list', '--name', 'node1.example.com', '--status', 'valid'])).stdout, new RegExp(`^${serial} {2}valid {3}server {3}`, 'm'));
  t.match((await service.cli(['requests', 'show', serial])).stdout, /^state {6}issued\n/m);
  t.match((await service.cli(['requests', 'list', '--state', 'issued', '--since', '1h'])).stdout, new RegExp(`^${serial} {2}issued`, 'm'));

  const revoked = await service.cli(['revoke', serial, '--reason', 'keyCompromise']);
  t.equal(revoked.status, 0, revoked.stderr);
  t.match(revoked.stdout, `Certificate ${serial} is revoked.\n`);
  t.match(revoked.stdout, /^status +revoked\nrevoked +.+, keyCompromise$/m);
  const twice = await service.cli(['certificates', 'revoke', serial]);
  t.equal(twice.status, 1);
  t.match(twice.stderr, /^chancery: Certificate [0-9a-f]+ was revoked at .+ \(keyCompromise\)\n$/);

  const published = await service.cli(['crl', 'publish', '--json']);
  t.equal(published.status, 0, published.stderr);
  const crl = await service.cli(['crl', 'show', `${service.http}/crl/issuing.crl`, '--issuer', join(service.data, 'authorities', 'issuing', 'cert.pem')]);
  t.equal(crl.status, 0, crl.stderr);
  t.match(crl.stdout, /^signature {4}good$/m);
  t.match(crl.stdout, new RegExp(`^${serial} {2}.+ UTC {2}keyCompromise$`, 'm'));
  const none = await service.cli(['crl', 'show', `${service.http}/crl/issueing.crl`]);
  t.match(none, { status: 1, stderr: /issueing\.crl answered 404; expected a CRL; 'chancery authority list' shows the authorities\n$/ });
  const nowhere = await service.cli(['crl', 'show', 'http://127.0.0.1:1/crl/issuing.crl']);
  t.match(nowhere, { status: 1, stderr: /\(connection refused\); start it with 'chancery serve', or name a file, or an address such as http:/ });
  const wrong = await service.cli(['crl', 'show', `${service.http}/crl/issuing.crl`, '--issuer', join(service.data, 'root.pem')]);
  t.equal(wrong.status, 1);
  t.match(wrong.stderr, /^chancery: the CRL was signed by CN=.+, whose certificate is not in \S+root\.pem; it holds: CN=Transcript Root\n$/);
  const tampered = Buffer.from(await (await fetch(`${service.http}/crl/issuing.crl`)).arrayBuffer());
  tampered[tampered.length - 1] = (tampered.at(-1) as number) ^ 1;
  writeFileSync(join(folder, 'tampered.crl'), tampered);
  t.match(await service.cli(['crl', 'show', join(folder, 'tampered.crl'), '--issuer', join(service.data, 'authorities', 'issuing', 'cert.pem')]), {
    status: 1, stdout: '', stderr: /tampered\.crl: the \S+ signature is not by this/,
  });
  const saved = join(folder, 'issuing.crl');
  writeFileSync(saved, Buffer.from(await (await fetch(`${service.http}/crl/issuing.pem`)).arrayBuffer()));
  t.match(parse((await service.cli(['crl', 'show', saved, '--json'])).stdout), { count: 1, expired: false, signature: 'not checked', entries: [{ serial, reason: 'keyCompromise' }] });
});

t.test('renew with the certificate itself, also of a profile for servers only', async (t) => {
  const folder = newFolder();
  await service.cli(['enroll', '--token', await newToken('--name', 'node2.example.com'), '--name', 'node2.example.com', '--out', folder]);
  const early = await service.cli(['renew', '--out', folder]);
  t.equal(early.status, 0, early.stderr);
  t.match(early.stdout, /cert\.pem is not due; it will be .+ UTC \(in 19 days\), and expires .+ UTC \(in (29|30) days\)\n/);
  const before = readFileSync(join(folder, 'cert.pem'), 'utf8');
  const forced = await service.program(['renew', '--out', folder, '--force', '--json', '--exec', 'echo "ran in $RENEWED_FOLDER"']);
  t.equal(forced.status, 0, forced.stderr);
  t.equal(forced.stderr, `ran in ${folder}\n`, 'what the command says does not disturb the JSON');
  t.match(parse(forced.stdout), { certificates: [{ renewed: true, names: ['node2.example.com'] }] });
  t.not(readFileSync(join(folder, 'cert.pem'), 'utf8'), before);
  const names = (pem: string): string => execFileSync('openssl', ['x509', '-noout', '-ext', 'subjectAltName'], { input: pem, encoding: 'utf8' });
  t.equal(names(readFileSync(join(folder, 'cert.pem'), 'utf8')), names(before));

  const failing = await service.program(['renew', '--out', folder, '--force', '--exec', 'exit 3']);
  t.equal(failing.status, 1);
  t.equal(failing.stderr, 'chancery: the command \'exit 3\' failed (exit status 3); the certificate is renewed; the next renew runs the command again\n');
  const later = await service.program(['renew', '--out', folder, '--exec', 'echo again']);
  t.equal(later.status, 0);
  t.match(later.stdout, /is not due.*\nagain\n$/);
  t.notMatch((await service.program(['renew', '--out', folder, '--exec', 'echo again'])).stdout, '\nagain\n');
});

t.test('a request waits for approval; the same command goes on when it is approved', async (t) => {
  const folder = newFolder();
  const token = await newToken('--name', 'alice', '--profile', 'client', '--uses', '2');
  const enroll = ['enroll', '--token', token, '--name', 'alice', '--out', folder, '--layout', 'docker', '--wait', '0'];
  const waiting = await service.cli(enroll);
  t.equal(waiting.status, 1);
  const [, id = ''] = /^chancery: request ([0-9a-f]+) still waits for approval \(.+\); an operator decides with 'chancery requests approve \1 --reason WHY'; run the same command again to continue\n$/.exec(waiting.stderr) ?? [];
  t.match((await service.cli(['requests', 'list', '--state', 'pending'])).stdout, new RegExp(`^${id} {2}pending {2}client `, 'm'));
  t.match((await service.cli(['requests', 'show', id])).stdout, /^ {2}waiting {2}approval +\S/m);
  const approved = await service.cli(['requests', 'approve', id, '--reason', 'ticket 4711']);
  t.equal(approved.status, 0, approved.stderr);
  t.match(approved.stdout, /approval +.*ticket 4711/);
  const enrolled = await service.cli(enroll);
  t.equal(enrolled.status, 0, enrolled.stderr);
  t.match(enrolled.stdout, `serial       ${id}\n`);
  t.same(readdirSync(folder).sort(), ['ca.pem', 'cert.pem', 'chancery.json', 'key.pem']);

  const other = newFolder();
  const again = await service.cli([...enroll.slice(0, 6), other, '--wait', '0', '--profile', 'client']);
  const [, second = ''] = /request ([0-9a-f]+)/.exec(again.stderr) ?? [];
  t.equal((await service.cli(['requests', 'deny', second, '--reason', 'not one of ours'])).status, 0);
  t.match((await service.cli(['requests', 'approve', second, '--reason', 'changed my mind'])).stderr, /^chancery: .+\n$/);
  const denied = await service.cli([...enroll.slice(0, 6), other, '--wait', '0', '--profile', 'client']);
  t.equal(denied.status, 1);
  t.match(denied.stderr, /not one of ours/);
  t.same(readdirSync(other), [], 'nothing is left of it');
});

t.test('layout docker: the daemon\'s certificate is no client\'s', async (t) => {
  const folder = newFolder();
  const names = ['--name', 'docker1.example.com', '--name', '10.0.0.7'];
  const enrolled = await service.cli(['enroll', '--token', await newToken(...names), ...names, '--layout', 'docker', '--out', folder]);
  t.equal(enrolled.status, 0, enrolled.stderr);
  t.same(readdirSync(folder).sort(), ['ca.pem', 'chancery.json', 'server-cert.pem', 'server-key.pem']);
  const usage = execFileSync('openssl', ['x509', '-noout', '-ext', 'extendedKeyUsage,subjectAltName', '-in', join(folder, 'server-cert.pem')], { encoding: 'utf8' });
  t.match(usage, 'TLS Web Server Authentication');
  t.notMatch(usage, 'Client');
  t.match(usage, 'DNS:docker1.example.com, IP Address:10.0.0.7');
});

t.test('a holder revokes their own certificate with it', async (t) => {
  const folder = newFolder();
  const enrolled = await service.cli(['enroll', '--token', await newToken('--name', 'node3.example.com'), '--name', 'node3.example.com', '--out', folder, '--json']);
  const serial = String(parse(enrolled.stdout)['serial']);
  const { status, stderr } = await service.cli(['revoke', serial, '--cert', join(folder, 'cert.pem'), '--key', join(folder, 'key.pem'), '--ca', join(folder, 'ca.pem'), '--data', '/nowhere', '--reason', 'superseded']);
  t.equal(status, 0, stderr);
  const renewal = await service.cli(['renew', '--out', folder, '--force']);
  t.equal(renewal.status, 1);
  t.match(renewal.stderr, /revoked/);
});

t.test('an operator\'s key that is kept elsewhere is told, with what to give', async (t) => {
  const key = join(service.data, 'operator', 'key.pem');
  renameSync(key, `${key}.away`);
  t.teardown(() => renameSync(`${key}.away`, key));
  t.match(await service.cli(['token', 'list']), { status: 1, stderr: `chancery: no operator credentials: ${key} does not exist; give --cert and --key, or CHANCERY_API_KEY, or the data folder with --data\n` });
});

t.test('API keys: made, used within their scope, revoked', async (t) => {
  const made = parse((await service.cli(['key', 'create', 'pipeline', '--scope', 'token', '--ttl', '1d', '--json'])).stdout);
  const asKey = { env: { CHANCERY_API_KEY: String(made['key']) } };
  t.equal((await service.cli(['token', 'create', '--name', 'x.example.com'], asKey)).status, 0);
  const outside = await service.cli(['audit', 'show'], asKey);
  t.equal(outside.status, 1);
  t.match(outside.stderr, /^chancery: .*scope.*\n$/);
  t.match((await service.cli(['key', 'list'])).stdout, new RegExp(`^${String(made['id'])} {2}pipeline {2}usable {2}token`, 'm'));
  t.equal((await service.cli(['key', 'revoke', String(made['id'])])).status, 0);
  t.equal((await service.cli(['token', 'list'], asKey)).status, 1);
});

t.test('listings go page by page', async (t) => {
  for (let i = 0; i < 3; i += 1) await newToken('--name', `page${i}.example.com`);
  const first = await service.cli(['token', 'list', '--limit', '2']);
  t.equal(first.stdout.trimEnd().split('\n').length, 3);
  const cursor = /--cursor (\S+),/.exec(first.stderr)?.[1] ?? '';
  const second = parse((await service.cli(['token', 'list', '--limit', '1', '--cursor', cursor, '--json'])).stdout) as { items: unknown[] };
  t.equal(second.items.length, 1);
  const all = parse((await service.cli(['token', 'list', '--all', '--json'])).stdout) as { items: unknown[]; next?: string };
  t.ok(all.items.length > 3);
  t.equal(all.next, undefined);
});

t.test('the audit log is shown, verified, and held against a head noted before', async (t) => {
  const verified = await service.cli(['audit', 'verify']);
  t.equal(verified.status, 0, verified.stderr);
  const [, head = ''] = /^The chain is intact: \d+ lines\.\nHead: (\d+:[0-9a-f]{64})\n$/.exec(verified.stdout) ?? [];
  await newToken('--name', 'later.example.com');
  const anchored = await service.cli(['audit', 'verify', '--anchor', head]);
  t.match(anchored.stdout, `The anchor, line ${head.split(':')[0]}, is in it.\n`);
  const forged = await service.cli(['audit', 'verify', '--anchor', `${head.split(':')[0]}:${'0'.repeat(64)}`]);
  t.equal(forged.status, 1);
  t.match(forged.stderr, /^chancery: the audit log is broken: the anchor, line \d+ with hash 0+, is not in the log;/);
  // The CRL after the revocations above may come in between.
  const shown = await service.cli(['audit', 'show', '--limit', '2']);
  t.match(shown.stdout, /^LINE {2}TIME +EVENT +WHO +WHAT +DETAILS\n(.*\n)?\d+ +.+ UTC {2}token\.created {2}.*client-certificate:.+ names=later\.example\.com.*\n/);
  t.match(parse((await service.cli(['audit', 'show', '--after', '0', '--limit', '1', '--json'])).stdout), { items: [{ sequence: 1 }] });
});

t.test('doctor finds a healthy service healthy, and says what to do about an ill one', async (t) => {
  const healthy = await service.cli(['doctor']);
  t.equal(healthy.status, 0, healthy.stdout + healthy.stderr);
  t.notMatch(healthy.stdout, /^fail/m);
  const key = join(service.data, 'authorities', 'issuing', 'key.pem');
  execFileSync('chmod', ['644', key]);
  const exposed = await service.cli(['doctor', '--json']);
  execFileSync('chmod', ['600', key]);
  t.equal(exposed.status, 1);
  t.match(exposed.stderr, 'chancery: 1 of 14 checks failed; what to do is shown below each\n');
  const { checks } = parse(exposed.stdout) as unknown as { checks: { name: string; outcome: string; advice?: string }[] };
  t.match(checks.find(({ name }) => name === 'key files'), { outcome: 'fail', advice: `chmod 600 ${key}, and treat them as stolen` });
  const away = await service.cli(['doctor'], { env: { CHANCERY_URL: 'https://127.0.0.1:1' } });
  t.equal(away.status, 1);
  t.match(away.stdout, /^fail {2}service +service not reachable at https:\/\/127\.0\.0\.1:1 \(connection refused\)\n +-> start it with 'chancery serve'/m);
});

t.test('doctor tells of the CRL of a root that is offline, before it ends', async (t) => {
  const first = await startService();
  t.equal(await first.stop(), 0);
  rmSync(join(first.data, 'authorities', 'root', 'key.pem'));
  // Half of this life is more than what is left of the CRL that stands.
  const offline = await serve(first.data, { CHANCERY_CRL__ROOT_LIFETIME: '365d' });
  t.teardown(offline.stop);
  const { status, stdout } = await offline.cli(['doctor']);
  t.equal(status, 0);
  t.match(stdout, /^warn {2}ready +the CRL of root, whose key is not here, expires in 89 days\n +-> nothing fails yet: fix this before something does/m);
});

t.test('what a wrong configuration has wrong is told line by line', async (t) => {
  const folder = newFolder();
  writeFileSync(join(folder, 'chancery.yaml'), 'listen:\n  https: nowhere\nworkers: 0\n');
  const { status, stdout, stderr } = await service.cli(['serve', '--config', join(folder, 'chancery.yaml')], { env: { CHANCERY_DATA: '' } });
  t.equal(status, 1);
  t.equal(stdout, '');
  t.match(stderr, /^chancery: the configuration has 2 faults\n {2}\S+chancery\.yaml:2:\d+: listen\.https .+; expected host:port.+\n {2}\S+chancery\.yaml:3:\d+: workers .+\n$/);
  rmSync(folder, { recursive: true });
});

t.test('crl show tells of a delta what it is against, and of a shard where it is', async (t) => {
  const service = await startService([], { CHANCERY_CRL__DELTA__PUBLISH: 'true', CHANCERY_CRL__SHARDS: '2' });
  t.teardown(() => service.stop());
  for (let tries = 0; tries < 100 && (await fetch(`${service.http}/crl/issuing/delta.crl`)).status !== 200; tries += 1) await new Promise((resolve) => setTimeout(resolve, 50));
  const show = async (document: string) => parse((await service.cli(['crl', 'show', `${service.http}/crl/issuing${document === 'full' ? '' : `/${document}`}.crl`, '--json'])).stdout);
  t.match(await show('full'), { number: '2', freshest: [`${service.http}/crl/issuing/delta.crl`] });
  t.match(await show('delta'), { number: '2', base: '1' });
  t.match(await show('2-1'), { at: [`${service.http}/crl/issuing/2-1.crl`] });
  const text = await service.cli(['crl', 'show', `${service.http}/crl/issuing/delta.crl`]);
  t.match(text.stdout, /^delta to +1$/m);
});
