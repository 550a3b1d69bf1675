import { X509Certificate } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectPlain } from 'node:net';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import { startTestService, type TestService } from '../helpers/service.ts';

const DAY = 86_400_000;

const connected = (t: Test, chancery: TestService): Promise<TLSSocket> => new Promise((resolve, reject) => {
  const { port } = new URL(chancery.service.addresses.https ?? '');
  const socket = connect({ host: '127.0.0.1', port: Number(port), ca: chancery.root, servername: 'localhost' }, () => resolve(socket));
  t.teardown(() => socket.destroy());
  socket.once('error', reject);
});

const serialOf = (socket: TLSSocket): string => new X509Certificate(socket.getPeerCertificate().raw).serialNumber.toLowerCase();

/** Sends a call over an open connection and gives back the status line. */
const ask = (socket: TLSSocket): Promise<string> => new Promise((resolve, reject) => {
  socket.once('error', reject);
  socket.once('data', (data: Buffer) => resolve(String(data).split('\r\n', 1)[0] ?? ''));
  socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
});

t.test('the service\'s own certificate is renewed and swapped in place, and no connection is dropped', async (t) => {
  let now = Date.now();
  const chancery = await startTestService(t, { clock: () => now });
  const before = await connected(t, chancery);
  const first = serialOf(before);
  t.equal(await ask(before), 'HTTP/1.1 200 OK');

  await chancery.service.renewOwnCertificate();
  t.equal(serialOf(await connected(t, chancery)), first, 'not before it is due');
  // Two thirds of 30 days; a client of today does not mind, as the new one begins a minute before that: so stay just below today's limits.
  now += 20.1 * DAY;
  await chancery.service.renewOwnCertificate();
  t.equal(await ask(before), 'HTTP/1.1 200 OK', 'the open connection still serves');
  const { json } = await chancery.call('GET', `/v1/certificates?profile=service`, { certificate: chancery.operator }).catch(() => ({ json: undefined }));
  t.equal(json, undefined, 'a client of today does not take a certificate of the day after tomorrow: it was swapped');
  const records = (await chancery.service.core.store.certificates.list({ profile: 'service' }, { limit: 10 }, 0)).items;
  t.equal(records.length, 2);
});

t.test('a connection that never speaks TLS ends with the time of a request', async (t) => {
  const chancery = await startTestService(t, { settings: { CHANCERY_LIMITS__REQUEST_TIME: '1s' } });
  const { port } = new URL(chancery.service.addresses.https ?? '');
  const socket = connectPlain(Number(port), '127.0.0.1');
  t.teardown(() => socket.destroy());
  const closed = new Promise<string>((resolve) => void socket.resume().on('error', () => {}).once('close', () => resolve('closed')));
  t.equal(await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 5000, 'still open').unref())]), 'closed');
});

t.test('when the issuing authority has expired, what is published is still served', async (t) => {
  let now = Date.now();
  const chancery = await startTestService(t, { clock: () => now, init: { issuingLifetime: 86_400 * 40 } });
  now += 41 * DAY;
  await chancery.restart();
  t.ok(chancery.service.addresses.https, 'https with the last certificate');
  t.equal((await chancery.plain('GET', '/crl/issuing.crl')).status, 200);
  const ready = await chancery.plain('GET', '/readyz');
  t.equal(ready.status, 503);
  const [listeners, key] = ['listeners', 'key'].map((wanted) => ready.json.checks.find(({ name }: { name: string }) => name === wanted));
  t.match([listeners, key], [{ ok: true }, { ok: false, detail: /has expired/ }]);
  t.match(chancery.logged.join(''), /"level":50.*the issuing authority has expired.*with the last one/);

  rmSync(join(chancery.config.data, 'service'), { recursive: true });
  await chancery.restart();
  t.equal(chancery.service.addresses.https, undefined);
  t.match((await chancery.plain('GET', '/readyz')).json.checks[0], { name: 'listeners', ok: false, detail: /https is not listening/ });
  now -= 41 * DAY;
  await chancery.service.renewOwnCertificate();
  t.equal((await chancery.plain('GET', '/readyz')).json.checks[0].ok, true, 'https listens as soon as there is a certificate');
});

t.test('of the usual host names, those that name constraints permit are kept', async (t) => {
  const chancery = await startTestService(t, { init: { nameConstraints: { permitted: ['dns:example.com', 'ip:127.0.0.0/8'] } } });
  const [certificate] = (await chancery.service.core.store.certificates.list({ profile: 'service' }, { limit: 1 }, 0)).items;
  t.strictSame(certificate?.names, ['127.0.0.1']);
  t.match(chancery.logged.join(''), /localhost is in none of the permitted subtrees \(example\.com\)/);
  await t.rejects(chancery.restart({ CHANCERY_HOST_NAMES: 'ca.example.com,ca.example.org' }), {
    message: /^hostNames violate the name constraints .*: ca\.example\.org is in none of the permitted subtrees \(example\.com\); expected hostNames \(CHANCERY_HOST_NAMES\)/,
  });
  await chancery.restart({ CHANCERY_HOST_NAMES: 'ca.example.com' });
});

t.test('a file that was damaged, the key\'s part alone too, is made anew at the start and while it serves', async (t) => {
  const chancery = await startTestService(t);
  const file = join(chancery.config.data, 'service', 'https.pem');
  const whole = readFileSync(file, 'utf8');
  for (const damaged of ['', whole.slice(0, 300), whole.slice(0, 900), whole.replace(/(BEGIN PRIVATE KEY-----\n.{20}).{4}/, '$1AAAA')]) {
    writeFileSync(file, damaged);
    await chancery.restart();
    t.equal(await ask(await connected(t, chancery)), 'HTTP/1.1 200 OK', `${damaged.length} characters`);
  }
  const before = serialOf(await connected(t, chancery));
  writeFileSync(file, 'damaged');
  await chancery.service.renewOwnCertificate();
  t.not(serialOf(await connected(t, chancery)), before);
});

t.test('a restart keeps the certificate, and other host names get another', async (t) => {
  const chancery = await startTestService(t);
  const first = serialOf(await connected(t, chancery));
  await chancery.restart();
  t.equal(serialOf(await connected(t, chancery)), first);
  await chancery.restart({ CHANCERY_HOST_NAMES: 'localhost,127.0.0.1,ca.example.com' });
  const socket = await connected(t, chancery);
  t.not(serialOf(socket), first);
  t.match(new X509Certificate(socket.getPeerCertificate().raw).subjectAltName, 'DNS:ca.example.com');
});
