import { readFileSync } from 'node:fs';
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import t, { type Test } from 'tap';
import { makeCsr } from '../helpers/openssl.ts';
import { startTestService, type TestService } from '../helpers/service.ts';

/** Longest that any input may hold up the event loop, nanoseconds; the machines that run this are shared, so twice the promise. */
const LONGEST_HOLD = 100e6;

function open(t: Test, chancery: TestService): Promise<Socket> {
  const { port } = new URL(chancery.service.addresses.https ?? '');
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: '127.0.0.1', port: Number(port), ca: chancery.root, servername: 'localhost' }, () => resolve(socket));
    socket.once('error', reject);
    t.teardown(() => socket.destroy());
  });
}

/** All that the service says until it closes. */
const conversation = (socket: Socket, ...texts: readonly string[]): Promise<string> => new Promise((resolve) => {
  let said = '';
  socket.on('data', (data) => (said += String(data)));
  socket.on('error', () => resolve(said));
  socket.on('close', () => resolve(said));
  for (const text of texts) socket.write(text);
});

const LIMITS = { CHANCERY_LIMITS__REQUEST_TIME: '2s' };

t.test('slow and broken callers are told and closed, in bounded time', async (t) => {
  const chancery = await startTestService(t, { settings: LIMITS });
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['slow headers', 'GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: ', /^HTTP\/1.1 408/],
    ['slow body', 'POST /v1/requests HTTP/1.1\r\nHost: a\r\nContent-Type: application/pkcs10\r\nContent-Length: 1000\r\n\r\nab', /^HTTP\/1.1 408/],
    ['no HTTP', '\u0016\u0003\u0001hello\r\n\r\n', /^HTTP\/1.1 400/],
    ['headers of 20 KiB', `GET /healthz HTTP/1.1\r\nHost: a\r\nX-Big: ${'a'.repeat(20_000)}\r\n\r\n`, /^HTTP\/1.1 431/],
    ['another expectation', 'GET /healthz HTTP/1.1\r\nHost: a\r\nExpect: wonders\r\n\r\n', /^HTTP\/1.1 400/],
    ['two lengths', 'POST /v1/requests HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab', /^HTTP\/1.1 400/],
    ['length and chunks', 'POST /v1/requests HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', /^HTTP\/1.1 400/],
  ];
  await Promise.all(cases.map(async ([name, text, expected]) => {
    const started = performance.now();
    const said = await conversation(await open(t, chancery), text);
    t.match(said, expected, name);
    t.match(said, /urn:chancery:error:/, `${name}: a problem document`);
    t.ok(performance.now() - started < 12_000, `${name}: within its time`);
  }));
  t.equal((await chancery.call('GET', '/healthz')).status, 200);
});

t.test('a body that is too large is refused before it is read', async (t) => {
  const chancery = await startTestService(t, { settings: LIMITS });
  const said = await conversation(await open(t, chancery), 'POST /v1/requests HTTP/1.1\r\nHost: a\r\nContent-Type: application/pkcs10\r\nConnection: close\r\nContent-Length: 1000000000\r\n\r\n');
  t.match(said, /^HTTP\/1.1 413/);
});

t.test('many idle connections do not keep others out', async (t) => {
  const chancery = await startTestService(t, { settings: LIMITS });
  const { port } = new URL(chancery.service.addresses.http ?? '');
  const idle = await Promise.all(Array.from({ length: 1000 }, () => new Promise<Socket>((resolve, reject) => {
    const socket = connectPlain({ host: '127.0.0.1', port: Number(port) }, () => resolve(socket));
    socket.once('error', reject);
  })));
  t.teardown(() => idle.forEach((socket) => socket.destroy()));
  t.equal((await chancery.plain('GET', '/healthz')).status, 200);
});

t.test('no input holds up the event loop, and each gets its clear 4xx', async (t) => {
  const chancery = await startTestService(t);
  const token = await chancery.token({ profile: 'server', names: ['*'], uses: 100 });
  const pem = readFileSync(makeCsr(chancery.folder, 'good', { san: 'DNS:good.example.com' }).csr, 'utf8');
  const bodies: readonly (readonly [string, string, Buffer])[] = [
    ['nested SEQUENCEs', 'application/pkcs10', Buffer.concat(Array.from({ length: 15_000 }, () => Buffer.from([0x30, 0x80])))],
    ['60 KiB of zeros', 'application/pkcs10', Buffer.alloc(60_000)],
    ['a length of 4 GiB', 'application/pkcs10', Buffer.from('3084ffffffff', 'hex')],
    ['60 KiB of base64', 'application/pkcs10', Buffer.from('MII'.repeat(20_000))],
    ['60 KiB of line breaks', 'application/pkcs10', Buffer.from('\n'.repeat(60_000))],
    ['many PEM headers', 'application/x-pem-file', Buffer.from('-----BEGIN CERTIFICATE REQUEST-----\n'.repeat(1600))],
    ['two CSRs', 'application/x-pem-file', Buffer.from(pem + pem)],
    ['30,000 brackets', 'application/json', Buffer.from('['.repeat(30_000))],
    ['60 KiB of quotes', 'application/json', Buffer.from('"'.repeat(60_000))],
    ['60 KiB of backslashes', 'application/json', Buffer.from(`"${'\\'.repeat(60_000)}`)],
    ['quote and backslashes in turn', 'application/json', Buffer.from(`{${'"\\\\\\"'.repeat(12_000)}`)],
    ['1,000 names of nonsense', 'application/json', Buffer.from(JSON.stringify({ csr: pem, names: Array.from({ length: 999 }, (_, index) => `${'a-'.repeat(25)}${index}`) }))],
    ['10,000 names', 'application/json', Buffer.from(JSON.stringify({ csr: pem, names: Array.from({ length: 10_000 }, () => 'a') }))],
    ['names that are paths and commands', 'application/json', Buffer.from(JSON.stringify({ csr: pem, names: ['../../etc/passwd', 'a\r\nSet-Cookie: b', '{x}', '__proto__', '*', 'a\u0000b'] }))],
  ];
  const delay = monitorEventLoopDelay({ resolution: 5 });
  for (const [name, type, body] of bodies) {
    delay.reset();
    delay.enable();
    const reply = await chancery.call('POST', '/v1/requests', { bearer: token, headers: { 'content-type': type }, body });
    delay.disable();
    t.ok(reply.status >= 400 && reply.status < 500, `${name}: ${reply.status}`);
    t.match(reply.json.type, /^urn:chancery:error:/, name);
    t.ok(reply.json.detail.length < 65_536, `${name}: an answer of bounded length`);
    t.ok(delay.max < LONGEST_HOLD, `${name}: held ${(delay.max / 1e6).toFixed(0)} ms`);
  }
  for (const path of ['/crl/..%2f..%2fetc%2fpasswd.crl', '/crl/__proto__.crl', '/ca/..%2f', '/ca/../ca', `/v1/certificates/${'a'.repeat(9000)}`, '/v1/requests/%00', '/v1/requests/%zz', '/docs/../../../etc/passwd', '/docs/static/%2e%2e/%2e%2e/package.json']) {
    const reply = await chancery.call('GET', path, { certificate: chancery.operator });
    t.ok(reply.status >= 400 && reply.status < 500, `${path.slice(0, 40)}: ${reply.status}`);
  }
});

t.test('refused credentials are counted for each address, and calls for each identity', async (t) => {
  const chancery = await startTestService(t, { settings: { CHANCERY_LIMITS__FAILURES_PER_ADDRESS: '5', CHANCERY_LIMITS__PER_IDENTITY: '4' } });
  const token = await chancery.token({ profile: 'server', names: ['*'], uses: 100 });
  const ask = (bearer: string) => chancery.call('GET', '/v1/requests/none', { bearer });
  for (let call = 0; call < 4; call += 1) t.equal((await ask(token)).status, 404);
  const limited = await ask(token);
  t.equal(limited.status, 429);
  t.equal(limited.json.type, 'urn:chancery:error:rate-limited');
  t.match(limited.headers['retry-after'], /^\d+$/);
  t.equal((await chancery.call('GET', '/v1/requests', { certificate: chancery.operator })).status, 200, 'operators have no such limit');
  for (let call = 0; call < 5; call += 1) t.equal((await ask('CHYKEY-1-nonsense')).status, 401);
  t.equal((await ask('CHYKEY-1-nonsense')).status, 429);
  t.equal((await chancery.call('GET', '/v1/requests', { certificate: chancery.operator })).status, 429, 'the address is held up whatever it sends next');
});
