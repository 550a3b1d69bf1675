import { execFileSync } from 'node:child_process';
import { type KeyObject, generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, type Socket, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { parseServiceUrl, under } from '../../src/client/address.ts';
import { openClient } from '../../src/client/chancery-client.ts';
import { connectionFailure } from '../../src/client/connection-failure.ts';
import { exchange } from '../../src/client/exchange.ts';
import { fetchPinnedRoot } from '../../src/client/pinned-root.ts';
import { startFakeService } from '../agent/fake-service.ts';
import { temporaryFolder } from '../helpers/folder.ts';

/** A TCP server that does as told with each connection. */
async function tcpServer(t: { teardown: (undo: () => void) => unknown }, talk: (socket: Socket) => void): Promise<URL> {
  const open = new Set<Socket>();
  const server = createTcpServer((socket) => {
    open.add(socket);
    socket.on('error', () => {});
    talk(socket);
  });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  t.teardown(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}

t.test('a reply that is too large is cut off', async (t) => {
  let sent = 0;
  const server = createServer((_request, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536))) sent += 65_536;
    };
    response.on('drain', more);
    more();
  });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  t.teardown(() => { server.closeAllConnections(); server.close(); });
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  await t.rejects(exchange({ method: 'GET', url, mostReply: 1_000_000 }), { code: 'bad-reply', message: `the reply of ${url.origin} is larger than 1000000 bytes` });
  t.ok(sent < 64 * 1024 * 1024);
});

t.test('a reply that ends in the middle is a failure, not a shorter reply', async (t) => {
  const url = await tcpServer(t, (socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort')));
  await t.rejects(exchange({ method: 'GET', url }), { code: 'unreachable' });
});

t.test('what is no HTTP is told as that', async (t) => {
  const url = await tcpServer(t, (socket) => socket.once('data', () => socket.end('220 mail.example.com ESMTP\r\n')));
  await t.rejects(exchange({ method: 'GET', url }), { code: 'unreachable', message: `service not reachable at ${url.origin} (it does not speak HTTP)` });
});

t.test('what is no TLS is told as that', async (t) => {
  const url = await tcpServer(t, (socket) => socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')));
  const https = new URL(url.href.replace(/^http:/, 'https:'));
  await t.rejects(exchange({ method: 'GET', url: https, agent: false }), { code: 'unreachable', message: `service not reachable at ${https.origin} (it does not speak TLS)` });
});

t.test('nothing there: the address, and how to start it', async (t) => {
  await t.rejects(exchange({ method: 'GET', url: new URL('https://127.0.0.1:1') }), {
    code: 'unreachable',
    message: 'service not reachable at https://127.0.0.1:1 (connection refused)',
    advice: 'start it with \'chancery serve\', or give its address with --url or CHANCERY_URL',
  });
});

t.test('a name with several addresses is told by the first refusal', async (t) => {
  const inner = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
  t.match(connectionFailure(new URL('https://localhost'), new AggregateError([inner])), { code: 'unreachable', message: 'service not reachable at https://localhost (connection refused)' });
});

t.test('addresses as people write them', async (t) => {
  t.equal(parseServiceUrl('ca:8443').href, 'https://ca:8443/');
  t.equal(parseServiceUrl('https://ca.example.com/chancery/').href, 'https://ca.example.com/chancery/');
  for (const wrong of ['http://ca', 'ftp://ca', 'https://u:p@ca', 'https://', 'ca:99999', '']) t.throws(() => parseServiceUrl(wrong), { code: 'usage' }, wrong);
  t.equal(under(new URL('https://ca/below/'), '/v1/tokens', { limit: 5, cursor: undefined, name: 'a&b' }).href, 'https://ca/below/v1/tokens?limit=5&name=a%26b');
});

t.test('the pinned root is found in the published list, whatever else is in it', async (t) => {
  const service = await startFakeService();
  const other = await startFakeService({ ownRoot: true });
  try {
    const digest = service.token.split('-')[2] ?? '';
    t.equal(await fetchPinnedRoot(service.url, digest), service.root);
    service.behaviour.roots = () => `noise\n${other.root}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n${service.root}`;
    t.equal(await fetchPinnedRoot(service.url, digest), service.root);
    service.behaviour.roots = () => other.root;
    await t.rejects(fetchPinnedRoot(service.url, digest), { code: 'untrusted' });
    service.behaviour.roots = () => 'x'.repeat(300_000);
    await t.rejects(fetchPinnedRoot(service.url, digest), { code: 'bad-reply' });
  } finally {
    await service.close();
    await other.close();
  }
});

t.test('a service of another root, or for other names, is not talked to', async (t) => {
  const service = await startFakeService();
  const other = await startFakeService({ ownRoot: true });
  const ask = async (url: URL, root: string): Promise<unknown> => {
    const client = openClient({ url, roots: [root], credentials: { kind: 'bearer', secret: 'secret' } });
    try {
      return await client.createRequest({ csr: 'x' });
    } finally {
      client.close();
    }
  };
  try {
    await t.rejects(ask(service.url, other.root), { code: 'untrusted', advice: 'give the root certificate of its authority with --ca FILE' });
    const alias = new URL(service.url);
    alias.hostname = 'ip6-localhost';
    await t.rejects(ask(alias, service.root), { code: /wrong-host|unreachable/ });
    t.equal(service.asked.length, 0);
  } finally {
    await service.close();
    await other.close();
  }
});

t.test('an answer that is no JSON, or no list, is told', async (t) => {
  const service = await startFakeService();
  const client = openClient({ url: service.url, roots: [service.root], credentials: { kind: 'none' } });
  try {
    service.behaviour.look = () => ({ status: 200, body: {} });
    await t.rejects(client.listTokens({}), { code: 'bad-reply', message: /no list of items/ });
    service.behaviour.look = () => ({ status: 418, body: { title: 'tea' } });
    await t.rejects(client.listTokens({}), { code: 'refused', status: 418, message: 'tea' });
  } finally {
    client.close();
    await service.close();
  }
});

t.test('a certificate and a key that are no pair are told before anything is sent', async (t) => {
  const [one, other] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')];
  const pem = (key: KeyObject): string => key.export({ format: 'pem', type: 'pkcs8' }).toString();
  const folder = temporaryFolder('pair');
  writeFileSync(join(folder, 'key.pem'), pem(one.privateKey));
  const certificate = execFileSync('openssl', ['req', '-x509', '-key', join(folder, 'key.pem'), '-subj', '/CN=x', '-days', '1'], { encoding: 'utf8' });
  const open = (key: string, of = certificate): unknown => openClient({ url: new URL('https://127.0.0.1:1'), roots: [], credentials: { kind: 'certificate', certificate: of, key } });
  t.throws(() => open(pem(other.privateKey)), { code: 'no-credentials', message: 'the client certificate and the key do not belong together' });
  t.throws(() => open('nonsense'), { code: 'no-credentials' });
  t.throws(() => open(pem(one.privateKey), 'nonsense'), { code: 'no-credentials' });
  t.doesNotThrow(() => open(pem(one.privateKey)));
});
