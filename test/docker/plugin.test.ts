import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openClient } from '../../src/client/chancery-client.ts';
import { parseCertificate } from '../../src/x509/certificate.ts';
import { parseCrl, revokedEntries } from '../../src/x509/crl.ts';
import { decodePem } from '../../src/x509/pem.ts';
import { signCrl } from '../agent/sign-crl.ts';
import { runHere } from '../cli/run-cli.ts';
import { type RunningService, serve, startService } from '../cli/service.ts';
import { makeTestAuthorities } from '../helpers/authority.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { makeCsr } from '../helpers/openssl.ts';
import { certifyClient, crlServer, question, startPlugin, until } from './plugin-process.ts';

/** A client's certificate by the service: PEM, and its serial. */
async function issue(service: RunningService, name: string): Promise<{ readonly pem: string; readonly serial: string }> {
  const operator = (file: string): string => readFileSync(join(service.data, 'operator', file), 'utf8');
  const client = openClient({
    url: new URL(service.https), roots: [readFileSync(join(service.data, 'root.pem'), 'utf8')],
    credentials: { kind: 'certificate', certificate: operator('cert.pem'), key: operator('key.pem') },
  });
  const { serial = '', certificate: pem = '' } = await client.createRequest({ csr: readFileSync(makeCsr(temporaryFolder('leaf'), 'leaf', { subject: `/CN=${name}` }).csr, 'utf8'), profile: 'client' });
  client.close();
  return { pem, serial };
}

const trusting = (service: RunningService): string[] => ['--url', service.https, '--ca', join(service.data, 'root.pem')];

const revoke = async (service: RunningService, serial: string, reason = 'superseded'): Promise<void> => {
  const done = await service.cli(['revoke', serial, '--reason', reason]);
  if (done.status !== 0) throw new Error(done.stderr);
};

t.test('revoked, held, released; a service that goes and comes back; a plugin that starts without it', { timeout: 120_000 }, async (t) => {
  const first = await startService();
  let service = first;
  t.teardown(() => service.kill());
  const [good, bad, held] = [await issue(service, 'good'), await issue(service, 'bad'), await issue(service, 'held')];
  const folder = temporaryFolder('authz');
  const plugin = await startPlugin(t, trusting(service), { folder });
  t.equal(readFileSync(join(folder, 'chancery.spec'), 'utf8'), `unix://${plugin.socket}\n`);
  t.equal(statSync(plugin.socket).mode & 0o777, 0o600);
  t.same((await plugin.post('/Plugin.Activate', '')).json, { Implements: ['authz'] });
  for (const { pem } of [good, bad, held]) t.same(await plugin.may(pem), { Allow: true });
  t.same(await plugin.may(undefined), { Allow: true }, 'the unix socket has its own rights');

  await until(() => plugin.lines().some(({ event }) => event === 'connected'));
  await revoke(service, bad.serial);
  const after = await until(async () => (await plugin.may(bad.pem)).Allow === false);
  t.ok(after < 1000, `refused ${after.toFixed(0)} ms after the revocation was answered`);
  t.same(await plugin.may(bad.pem), { Allow: false, Msg: 'the certificate is revoked' });
  t.same((await plugin.post('/AuthZPlugin.AuthZRes', question(bad.pem))).json, { Allow: false, Msg: 'the certificate is revoked' }, 'nor does it get what it asked for before');
  await revoke(service, held.serial, 'certificateHold');
  await until(async () => (await plugin.may(held.pem)).Allow === false);
  const released = await service.cli(['certificates', 'release', held.serial]);
  t.equal(released.status, 0, released.stderr);
  await until(async () => (await plugin.may(held.pem)).Allow === true);
  t.same(await plugin.may(good.pem), { Allow: true });
  t.match(plugin.lines().find(({ event }) => event === 'denied'), { code: 'revoked', who: /CN=bad/, call: 'GET /v1.41/containers/json' });

  // Every CRL is there before the service goes.
  const published = async () => parseCrl(new Uint8Array(await (await fetch(`${first.http}/crl/issuing.crl`)).arrayBuffer()));
  const isKept = async (): Promise<boolean> => {
    const crl = await published();
    const last = plugin.lines().findLast(({ authority, event }) => event === 'updated' && authority === 'issuing');
    return [...revokedEntries(crl)].map(({ serial }) => serial).join() === bad.serial && Date.parse(last?.['nextUpdate'] ?? '') === crl.nextUpdate * 1000 && String(last?.['entries']) === '1';
  };
  await until(isKept);
  await service.kill();
  t.same(await plugin.may(good.pem), { Allow: true }, 'what is known goes on');
  t.same(await plugin.may(bad.pem), { Allow: false, Msg: 'the certificate is revoked' });
  t.equal(await plugin.stop(), 0);
  t.notOk(existsSync(plugin.socket));
  const again = await startPlugin(t, trusting(service), { folder });
  t.same(await again.may(good.pem), { Allow: true }, 'from the CRLs that were kept');
  t.same(await again.may(bad.pem), { Allow: false, Msg: 'the certificate is revoked' });
  const silent = await startPlugin(t, [...trusting(service), '--most-silence', '1h', '--state', again.state]);
  t.same(await silent.may(good.pem), { Allow: false, Msg: 'the revocation list is out of date' }, 'which is not enough where somebody must have been asked');
  await silent.stop();

  service = await serve(first.data, { CHANCERY_LISTEN__HTTPS: new URL(first.https).host });
  await revoke(service, good.serial);
  await until(async () => (await again.may(good.pem)).Allow === false);
  again.child.kill('SIGKILL');
  await until(() => again.child.signalCode !== null);
  const third = await startPlugin(t, trusting(service), { folder });
  t.same(await third.may(good.pem), { Allow: false, Msg: 'the certificate is revoked' }, 'a socket that a kill has left is no hindrance');
  const second = await startPlugin(t, trusting(service), { folder, ready: false });
  await until(() => second.child.exitCode !== null);
  t.equal(second.child.exitCode, 1, 'a second plugin does not take the socket away');
  t.same(await third.may(undefined), { Allow: true });
});

t.test('a revocation that only an event told of is refused also after a kill, with nobody left to ask', { timeout: 120_000 }, async (t) => {
  const service = await startService([], { CHANCERY_CRL__COALESCE: '4s' });
  t.teardown(() => service.kill());
  const [good, first, bad] = [await issue(service, 'good'), await issue(service, 'first'), await issue(service, 'bad')];
  const folder = temporaryFolder('authz');
  const plugin = await startPlugin(t, trusting(service), { folder });
  await until(() => plugin.lines().some(({ event }) => event === 'connected'));
  const publishes = (): number => plugin.lines().filter(({ event, authority }) => event === 'updated' && authority === 'issuing').length;
  const before = publishes();
  // After one CRL the next waits for its time: all that follows is over by then.
  await revoke(service, first.serial);
  await until(() => publishes() > before);
  await revoke(service, bad.serial);
  await until(async () => (await plugin.may(bad.pem)).Allow === false);
  await until(() => readFileSync(join(plugin.state, 'told.jsonl'), 'utf8').includes(bad.serial));
  plugin.child.kill('SIGKILL');
  await service.kill();
  const listed = readdirSync(plugin.state).filter((name) => name.endsWith('.crl')).flatMap((name) => [...revokedEntries(parseCrl(readFileSync(join(plugin.state, name))))].map(({ serial }) => serial));
  t.same(listed, [first.serial], 'no CRL that was kept lists it');

  const again = await startPlugin(t, trusting(service), { folder });
  t.same(await again.may(bad.pem), { Allow: false, Msg: 'the certificate is revoked' });
  t.same(await again.may(good.pem), { Allow: true });
});

t.test('whatever comes over the socket is answered, and what is not understood with no', { timeout: 120_000 }, async (t) => {
  const { data, authorities } = await makeTestAuthorities();
  const web = await crlServer(t);
  web.bodies.set('/issuing.crl', signCrl(data, authorities.issuing, { number: 1 }));
  const plugin = await startPlugin(t, ['--from', `${web.url}/issuing.crl`, '--issuer', join(data, 'authorities', 'issuing', 'cert.pem')]);
  const client = certifyClient(data, 'issuing', '0a0b0c');
  t.same(await plugin.may(client), { Allow: true });
  const base = JSON.parse(question(client)) as Record<string, unknown>;
  const without = (name: string): string => JSON.stringify(Object.fromEntries(Object.entries(base).filter(([key]) => key !== name)));
  const [pem64 = ''] = base['RequestPeerCertificates'] as string[];
  const DENIED: readonly (readonly [what: string, body: string | Uint8Array])[] = [
    ['nothing', ''], ['no JSON', 'x'], ['an array', '[]'], ['null', 'null'], ['a number', '1'], ['an empty object', '{}'], ['no UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
    ['no method', without('RequestMethod')], ['no address', without('RequestUri')], ['TLS without a certificate', without('RequestPeerCertificates')],
    ['an empty method', JSON.stringify({ ...base, RequestMethod: '' })], ['a method that is no text', JSON.stringify({ ...base, RequestMethod: 1 })],
    ['certificates that are no list', JSON.stringify({ ...base, RequestPeerCertificates: pem64 })], ['an empty list', JSON.stringify({ ...base, RequestPeerCertificates: [] })],
    ['a certificate that is no text', JSON.stringify({ ...base, RequestPeerCertificates: [7] })], ['a certificate that is none', JSON.stringify({ ...base, RequestPeerCertificates: ['AAAA'] })],
    ['an empty one', JSON.stringify({ ...base, RequestPeerCertificates: [''] })],
    ['two in one', JSON.stringify({ ...base, RequestPeerCertificates: [Buffer.from(client + client).toString('base64')] })],
    ['a hundred', JSON.stringify({ ...base, RequestPeerCertificates: Array.from({ length: 100 }, () => pem64) })],
    ['a member twice', question(client).replace('{', '{"RequestPeerCertificates":[],')], ['__proto__', question(client).replace('{', '{"__proto__":{},')],
    ['nesting', `${'{"a":'.repeat(1000)}1${'}'.repeat(1000)}`], ['nine megabytes', Buffer.alloc(9 * 1024 * 1024, 0x20)],
  ];
  for (const path of ['/AuthZPlugin.AuthZReq', '/AuthZPlugin.AuthZRes']) {
    for (const [what, body] of DENIED) {
      const { status, json } = await plugin.post(path, body);
      t.match({ status, json }, { status: 200, json: { Allow: false, Msg: /./ } }, `${path}: ${what}`);
    }
  }
  t.equal((await plugin.post('/Other', '{}')).status, 404);
  // A body as long as the Engine sends them at the most; a length of 0 where there was a body (CVE-2024-41110) changes nothing.
  const long = JSON.stringify({ ...base, RequestBody: 'A'.repeat(1_400_000), ResponseBody: 'A'.repeat(1_400_000), ResponseStatusCode: 200 });
  t.same((await plugin.post('/AuthZPlugin.AuthZRes', long)).json, { Allow: true });
  t.same((await plugin.post('/AuthZPlugin.AuthZReq', JSON.stringify({ ...base, RequestHeaders: { 'Content-Length': '0', '': '' } }))).json, { Allow: true });
  for (const bytes of ['GARBAGE\r\n\r\n', 'POST /AuthZPlugin.AuthZReq HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{', 'GET /AuthZPlugin.AuthZReq HTTP/1.1\r\nhost: x\r\n\r\n']) {
    const socket = connect(plugin.socket);
    socket.on('error', () => {});
    socket.end(bytes);
  }
  const many = await Promise.all(Array.from({ length: 300 }, (_, n) => plugin.may(n % 2 === 0 ? client : undefined)));
  t.ok(many.every(({ Allow }) => Allow === true));
  t.equal(plugin.child.exitCode, null, 'it lives');
});

t.test('CRLs of several authorities from elsewhere: an older one, a foreign one and none at all change nothing; one that ends refuses', { timeout: 120_000 }, async (t) => {
  const { data, authorities } = await makeTestAuthorities();
  const web = await crlServer(t);
  const args = ['root', 'issuing'].flatMap((name) => ['--from', `${web.url}/${name}.crl`, '--issuer', join(data, 'authorities', name, 'cert.pem')]);
  const put = (name: 'root' | 'issuing', sample: Parameters<typeof signCrl>[2]): void => void web.bodies.set(`/${name}.crl`, signCrl(data, authorities[name], sample));
  const [good, bad] = [certifyClient(data, 'issuing', '0a01'), certifyClient(data, 'issuing', '0b02')];
  const plugin = await startPlugin(t, [...args, '--poll', '1s']);
  t.same(await plugin.may(good), { Allow: false, Msg: 'there is no revocation list yet' });
  put('root', { number: 1 });
  put('issuing', { number: 5, serials: ['0b02'] });
  await until(async () => (await plugin.may(good)).Allow === true);
  t.same(await plugin.may(bad), { Allow: false, Msg: 'the certificate is revoked' });
  const numbers = (): string[] => plugin.lines().filter(({ event, authority }) => event === 'updated' && authority === 'issuing').map(({ number = '' }) => number);

  put('issuing', { number: 4 });
  await until(() => plugin.lines().some(({ event, message = '' }) => event === 'failed' && /number 4, older than 5/.test(message)));
  web.bodies.set('/issuing.crl', signCrl(data, authorities.root, { number: 9 }));
  await until(() => plugin.lines().some(({ event, message = '' }) => event === 'failed' && /from another issuer/.test(message)));
  t.same(await plugin.may(bad), { Allow: false, Msg: 'the certificate is revoked' });
  t.same(await plugin.may(good), { Allow: true });
  t.same(numbers(), ['5']);

  // Only one of the two can be fetched: it counts all the same.
  web.bodies.delete('/root.crl');
  put('issuing', { number: 6, serials: ['0b02', '0a01'] });
  await until(async () => (await plugin.may(good)).Msg === 'the certificate is revoked');
  put('issuing', { number: 7, thisUpdate: Math.floor(Date.now() / 1000) - 2, life: 8 });
  await until(async () => (await plugin.may(good)).Allow === true);
  await plugin.stop();
  const lenient = await startPlugin(t, [...args, '--stale', 'allow', '--state', plugin.state]);
  const strict = await startPlugin(t, [...args, '--state', plugin.state]);
  await until(async () => (await strict.may(good)).Msg === 'the revocation list is out of date');
  t.same(await lenient.may(good), { Allow: true });

  put('root', { number: 2, serials: [parseCertificate(decodePem(readFileSync(join(data, 'authorities', 'issuing', 'cert.pem'), 'utf8'), 'CERTIFICATE')[0] ?? new Uint8Array(0)).serial] });
  lenient.child.kill('SIGKILL');
  const last = await startPlugin(t, [...args, '--stale', 'allow', '--state', plugin.state]);
  await until(async () => (await last.may(good)).Msg === 'the authority that issued the certificate is revoked');
  await last.stop();

  // What is kept is damaged: a new one is fetched, and until then nobody gets in.
  for (const name of readdirSync(plugin.state)) writeFileSync(join(plugin.state, name), 'damaged');
  web.bodies.clear();
  const damaged = await startPlugin(t, [...args, '--poll', '1s', '--state', plugin.state]);
  t.same(await damaged.may(good), { Allow: false, Msg: 'there is no revocation list yet' });
  t.ok(damaged.lines().some(({ event }) => event === 'state'));
  put('root', { number: 3 });
  put('issuing', { number: 8 });
  await until(async () => (await damaged.may(good)).Allow === true);
});

const RULES = `rules:
  - name: watchers
    clients: [{commonName: [watch]}]
    allow: [read]
`;

t.test('rules, and reading them anew; clients without a certificate', { timeout: 120_000 }, async (t: Test) => {
  const { data, authorities } = await makeTestAuthorities();
  const web = await crlServer(t);
  web.bodies.set('/issuing.crl', signCrl(data, authorities.issuing, { number: 1 }));
  const folder = temporaryFolder('rules');
  const file = join(folder, 'rules.yaml');
  writeFileSync(file, RULES);
  const source = ['--from', `${web.url}/issuing.crl`, '--issuer', join(data, 'authorities', 'issuing', 'cert.pem')];
  const plugin = await startPlugin(t, [...source, '--rules', file, '--local', 'deny']);
  const [watch, other] = [certifyClient(data, 'issuing', '0a01', { subject: '/CN=watch' }), certifyClient(data, 'issuing', '0a02', { subject: '/CN=other', san: 'DNS:other.example.com' })];
  t.same(await plugin.may(watch), { Allow: true });
  t.same(await plugin.may(watch, 'POST /v1.41/containers/x/%65xec'), { Allow: false, Msg: 'rule watchers: exec is not allowed' });
  t.same(await plugin.may(other), { Allow: false, Msg: 'no rule is for this certificate' });
  t.same(await plugin.may(undefined), { Allow: false, Msg: 'a client certificate is needed' });

  writeFileSync(file, `${RULES}  - name: others\n    clients: [{name: ['*.example.com'], authority: [issuing]}]\n    allow: [all]\n`);
  plugin.child.kill('SIGHUP');
  await until(async () => (await plugin.may(other)).Allow === true);
  writeFileSync(file, 'rules: 1');
  plugin.child.kill('SIGHUP');
  await until(() => plugin.lines().some(({ event, level }) => event === 'rules' && level === 'error'));
  t.same(await plugin.may(other), { Allow: true }, 'rules with a fault do not replace good ones');
  const wrong = await runHere(['docker-authz', '--rules', file, '--check-rules']);
  t.equal(wrong.status, 1);
  t.match(wrong.stderr, /^chancery: the rules file \S+ has a fault\n {2}\S+rules\.yaml:1:1: rules is 1; expected a list/);
  writeFileSync(file, RULES);
  t.match(await runHere(['docker-authz', '--rules', file, '--check-rules']), { status: 0, stdout: `${file} is valid\n` });
});

t.test('what is wrong usage', async (t) => {
  for (const [args, words] of [
    [[], 'there is no CRL to check against'],
    [['--url', 'https://x'], 'the root certificate of the service is missing'],
    [['--from', 'http://x/y'], '--from is given 1 times and --issuer 0 times'],
    [['--from', 'ftp://x/y', '--issuer', 'x'], 'not an http address'],
    [['--stale', 'perhaps'], 'deny, allow'],
    [['--check-rules'], '--check-rules goes with --rules'],
  ] as const) {
    const run = await runHere(['docker-authz', ...args]);
    t.equal(run.status, 2, `${args.join(' ')}: ${run.stderr}`);
    t.match(run.stderr, words);
  }
  const empty = await runHere(['docker-authz', '--enrolled', temporaryFolder('none')]);
  t.equal(empty.status, 1);
  t.match(empty.stderr, 'nothing was enrolled');
});
