import { execFileSync } from 'node:child_process';
import { X509Certificate, createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { cpSync, existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { openEmbeddedStore } from '../../src/store/embedded/store.ts';
import type { Config } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { initialise } from '../../src/initialise.ts';
import { runCli, runHere } from './run-cli.ts';
import { serve, startService } from './service.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { killedAt } from '../helpers/killed-at.ts';

const newFolder = (): string => temporaryFolder('init');
/** What the audit log has. */
async function events(data: string): Promise<string[]> {
  const store = await openEmbeddedStore({ path: join(data, 'store') });
  const log = await store.audit.list({ after: 0, limit: 100 });
  await store.close();
  return log.map(({ event }) => event);
}

const openssl = (...args: string[]): string => execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

t.test('mode internal: names, lifetimes, constraints and algorithm as they were asked for', async (t) => {
  const data = join(newFolder(), 'data');
  const made = await runHere([
    'init', '--data', data, '--algorithm', 'P-384', '--root-subject', 'CN=My Root,O=Example', '--issuing-subject', 'CN=My Issuing', '--root-lifetime', '20y', '--issuing-lifetime', '2y',
    '--path-length', '1', '--permit', 'example.com', '--permit', '10.0.0.0/8', '--exclude', 'email:evil.example.com', '--public-url', 'http://ca.example.com',
  ]);
  t.equal(made.status, 0, made.stderr);
  t.match(made.stdout, `root           ${join(data, 'root.pem')}\n`);
  t.match(made.stdout, `\nThen: chancery serve --data ${data}\n`);
  const text = openssl('x509', '-noout', '-text', '-in', join(data, 'authorities', 'issuing', 'cert.pem'));
  t.match(text, 'Issuer: O = Example, CN = My Root');
  t.match(text, 'Subject: CN = My Issuing');
  t.match(text, 'pathlen:1');
  t.match(text, 'ASN1 OID: secp384r1');
  t.match(text, 'URI:http://ca.example.com/crl/root.crl');
  t.match(text, /Permitted:\s+DNS:example\.com\s+IP:10\.0\.0\.0\/255\.0\.0\.0\s+Excluded:\s+email:evil\.example\.com/);
});

t.test('what is wrong with the options is told all at once, by their names', async (t) => {
  const folder = newFolder();
  const { status, stdout, stderr } = await runHere(['init', '--root-subject', 'nonsense', '--issuing-lifetime', '99y', '--permit', 'ip:10.0.0.0/99', '--data', join(folder, 'data')]);
  t.equal(status, 2);
  t.equal(stdout, '');
  t.match(stderr, /^chancery: --issuing-lifetime is .+\n( {2}--\S+: .+\n)+$/);
  for (const flag of ['--root-subject', '--issuing-lifetime', '--permit']) t.match(stderr, flag);
  t.same(readdirSync(folder), [], 'nothing was made');
});

t.test('without an address that others reach, the certificates\' own is told of, while it can be changed', async (t) => {
  const note = /^note +No --public-url is given, so certificates say .* remove the data folder and start over with --public-url/m;
  const noteOf = async (args: readonly string[], env = {}) => (await runHere(['init', '--data', join(newFolder(), 'data'), ...args], { env })).stdout;
  t.match(await noteOf([]), note);
  t.notMatch(await noteOf(['--public-url', 'http://ca.example.com']), note);
  t.notMatch(await noteOf([], { CHANCERY_PUBLIC_URL__HTTP: 'http://ca.example.com' }), note);
  t.notMatch(await noteOf([], { CHANCERY_LISTEN__HTTP: 'off' }), note, 'then they name none');
});

t.test('mode self-signed: one authority that signs', async (t) => {
  const data = join(newFolder(), 'data');
  const made = await runHere(['init', '--mode', 'self-signed', '--data', data, '--json']);
  t.equal(made.status, 0, made.stderr);
  t.match(JSON.parse(made.stdout), { mode: 'self-signed', data, operator: join(data, 'operator', 'cert.pem'), notes: [/^No --public-url is given, .* set publicUrl\.http in the configuration before the first is issued\.$/] });
  t.match(openssl('verify', '-CAfile', join(data, 'root.pem'), join(data, 'operator', 'cert.pem')), 'OK');
});

t.test('keys are encrypted where there is a passphrase, which serve then needs', async (t) => {
  const folder = newFolder();
  const data = join(folder, 'data');
  writeFileSync(join(folder, 'passphrase'), 'correct horse\n');
  const env = { CHANCERY_AUTHORITY__PASSPHRASE_FILE: join(folder, 'passphrase') };
  t.equal((await runHere(['init', '--data', data], { env })).status, 0);
  const key = join(data, 'authorities', 'issuing', 'key.pem');
  t.match(readFileSync(key, 'utf8'), '-----BEGIN ENCRYPTED PRIVATE KEY-----');
  t.equal(statSync(key).mode & 0o777, 0o600);
  const without = await runHere(['serve', '--data', data]);
  t.equal(without.status, 1);
  t.match(without.stderr, /^chancery: .*is encrypted, and no passphrase is given/);
});

t.test('an operator for who may read the key: after an init that was cut short, and after the end of the last', async (t) => {
  const data = join(newFolder(), 'data');
  t.equal((await runHere(['init', '--data', data])).status, 0);
  const certificate = join(data, 'operator', 'cert.pem');
  const standing = await runHere(['init', '--operator', '--data', data]);
  t.equal(standing.status, 1);
  t.match(standing.stderr, `chancery: ${certificate} is a valid operator's certificate; move it`);

  for (const gone of ['store', 'operator', 'chancery.yaml']) rmSync(join(data, gone), { recursive: true });
  t.equal((await runHere(['init', '--operator', '--data', data])).status, 0, 'as if init had been cut short');
  t.ok(existsSync(join(data, 'chancery.yaml')));
  t.match(openssl('x509', '-noout', '-subject', '-in', certificate), 'CN = operator');

  writeFileSync(certificate, '');
  t.equal((await runHere(['init', '--operator', '--data', data])).status, 0, 'a damaged one is none');

  const nextYears = Date.now() + 400 * 86_400_000;
  const another = await runHere(['init', '--operator', 'alice', '--data', data, '--json'], { now: () => nextYears });
  t.equal(another.status, 0, another.stderr);
  t.match(JSON.parse(another.stdout), { mode: 'internal', operator: certificate, root: join(data, 'root.pem') });
  t.match(openssl('x509', '-noout', '-subject', '-in', certificate), 'CN = alice');
  t.equal(statSync(join(data, 'operator', 'key.pem')).mode & 0o777, 0o600);
  const mixed = await runHere(['init', '--operator', '--mode', 'internal', '--data', data]);
  t.equal(mixed.status, 2);
  t.match(mixed.stderr, '--operator goes alone');
});

t.test('killed at any step, it is finished by init --if-missing, with all that was asked for', { timeout: 120_000 }, async (t) => {
  for (let [step, killed] = [1, true]; killed; step += 1) {
    const data = join(newFolder(), 'data');
    const asked = ['init', '--public-url', 'http://ca.example.com:8080', '--data', data];
    killed = await killedAt(step, () => runHere(asked));
    const begun = existsSync(join(data, 'authorities'));
    if (begun && killed && existsSync(join(data, 'authorities', 'init.json'))) t.match((await runHere(asked)).stderr, /interrupted; chancery init --if-missing finishes it/, `step ${step}`);
    const finished = await runHere([...asked, '--if-missing']);
    t.equal(finished.status, 0, `step ${step}: ${finished.stderr}`);
    for (const file of ['operator/cert.pem', 'operator/key.pem', 'secret.key']) t.ok(existsSync(join(data, file)), `step ${step}: ${file}`);
    t.match(readFileSync(join(data, 'chancery.yaml'), 'utf8'), /^ +http: "?http:\/\/ca\.example\.com:8080/m, `step ${step}: the address`);
    t.same(readdirSync(join(data, 'authorities')).sort(), ['issuing', 'root'], `step ${step}`);
    const again = await runHere(['init', '--if-missing', '--data', data, '--json']);
    t.same(JSON.parse(again.stdout), { data, made: false });
    t.equal((await events(data)).filter((event) => event === 'authority.created').length, 2, `step ${step}: the log has each authority once`);
    if (!killed) t.ok(step > 12, `${step - 1} steps`);
  }
});

t.test('a development authority that was cut short is finished by the next start; any other is not begun with, and why is told', { timeout: 180_000 }, async (t) => {
  const development = { mode: 'internal', rootSubject: 'CN=Root', issuingSubject: 'CN=Issuing', development: true } as const;
  const configured = (data: string): Config => loadConfig({ env: { CHANCERY_DATA: data }, folder: data });
  let finished = 0;
  for (let [step, killed] = [1, true]; killed; step += 1) {
    const data = join(newFolder(), 'data');
    killed = await killedAt(step, () => initialise(development, configured(data), Date.now));
    if (!killed || !existsSync(join(data, 'authorities', 'init.json'))) continue;
    finished += 1;
    // Those in between differ in one more file alone.
    if (finished % 3 !== 1) continue;
    const service = await serve(data);
    try {
      t.ok(existsSync(join(data, 'development')), `step ${step}: it is one for development`);
      t.equal((await service.cli(['token', 'list'])).status, 0, `step ${step}: there is an operator`);
    } finally {
      await service.stop();
    }
    t.notOk(existsSync(join(data, 'authorities', 'init.json')), `step ${step}`);
  }
  t.ok(finished > 4, `${finished} steps`);

  const data = join(newFolder(), 'data');
  for (let step = 1; !existsSync(join(data, 'authorities', 'init.json')); step += 1) {
    rmSync(data, { recursive: true, force: true });
    await killedAt(step, () => runHere(['init', '--public-url', 'http://ca.example.com', '--data', data]));
  }
  t.match(await runHere(['serve', '--data', data]), { status: 1, stderr: `is from an init that was interrupted; finish it with: chancery init --if-missing --data ${data}` });
});

t.test('of several starts at once on one that was cut short, one makes the operator', { timeout: 60_000 }, async (t) => {
  const data = join(newFolder(), 'data');
  for (let step = 1; !existsSync(join(data, 'authorities', 'init.json')); step += 1) {
    rmSync(data, { recursive: true, force: true });
    await killedAt(step, () => runHere(['init', '--data', data]));
  }
  const all = await Promise.all([1, 2, 3].map(() => runCli(['init', '--if-missing', '--data', data])));
  t.same(all.map(({ status }) => status), [0, 0, 0], all.map(({ stderr }) => stderr).join(''));
  t.ok(new X509Certificate(readFileSync(join(data, 'operator', 'cert.pem'))).checkPrivateKey(createPrivateKey(readFileSync(join(data, 'operator', 'key.pem')))));
  t.same(await events(data), ['authority.created', 'authority.created', 'certificate.issued']);
});

t.test('a torn key of the operator is told of, and another operator takes its place', { timeout: 60_000 }, async (t) => {
  const service = await startService();
  t.teardown(() => service.stop());
  const key = join(service.data, 'operator', 'key.pem');
  const whole = readFileSync(key);
  const another = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' });
  for (const [what, content, told] of [['torn', whole.subarray(0, 100), 'holds no private key that can be used'], ['empty', '', 'holds no private key'], ['of another', another, 'is not the key of']] as const) {
    writeFileSync(key, content);
    t.match(await service.cli(['token', 'list']), { status: 1, stderr: `${key} ${told}` }, what);
    t.match((await service.cli(['doctor'])).stdout, `${key} is damaged, or the key of another certificate`, what);
    const made = await service.cli(['init', '--operator']);
    t.equal(made.status, 0, made.stderr);
    t.equal((await service.cli(['token', 'list'])).status, 0, `${what}: the next one is whole`);
  }
  for (const kept of ['-----BEGIN ENCRYPTED PRIVATE KEY-----\n', undefined]) {
    rmSync(key);
    if (kept !== undefined) writeFileSync(key, kept);
    t.match(await service.cli(['init', '--operator']), { status: 1, stderr: 'is a valid operator\'s certificate' }, 'one that somebody keeps is not replaced');
  }
});

t.test('mode external: the CSR goes out, what comes back is checked and taken', async (t) => {
  const folder = newFolder();
  const data = join(folder, 'data');
  const made = await runHere(['init', '--mode', 'external', '--issuing-subject', 'CN=Ours', '--data', data, '--json']);
  t.equal(made.status, 0, made.stderr);
  const { request } = JSON.parse(made.stdout) as { request: string };
  const waiting = await runHere(['serve', '--data', data]);
  t.equal(waiting.status, 1);
  t.match(waiting.stderr, /^chancery: .+\n$/, 'says what it waits for');

  const at = (name: string): string => join(folder, name);
  openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '40', '-subj', '/CN=Their Root', '-keyout', at('their.key'), '-out', at('their.pem'));
  writeFileSync(at('ext'), 'basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign,digitalSignature\nsubjectKeyIdentifier=hash\n');
  openssl('x509', '-req', '-in', request, '-CA', at('their.pem'), '-CAkey', at('their.key'), '-set_serial', '7', '-days', '50', '-extfile', at('ext'), '-out', at('issuing.pem'));
  writeFileSync(at('chain.pem'), readFileSync(at('issuing.pem'), 'utf8'));
  const wrong = await runHere(['init', '--import', at('their.pem'), '--data', data]);
  t.equal(wrong.status, 1);
  const taking = ['init', '--import', at('chain.pem'), '--root', at('their.pem'), '--data'];
  for (let [step, killed] = [1, true]; killed; step += 1) {
    const copy = join(folder, 'copy', String(step));
    cpSync(data, copy, { recursive: true });
    killed = await killedAt(step, () => runHere([...taking, copy]));
    const inForce = ['incoming.pem', 'cert.pem'].some((file) => existsSync(join(copy, 'authorities', 'issuing', file)));
    if (inForce) t.ok((await events(copy)).filter((event) => event === 'authority.created').length >= 2, `killed at step ${step}: what is in force is in the audit log`);
    t.equal((await runHere([...taking, copy])).status, 0, `step ${step}: again`);
    t.match(openssl('verify', '-CAfile', join(copy, 'root.pem'), '-untrusted', join(copy, 'authorities', 'issuing', 'cert.pem'), join(copy, 'operator', 'cert.pem')), 'OK');
    if (!killed) t.ok(step > 6, `${step - 1} steps`);
  }
  const imported = await runHere([...taking, data]);
  t.equal(imported.status, 0, imported.stderr);
  t.ok(existsSync(join(data, 'operator', 'cert.pem')));
  t.match(imported.stdout, /^note +.*Their Root.* (ends|expires) /m, 'what an operator should know of the chain');
  const service = await serve(data);
  try {
    t.equal((await service.cli(['token', 'create', '--name', 'a.example.com'])).status, 0);
  } finally {
    t.equal(await service.stop(), 0);
  }
});

t.test('--if-missing makes what is missing, once', async (t) => {
  const data = join(newFolder(), 'data');
  t.match(JSON.parse((await runHere(['init', '--if-missing', '--data', data, '--json'])).stdout), { mode: 'internal' });
  t.match(readFileSync(join(data, 'secret.key'), 'utf8'), /^[0-9a-f]{64}\n$/, 'with the deployment\'s secret, which every copy of the folder must have');
  const root = readFileSync(join(data, 'root.pem'), 'utf8');
  const again = await runHere(['init', '--if-missing', '--data', data]);
  t.equal(again.status, 0);
  t.equal(again.stdout, `There are authorities in ${data} already.\n`);
  t.equal(readFileSync(join(data, 'root.pem'), 'utf8'), root);
  t.equal((await runHere(['init', '--if-missing', '--operator', '--data', data])).status, 2);
});
