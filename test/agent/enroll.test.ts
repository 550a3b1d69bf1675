import { execFileSync } from 'node:child_process';
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { dockerHost, dockerHostBeside } from '../../src/agent/bundle.ts';
import { type EnrollOptions, enroll } from '../../src/agent/enroll.ts';
import { type Asked, type FakeService, requestReply, startFakeService } from './fake-service.ts';
import { temporaryFolder } from '../helpers/folder.ts';

const surroundings = { now: Date.now, onProgress: () => {} };
const newFolder = (): string => temporaryFolder('enroll');
const mode = (path: string): number => statSync(path).mode & 0o777;

function optionsFor(service: FakeService, more: Partial<EnrollOptions> = {}): EnrollOptions {
  return {
    url: service.url, token: service.token, names: ['node1.example.com', '10.0.0.7'], folder: newFolder(), layout: 'plain', keyType: 'P-256',
    wait: 0, force: false, reuseKey: false, ...more,
  };
}

const withService = (work: (service: FakeService) => Promise<void>) => async (): Promise<void> => {
  const service = await startFakeService();
  try {
    await work(service);
  } finally {
    await service.close();
  }
};

t.test('writes key, certificate and root, and what renew needs', (t) => withService(async (service) => {
  const options = optionsFor(service);
  const [enrolment] = await enroll(options, surroundings);
  const file = (name: string): string => join(options.folder, name);
  t.same(readdirSync(options.folder).sort(), ['ca.pem', 'cert.pem', 'chancery.json', 'key.pem'], 'nothing else is left');
  t.equal(mode(file('key.pem')), 0o600);
  t.equal(mode(file('cert.pem')), 0o644);
  const certificate = new X509Certificate(readFileSync(file('cert.pem')));
  t.ok(certificate.checkPrivateKey(createPrivateKey(readFileSync(file('key.pem')))));
  t.equal(enrolment?.serial, certificate.serialNumber.toLowerCase());
  t.match(execFileSync('openssl', ['verify', '-CAfile', file('ca.pem'), '-untrusted', file('cert.pem'), file('cert.pem')], { encoding: 'utf8' }), 'OK');
  t.match(JSON.parse(readFileSync(file('chancery.json'), 'utf8')), {
    version: 1,
    certificates: [{ url: service.url.href, profile: 'server', names: ['node1.example.com', '10.0.0.7'], keyType: 'P-256', key: ['key.pem'], certificate: ['cert.pem'], ca: 'ca.pem' }],
  });
  t.notMatch(readFileSync(file('chancery.json'), 'utf8'), /CHYTKN|PRIVATE/, 'no secrets');
})());

t.test('the CSR has the names as OpenSSL reads them, and the token goes with it', (t) => withService(async (service) => {
  await enroll(optionsFor(service, { names: ['node1.example.com', '2001:DB8::1', 'ops@example.com', 'spiffe://example.com/ci'] }), surroundings);
  const [asked] = service.asked;
  t.equal(asked?.authorization, `Bearer ${service.token}`);
  t.strictSame(Object.keys(asked?.body ?? {}), ['csr'], 'nothing that was not given');
  const text = execFileSync('openssl', ['req', '-noout', '-text', '-verify'], { input: asked?.csr ?? '', encoding: 'utf8', stdio: ['pipe', 'pipe', 'ignore'] });
  t.match(text, 'Subject: CN = node1.example.com');
  t.match(text, 'DNS:node1.example.com, IP Address:2001:DB8:0:0:0:0:0:1, email:ops@example.com, URI:spiffe://example.com/ci');
})());

for (const keyType of ['P-384', 'P-521', 'Ed25519', 'RSA-2048'] as const) {
  t.test(`makes a ${keyType} key that OpenSSL agrees with`, (t) => withService(async (service) => {
    const options = optionsFor(service, { keyType });
    await enroll(options, surroundings);
    const certificate = new X509Certificate(readFileSync(join(options.folder, 'cert.pem')));
    t.ok(certificate.checkPrivateKey(createPrivateKey(readFileSync(join(options.folder, 'key.pem')))));
  })());
}

t.test('the token is not sent to a service with another root', (t) => withService(async (service) => {
  const other = await startFakeService({ ownRoot: true });
  try {
    await t.rejects(enroll(optionsFor(service, { url: other.url }), surroundings), { code: 'untrusted' });
    t.equal(other.asked.length, 0);
    // It may show the right root beside its own: it still cannot prove to be of it.
    other.behaviour.roots = () => service.root;
    await t.rejects(enroll(optionsFor(service, { url: other.url }), surroundings), { code: 'untrusted' });
    t.equal(other.asked.length, 0);
  } finally {
    await other.close();
  }
})());

t.test('the token is not sent to a service whose certificate is for other names', (t) => withService(async (service) => {
  const url = new URL(service.url);
  url.hostname = '127.0.0.2';
  const toOther = { ...optionsFor(service), url };
  await t.rejects(enroll(toOther, surroundings), { code: /wrong-host|unreachable/ });
  t.equal(service.asked.length, 0);
})());

t.test('files that are there are not replaced, and no token is used up', (t) => withService(async (service) => {
  const options = optionsFor(service);
  writeFileSync(join(options.folder, 'key.pem'), 'mine');
  await t.rejects(enroll(options, surroundings), { code: 'file', message: `key.pem is in ${options.folder} already` });
  t.equal(service.asked.length, 0);
  t.equal(readFileSync(join(options.folder, 'key.pem'), 'utf8'), 'mine');
  await enroll({ ...options, force: true }, surroundings);
  t.match(readFileSync(join(options.folder, 'key.pem'), 'utf8'), 'PRIVATE KEY');
})());

t.test('another root in ca.pem is not replaced', (t) => withService(async (service) => {
  const options = optionsFor(service);
  writeFileSync(join(options.folder, 'ca.pem'), 'other roots');
  await t.rejects(enroll(options, surroundings), { code: 'file' });
  t.equal(service.asked.length, 0);
})());

t.test('with reuseKey, the key that is there is certified', (t) => withService(async (service) => {
  const options = optionsFor(service);
  execFileSync('openssl', ['ecparam', '-name', 'secp384r1', '-genkey', '-noout', '-out', join(options.folder, 'key.pem')]);
  await enroll({ ...options, reuseKey: true }, surroundings);
  const certificate = new X509Certificate(readFileSync(join(options.folder, 'cert.pem')));
  t.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, 'secp384r1');
  t.match(readFileSync(join(options.folder, 'chancery.json'), 'utf8'), '"keyType": "P-384"');
})());

t.test('a waiting request is followed until it is issued', (t) => withService(async (service) => {
  const told: string[] = [];
  const waiting = { state: 'pending', steps: [{ name: 'approval', outcome: 'waiting', reason: 'an operator must approve', time: '' }] };
  service.behaviour.answer = () => ({ status: 202, body: requestReply('0a1', waiting) });
  service.behaviour.look = () => ({ ...service.issue(service.asked[0] as Asked), status: 200 });
  const options = optionsFor(service, { wait: 20 });
  await enroll(options, { now: Date.now, onProgress: (what) => told.push(what) });
  t.ok(existsSync(join(options.folder, 'cert.pem')));
  t.ok(told.includes('waiting for approval (an operator must approve)'));
})());

t.test('an enrolment that waits is resumed with the same key and CSR', (t) => withService(async (service) => {
  service.behaviour.answer = () => ({ status: 202, body: requestReply('0a1', { state: 'pending' }) });
  const options = optionsFor(service);
  await t.rejects(enroll(options, surroundings), { code: 'waiting', advice: /run the same command again/ });
  t.same(readdirSync(options.folder), ['chancery-enroll.pending.json']);
  t.equal(mode(join(options.folder, 'chancery-enroll.pending.json')), 0o600, 'it holds the key');
  service.behaviour.answer = (asked) => service.issue(asked);
  await t.rejects(enroll({ ...options, names: ['other.example.com'] }, surroundings), { code: 'file', message: /something else is under way/ });
  await enroll(options, surroundings);
  t.equal(service.asked.length, 2);
  t.equal(service.asked[0]?.csr, service.asked[1]?.csr);
  t.same(readdirSync(options.folder).sort(), ['ca.pem', 'cert.pem', 'chancery.json', 'key.pem']);
})());

t.test('a refusal leaves nothing behind and tells every fault', (t) => withService(async (service) => {
  service.behaviour.answer = () => ({
    status: 403,
    body: {
      type: 'urn:chancery:error:request-refused', title: 'The request is refused', status: 403, detail: 'The request is refused: names: not yours; key: too small',
      errors: [{ code: 'step-names', detail: 'not yours', at: 'names' }, { code: 'step-key', detail: 'too small', at: 'key' }],
    },
  });
  const options = optionsFor(service);
  await t.rejects(enroll(options, surroundings), { code: 'refused', problemCode: 'request-refused', message: 'The request is refused', more: ['names: not yours', 'key: too small'] });
  t.same(readdirSync(options.folder), []);
  const within = join(options.folder, 'etc', 'tls');
  await t.rejects(enroll({ ...options, folder: within }, surroundings), { code: 'refused' });
  t.same(readdirSync(options.folder), [], 'no folder that was not there');
  t.teardown(() => rmSync(options.folder, { recursive: true, force: true }));
  mkdirSync(within, { recursive: true });
  await t.rejects(enroll({ ...options, folder: within }, surroundings), { code: 'refused' });
  t.ok(existsSync(within), 'one that was there stays');
  service.behaviour.answer = () => ({ status: 401, body: { type: 'urn:chancery:error:unauthenticated', title: 'Not authenticated', status: 401 } });
  const waiting = join(options.folder, 'waiting');
  await t.rejects(enroll({ ...options, folder: waiting }, surroundings), { code: 'refused' });
  t.same(readdirSync(waiting), ['chancery-enroll.pending.json'], 'nor a key that may be asked for again');
})());

t.test('a busy service is asked again, while there is time', (t) => withService(async (service) => {
  let calls = 0;
  service.behaviour.answer = (asked) => {
    calls += 1;
    return calls === 1 ? { status: 503, body: { title: 'busy', status: 503 }, headers: { 'retry-after': '1' } } : service.issue(asked);
  };
  await enroll(optionsFor(service, { wait: 10 }), surroundings);
  t.equal(service.asked[0]?.csr, service.asked[1]?.csr);
  calls = 0;
  await t.rejects(enroll(optionsFor(service, { wait: 0 }), surroundings), { code: 'refused', status: 503, advice: 'try again in 1 s' });
})());

t.test('a certificate for another key is not taken', (t) => withService(async (service) => {
  const foreign = optionsFor(service);
  await enroll(foreign, surroundings);
  const [first] = service.asked;
  service.behaviour.answer = () => service.issue(first as Asked);
  const options = optionsFor(service);
  await t.rejects(enroll(options, surroundings), { code: 'bad-reply', message: /another key/ });
  t.notOk(existsSync(join(options.folder, 'cert.pem')));
})());

const DOCKER: readonly (readonly [usage: string, files: readonly string[]])[] = [
  ['serverAuth', ['ca.pem', 'chancery.json', 'server-cert.pem', 'server-key.pem']],
  ['clientAuth', ['ca.pem', 'cert.pem', 'chancery.json', 'key.pem']],
  ['serverAuth,clientAuth', ['ca.pem', 'cert.pem', 'chancery.json', 'key.pem', 'server-cert.pem', 'server-key.pem']],
];

for (const [usage, files] of DOCKER) {
  t.test(`layout docker names the files of ${usage} as Docker wants them`, (t) => withService(async (service) => {
    service.behaviour.answer = (asked) => service.issue(asked, { usage });
    const options = optionsFor(service, { layout: 'docker' });
    await enroll(options, surroundings);
    t.same(readdirSync(options.folder).sort(), files);
    for (const key of files.filter((name) => name.endsWith('key.pem'))) t.equal(mode(join(options.folder, key)), 0o400);
    for (const file of files.filter((name) => /cert|ca\.pem/.test(name))) t.equal(mode(join(options.folder, file)), 0o444);
  })());
}

t.test('layout docker takes server and client one after the other into the same folder', (t) => withService(async (service) => {
  const options = optionsFor(service, { layout: 'docker', profile: 'server' });
  await enroll(options, surroundings);
  service.behaviour.answer = (asked) => service.issue(asked, { usage: 'clientAuth' });
  await enroll({ ...options, profile: 'client', names: ['alice'] }, surroundings);
  t.same(readdirSync(options.folder).sort(), ['ca.pem', 'cert.pem', 'chancery.json', 'key.pem', 'server-cert.pem', 'server-key.pem']);
  t.equal((JSON.parse(readFileSync(join(options.folder, 'chancery.json'), 'utf8')) as { certificates: unknown[] }).certificates.length, 2);
})());

/** A service whose token is for several profiles. */
function forSeveral(service: FakeService, usages: Readonly<Record<string, string>>): void {
  service.behaviour.answer = (asked) => {
    const profile = typeof asked.body['profile'] === 'string' ? asked.body['profile'] : '';
    const usage = usages[profile];
    if (usage !== undefined) {
      const reply = service.issue(asked, { usage });
      return { ...reply, body: { ...reply.body, profile } };
    }
    return { status: 400, body: { type: 'urn:chancery:error:profile-missing', title: 'The profile is missing', status: 400, detail: 'several', errors: Object.keys(usages).map((detail) => ({ code: 'profile', detail, at: '/profile' })) } };
  };
}

t.test('layout docker makes both pairs with one token for both profiles, each with a key of its own', (t) => withService(async (service) => {
  forSeveral(service, { server: 'serverAuth', client: 'clientAuth' });
  const options = optionsFor(service, { layout: 'docker' });
  const enrolments = await enroll(options, surroundings);
  t.same(enrolments.map(({ profile, certificate }) => [profile, certificate]), [['server', [join(options.folder, 'server-cert.pem')]], ['client', [join(options.folder, 'cert.pem')]]]);
  t.same(readdirSync(options.folder).sort(), ['ca.pem', 'cert.pem', 'chancery.json', 'key.pem', 'server-cert.pem', 'server-key.pem']);
  const read = (name: string): string => readFileSync(join(options.folder, name), 'latin1');
  t.not(read('key.pem'), read('server-key.pem'));
  for (const [certificate, key, usage] of [['cert.pem', 'key.pem', '1.3.6.1.5.5.7.3.2'], ['server-cert.pem', 'server-key.pem', '1.3.6.1.5.5.7.3.1']] as const) {
    t.ok(new X509Certificate(read(certificate)).checkPrivateKey(createPrivateKey(read(key))));
    t.same(new X509Certificate(read(certificate)).keyUsage, [usage], 'no other extended key usage');
  }
  t.same((JSON.parse(read('chancery.json')) as { certificates: { profile: string }[] }).certificates.map(({ profile }) => profile), ['server', 'client']);
})());

t.test('both pairs are asked for with the same keys again after an interruption', (t) => withService(async (service) => {
  forSeveral(service, { server: 'serverAuth', client: 'clientAuth' });
  const good = service.behaviour.answer;
  service.behaviour.answer = (asked) => (asked.body['profile'] === 'client' ? { status: 503, body: {} } : good(asked));
  const options = optionsFor(service, { layout: 'docker' });
  await t.rejects(enroll(options, surroundings), { code: 'refused', status: 503 });
  t.notOk(existsSync(join(options.folder, 'server-cert.pem')), 'all or nothing');
  const before = service.asked.map(({ csr }) => csr);
  service.behaviour.answer = good;
  await enroll(options, surroundings);
  t.same(service.asked.slice(before.length).map(({ csr }) => csr), before.slice(1), 'the same CSRs, and no question which profiles');
  t.same(readdirSync(options.folder).sort(), ['ca.pem', 'cert.pem', 'chancery.json', 'key.pem', 'server-cert.pem', 'server-key.pem']);
})());

t.test('of a token for several profiles another layout must say which, and a file has room for one certificate', (t) => withService(async (service) => {
  forSeveral(service, { server: 'serverAuth', web: 'serverAuth' });
  await t.rejects(enroll(optionsFor(service), surroundings), { code: 'usage', message: 'the token is for the profiles server, web', advice: /--profile/ });
  await t.rejects(enroll(optionsFor(service, { layout: 'docker' }), surroundings), { code: 'usage', message: /server and web .* server-cert\.pem/ });
})());

t.test('layout bundle sets up a shell from wherever it lies, by the client\'s profile', (t) => withService(async (service) => {
  forSeveral(service, { server: 'serverAuth', client: 'clientAuth' });
  const options = optionsFor(service, { layout: 'bundle', names: ['Alice Smith'], dockerHost: 'tcp://docker1.example.com:2376', folder: join(newFolder(), 'it\'s a bundle') });
  await enroll(options, surroundings);
  t.same(readdirSync(options.folder).sort(), ['ca.pem', 'cert.pem', 'chancery.json', 'env.cmd', 'env.ps1', 'env.sh', 'key.pem']);
  t.equal(mode(join(options.folder, 'key.pem')), 0o400);
  const settings = (shell: string, line: string, cwd = '/'): string =>
    execFileSync(shell, ['-c', `${line}; echo "$DOCKER_HOST $DOCKER_TLS_VERIFY \${DOCKER_CONTEXT-none} $DOCKER_CERT_PATH"`], {
      cwd, encoding: 'utf8', env: { PATH: process.env['PATH'], DOCKER_CONTEXT: 'other' },
    });
  const expected = (folder: string): string => `tcp://docker1.example.com:2376 1 none ${folder}\n`;
  t.equal(settings('bash', `. "${options.folder}/env.sh"`), expected(options.folder));
  t.equal(settings('sh', `. "${options.folder}/env.sh"`), expected(options.folder), 'in a shell that does not tell a script its place');
  const moved = join(newFolder(), 'moved');
  renameSync(options.folder, moved);
  t.equal(settings('bash', '. ../moved/env.sh', moved), expected(moved));
  t.equal(settings('sh', 'eval "$(cat env.sh)"', moved), expected(moved));
  t.match(readFileSync(join(moved, 'env.ps1'), 'utf8'), /^\$Env:DOCKER_HOST = "tcp:\/\/docker1\.example\.com:2376"\r$/m);
  t.match(readFileSync(join(moved, 'env.cmd'), 'utf8'), /^@set "DOCKER_HOST=tcp:\/\/docker1\.example\.com:2376"\r$/m);
  service.behaviour.answer = (asked) => service.issue(asked);
  await t.rejects(enroll(optionsFor(service, { layout: 'bundle' }), surroundings), { code: 'usage', message: /only for servers/ });
})());

t.test('the address of an Engine', async (t) => {
  for (const [text, host] of [['docker1', 'tcp://docker1:2376'], ['tcp://10.0.0.7:2375', 'tcp://10.0.0.7:2375'], ['[2001:db8::1]:99/', 'tcp://[2001:db8::1]:99'], ['tcp://[::1]', 'tcp://[::1]:2376']] as const) t.equal(dockerHost(text), host);
  for (const text of ['', 'unix:///run/docker.sock', 'http://x', 'a b', 'x:0', 'x:70000', '[::zz]', 'a$(id)', 'x"y']) t.throws(() => dockerHost(text), { code: 'usage' }, text);
  t.equal(dockerHostBeside(new URL('https://[::1]:8443')), 'tcp://[::1]:2376');
});

t.test('names are sorted into what a CSR can carry', (t) => withService(async (service) => {
  await enroll(optionsFor(service, { names: ['Alice Smith'] }), surroundings);
  const text = execFileSync('openssl', ['req', '-noout', '-text'], { input: service.asked[0]?.csr ?? '', encoding: 'utf8' });
  t.match(text, 'Subject: CN = Alice Smith');
  t.notMatch(text, 'Alternative');
  await t.rejects(enroll(optionsFor(service, { names: ['a..example.com'] }), surroundings), { code: 'usage' });
  await t.rejects(enroll(optionsFor(service, { names: ['Alice Smith', 'Bob Smith'] }), surroundings), { code: 'usage' });
})());
