import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import t, { type Test } from 'tap';
import { parseNetwork } from '../../../src/outgoing/network.ts';
import { serverNameOf } from '../../../src/acme/validators/tls-alpn-01.ts';
import type { ValidationOutcome } from '../../../src/acme/validators/validator.ts';
import { integer, octetString } from '../../../src/x509/der/writer.ts';
import { encodeExtension } from '../../../src/x509/extension.ts';
import { subjectAltName } from '../../../src/x509/extensions.ts';
import { OID } from '../../../src/x509/oids.ts';
import { startDns } from '../../helpers/dns-server.ts';
import { selfSigned, type Wanted } from './self-signed.ts';
import { ask, digest, listening, NEVER, serveTcp, validators } from './setting.ts';

const HOST = 'site.example';

const problem = (outcome: ValidationOutcome): string => outcome.outcome === 'valid' ? 'valid' : `${outcome.problem.type}: ${outcome.problem.detail}`;

interface Site {
  readonly host?: string;
  readonly wanted?: (right: Wanted) => Wanted;
  readonly tls?: TlsOptions;
  readonly seen?: unknown[];
}

async function against(t: Test, { host = HOST, wanted = (right) => right, tls = {}, seen = [] }: Site = {}): Promise<ValidationOutcome> {
  const dns = await startDns(t);
  dns.set(HOST, 'A', '127.0.0.1');
  const request = ask('tls-alpn-01', host);
  const server = createTlsServer({
    ...selfSigned(wanted({ names: [host], digest: digest(request) })), ALPNProtocols: ['acme-tls/1'], ...tls,
    SNICallback: (name, done) => {
      seen.push(name);
      done(null);
    },
  }, (socket) => void socket.on('error', () => undefined));
  server.on('tlsClientError', () => undefined);
  const port = await listening(t, server, host === '::1' ? host : '127.0.0.1');
  return validators(dns.address, { tlsAlpn01Port: port, permitNetworks: [parseNetwork('127.0.0.1/32')!, parseNetwork('::1/128')!] }).validate(request, NEVER);
}

t.test('the right certificate for the right name is enough', async (t) => {
  const seen: unknown[] = [];
  t.equal(problem(await against(t, { seen })), 'valid');
  t.same(seen, [HOST]);
  t.equal(problem(await against(t, { tls: { maxVersion: 'TLSv1.2' } })), 'valid');
  t.equal(problem(await against(t, { wanted: (right) => ({ ...right, notAfter: 1_600_000_000 }) })), 'valid', 'its dates do not matter');
  t.equal(problem(await against(t, { wanted: (right) => ({ ...right, names: ['SITE.example'] }) })), 'valid', 'nor does the case of the name');
});

t.test('addresses are asked for by their reverse names', async (t) => {
  for (const [address, name] of [['127.0.0.1', '1.0.0.127.in-addr.arpa'], ['::1', `1.${'0.'.repeat(31)}ip6.arpa`]] as const) {
    const seen: unknown[] = [];
    t.equal(problem(await against(t, { host: address, seen })), 'valid');
    t.same(seen, [name]);
  }
  t.equal(serverNameOf({ type: 'ip', value: '2001:db8::567:89ab' }), 'b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa', 'RFC 3596 2.5');
});

const FAULTS: Readonly<Record<string, [(right: Wanted) => Wanted, RegExp]>> = {
  'another digest': [(right) => ({ ...right, digest: Buffer.alloc(32) }), /its acmeIdentifier is not the digest of the challenge's key authorization$/],
  'a longer digest': [(right) => ({ ...right, digest: Buffer.concat([right.digest!, Buffer.from([0])]) }), /its acmeIdentifier is not the digest/],
  'an integer for a digest': [({ names = [] }) => ({ names, value: integer(5) }), /its acmeIdentifier is not the digest/],
  'something behind the digest': [({ names = [], digest }) => ({ names, value: Buffer.concat([octetString(digest!), Buffer.from([5, 0])]) }), /it cannot be read$/],
  'no acmeIdentifier': [({ names = [] }) => ({ names }), /it has no acmeIdentifier extension$/],
  'an uncritical acmeIdentifier': [(right) => ({ ...right, critical: false }), /its acmeIdentifier extension is not critical$/],
  'two acmeIdentifiers': [(right) => ({ ...right, extensions: [encodeExtension({ oid: OID.acmeIdentifier, critical: true, value: octetString(right.digest!) })] }), /it cannot be read$/],
  'two lists of names': [(right) => ({ ...right, extensions: [subjectAltName([{ kind: 'dns', value: 'other.example' }], false)] }), /it cannot be read$/],
  'another name': [(right) => ({ ...right, names: ['other.example'] }), /its subject alternative name is not site\.example and nothing else$/],
  'one name more': [(right) => ({ ...right, names: [HOST, 'other.example'] }), /and nothing else$/],
  'an address more': [(right) => ({ ...right, names: [HOST, '127.0.0.1'] }), /and nothing else$/],
  'a wildcard': [(right) => ({ ...right, names: ['*.example.com'] }), /and nothing else$/],
  'no name': [({ digest }) => ({ digest: digest! }), /and nothing else$/],
  'another\'s signature': [(right) => ({ ...right, foreign: true }), /it is not self-signed$/],
  'another issuer': [(right) => ({ ...right, issuer: 'somebody' }), /it is not self-signed$/],
};
for (const [name, [wanted, expected]] of Object.entries(FAULTS)) {
  t.test(`${name} is unauthorized`, async (t) => {
    const told = problem(await against(t, { wanted }));
    t.match(told, expected);
    t.match(told, /^unauthorized: the certificate that site\.example port \d+ shows for acme-tls\/1: /);
  });
}

t.test('an address is no name, and a name no address', async (t) => {
  t.match(problem(await against(t, { host: '127.0.0.1', wanted: (right) => ({ ...right, names: ['1.0.0.127.in-addr.arpa'] }) })), /^unauthorized: .* is not 127\.0\.0\.1 and nothing else$/);
});

t.test('servers without the protocol', async (t) => {
  t.match(problem(await against(t, { tls: { ALPNProtocols: ['h2', 'http/1.1'] } })), /^tls: TLS with site\.example: the server (did not take the protocol|sent the alert "no application protocol")$/);
  const dns = await startDns(t);
  dns.set(HOST, 'A', '127.0.0.1');
  const request = ask('tls-alpn-01', HOST);
  const silent = createTlsServer({ ...selfSigned({ names: [HOST], digest: digest(request) }) });
  const port = await listening(t, silent);
  t.match(problem(await validators(dns.address, { tlsAlpn01Port: port }).validate(request, NEVER)), /^unauthorized: site\.example port \d+ does not speak acme-tls\/1$/);
});

t.test('an old TLS is refused', async (t) => {
  t.match(problem(await against(t, { tls: { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } })), /^tls: TLS with site\.example: /);
});

t.test('servers that speak no TLS, or stop in the middle', async (t) => {
  const dns = await startDns(t);
  dns.set(HOST, 'A', '127.0.0.1');
  const outcome = async (speak: Parameters<typeof serveTcp>[1], timeout = 3): Promise<string> =>
    problem(await validators(dns.address, { tlsAlpn01Port: await serveTcp(t, speak), timeout }).validate(ask('tls-alpn-01', HOST), NEVER));
  t.equal(await outcome((socket) => void socket.end('SSH-2.0-hello\r\n')), `tls: TLS with ${HOST}: what the server sent is not TLS`);
  t.equal(await outcome((socket) => void socket.once('data', () => socket.end())), `tls: TLS with ${HOST}: the server closed the connection during the handshake`);
  t.equal(await outcome((socket) => void socket.once('data', () => socket.resetAndDestroy())), `tls: TLS with ${HOST}: the server closed the connection during the handshake`);
  t.equal(await outcome((socket) => void socket.once('data', () => socket.write(Buffer.from([21, 3, 3, 0, 2, 2, 40])))), `tls: TLS with ${HOST}: the server sent the alert "handshake failure"`);
  const begin = Date.now();
  t.equal(await outcome(() => undefined, 1), 'connection: the validation was not completed within 1 s');
  t.ok(Date.now() - begin < 2500);
});
