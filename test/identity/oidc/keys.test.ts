import { createPublicKey, generateKeyPairSync, type JsonWebKey, type KeyObject } from 'node:crypto';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { readFileSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { parseKeySet } from '../../../src/identity/oidc/key-set.ts';
import { fetchedKeys, KeysUnavailable } from '../../../src/identity/oidc/key-source.ts';
import { temporaryFolder } from '../../helpers/folder.ts';
import { AUDIENCE, foreignKey, handMade, httpsFiles, keyOf, rs256, startIssuer } from './issuer.ts';
import { configured, readerOf } from './reader.ts';

const RULES = [{ when: { sub: 'repo:octo-org/**' }, profile: 'server', names: ['site.ci.example.com'] }];
const LOCAL = ['127.0.0.0/8', '::1/128'];
const SECOND = 1000;
const publicJwk = (key: KeyObject, more: object = {}): JsonWebKey => ({ ...createPublicKey(key).export({ format: 'jwk' }), ...more });

/** A clock that is set by hand: from the real time on, for the tokens are the issuer's. */
function movable(): { readonly clock: () => number; readonly pass: (seconds: number) => void } {
  let ahead = 0;
  return { clock: () => Date.now() + ahead, pass: (seconds) => void (ahead += seconds * SECOND) };
}

t.test('keys are fetched once, and again when a token names a new one, at a bounded rate for all callers together', async (t) => {
  const issuer = await startIssuer(t);
  const { clock, pass } = movable();
  const reader = readerOf(configured({ ci: { issuer: issuer.url, ca: issuer.ca, permitNetworks: LOCAL, audience: [AUDIENCE], rules: RULES } }), clock);
  const tokens = await Promise.all(Array.from({ length: 20 }, () => issuer.token()));
  await Promise.all(tokens.map(reader.identify));
  t.same(reader.fetched, ['ok'], 'twenty at once share one fetch');

  const stranger = foreignKey();
  const madeUp = (kid: string): string => handMade({ alg: 'RS256', kid }, issuer.claims(), rs256(stranger));
  for (let i = 0; i < 20; i += 1) t.equal(await reader.refusal(madeUp(`made-up-${i}`)), 'oidc-key');
  t.same(reader.fetched, ['ok'], 'made-up names within ten seconds cause no call');
  pass(11);
  await Promise.all(Array.from({ length: 50 }, (_, i) => reader.refusal(madeUp(`more-${i}`))));
  t.same(reader.fetched, ['ok', 'ok'], 'then one for all of them');

  await issuer.server.issuer.keys.generate('RS256', { kid: 'new' });
  const rotated = await issuer.token({}, 'new');
  t.equal(await reader.refusal(rotated), 'oidc-key');
  pass(11);
  t.equal((await reader.identify(rotated)).kind, 'oidc', 'a key that the issuer has made since');
  t.equal((await reader.identify(await issuer.token({}, 'rs256'))).kind, 'oidc', 'the old one is still there');
  t.equal(reader.fetched.length, 3);
});

t.test('a key that the issuer has taken back counts no more after the refresh', async (t) => {
  const [old, young] = [foreignKey(), foreignKey()];
  let keys: JsonWebKey[] = [publicJwk(old, { kid: 'old' })];
  const url = await serve(t, (_request, response) => response.end(JSON.stringify({ keys })));
  const { clock, pass } = movable();
  const reader = readerOf(configured({ ci: { issuer: 'https://ci.example.com', jwksUri: `${url}/keys`, allowHttp: true, permitNetworks: LOCAL, audience: [AUDIENCE], rules: RULES } }), clock);
  const now = (): number => Math.floor(clock() / SECOND);
  const token = (kid: string, key: KeyObject): string =>
    handMade({ alg: 'RS256', kid }, { iss: 'https://ci.example.com', aud: AUDIENCE, sub: 'repo:octo-org/x', iat: now(), exp: now() + 300 }, rs256(key));
  await reader.identify(token('old', old));
  keys = [publicJwk(young, { kid: 'young' })];
  pass(14 * 60);
  t.equal((await reader.identify(token('old', old))).kind, 'oidc');
  pass(2 * 60);
  t.equal(await reader.refusal(token('old', old)), 'oidc-key');
  t.equal((await reader.identify(token('young', young))).kind, 'oidc');
});

t.test('while the issuer is down its last keys are used, for a time; unknown keys are answered with 503 and Retry-After', async (t) => {
  const issuer = await startIssuer(t);
  const { clock, pass } = movable();
  const reader = readerOf(configured({ ci: { issuer: issuer.url, ca: issuer.ca, permitNetworks: LOCAL, audience: [AUDIENCE], maxLifetime: '30d', rules: RULES } }, { keepKeys: '2h' }), clock);
  const token = await issuer.token({ exp: Math.floor(Date.now() / SECOND) + 86_400 });
  const unknown = handMade({ alg: 'RS256', kid: 'unknown' }, issuer.claims(), rs256(foreignKey()));
  await issuer.down();
  const refused = await reader.refused(token);
  t.equal(refused.code, 'unavailable', 'never reached, nothing known');
  t.ok((refused.retryAfter ?? 0) >= 1 && (refused.retryAfter ?? 0) <= 10);
  t.equal(await reader.refusal(token), 'unavailable');
  t.equal(reader.fetched.length, 1, 'an issuer that is down is left alone for ten seconds');
  await issuer.up();
  pass(11);
  t.equal((await reader.identify(token)).kind, 'oidc');
  await issuer.down();
  pass(60 * 60);
  t.equal((await reader.identify(token)).kind, 'oidc', 'an hour later');
  t.equal(await reader.refusal(unknown), 'unavailable', 'it cannot be known whether there is such a key now');
  pass(30 * 60);
  t.equal((await reader.identify(token)).kind, 'oidc', 'while they are younger than keepKeys');
  pass(40 * 60);
  t.equal(await reader.refusal(token), 'unavailable', 'and then no more');
  await issuer.up();
  pass(11);
  t.equal((await reader.identify(token)).kind, 'oidc', 'it mends itself');
  t.match(reader.fetched.find((outcome) => outcome !== 'ok'), /connection refused/);
});

t.test('a clock that is set back keeps no keys for longer', async (t) => {
  let [time, fetches] = [1_000_000_000_000, 0];
  const source = fetchedKeys({ clock: () => time, refresh: 900_000, keep: 7_200_000, fetched: () => undefined, fetch: () => Promise.resolve((fetches += 1, [])) });
  await source.keys(() => true);
  time -= 86_400_000;
  await source.keys(() => true);
  t.equal(fetches, 2);
  const broken = fetchedKeys({ clock: () => time, refresh: 900_000, keep: 7_200_000, fetched: () => undefined, fetch: () => Promise.reject(new Error('down')) });
  await t.rejects(broken.keys(() => true), KeysUnavailable);
});

/** A server on a free port of this machine. @returns its address */
async function serve(t: { readonly teardown: (work: () => unknown) => void }, listener: RequestListener, tls?: { readonly cert: string; readonly key: string }, host = '127.0.0.1'): Promise<string> {
  const server = tls === undefined ? createServer(listener) : createHttpsServer({ cert: readFileSync(tls.cert), key: readFileSync(tls.key) }, listener);
  server.listen(0, host);
  await new Promise((resolve) => server.once('listening', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return `${tls === undefined ? 'http' : 'https'}://${host}:${(server.address() as AddressInfo).port}`;
}

t.test('documents of an issuer are taken whole, in time, from where the configuration says, and from nowhere else', async (t) => {
  const key = foreignKey();
  const good = JSON.stringify({ keys: [publicJwk(key, { kid: 'one' })] });
  const inner = await serve(t, (_request, response) => response.end(good));
  let discovery = (_url: string): unknown => ({});
  let jwks: RequestListener = (_request, response) => response.end(good);
  const url = await serve(t, (request, response) => (request.url === '/.well-known/openid-configuration' ? void response.end(JSON.stringify(discovery(url))) : jwks(request, response)));
  const fault = async (settings: object = {}): Promise<string> => {
    const reader = readerOf(configured({ ci: { issuer: url, allowHttp: true, permitNetworks: LOCAL, audience: [AUDIENCE], rules: RULES, ...settings } }));
    const now = Math.floor(Date.now() / SECOND);
    const token = handMade({ alg: 'RS256', kid: 'one' }, { iss: url, aud: AUDIENCE, sub: 'repo:octo-org/x', iat: now, exp: now + 300 }, rs256(key));
    await reader.identify(token).catch(() => undefined);
    t.ok(reader.fetched.length <= 1);
    return reader.fetched[0] ?? 'nothing';
  };
  const usual = (at: string): object => ({ issuer: at, jwks_uri: `${at}/keys` });
  discovery = usual;
  t.equal(await fault(), 'ok');
  t.match(await fault({ permitNetworks: undefined }), /is not called: it is in 127\.0\.0\.0\/8 \(loopback/);

  for (const [what, answer, message] of [
    ['another issuer', (at: string) => ({ ...usual(at), issuer: 'https://other.example.com' }), /is of issuer "https:\/\/other\.example\.com"; expected exactly/],
    ['an issuer with a slash more', (at: string) => ({ ...usual(at), issuer: `${at}/` }), /expected exactly/],
    ['no issuer', (at: string) => ({ jwks_uri: `${at}/keys` }), /expected exactly/],
    ['no keys', (at: string) => ({ issuer: at }), /has no "jwks_uri"/],
    ['keys in a file', (at: string) => ({ issuer: at, jwks_uri: 'file:///etc/passwd' }), /expected an address with https or http/],
    ['keys behind a password', (at: string) => ({ issuer: at, jwks_uri: 'http://a:b@127.0.0.1/keys' }), /without user/],
    ['keys at an address of the provider\'s own network', (at: string) => ({ issuer: at, jwks_uri: 'http://169.254.169.254/keys' }), /is not called: it is in 169\.254\.0\.0\/16/],
    ['the same in another spelling', (at: string) => ({ issuer: at, jwks_uri: 'http://0xa9fea9fe/keys' }), /is not called: it is in 169\.254\.0\.0\/16/],
    ['too much', (at: string) => ({ ...usual(at), x: 'x'.repeat(70_000) }), /more than 65536 bytes/],
  ] as const) {
    discovery = answer;
    t.match(await fault(), message, `discovery: ${what}`);
  }
  discovery = usual;
  for (const [what, answer, message] of [
    ['a redirect', (_request, response) => response.writeHead(302, { location: `${inner}/keys` }).end(), /answered 302, which leads elsewhere and is not followed/],
    ['a failure', (_request, response) => response.writeHead(500).end(good), /answered 500; expected 200/],
    ['too much', (_request, response) => response.end(`${good}${' '.repeat(300_000)}`), /more than 262144 bytes/],
    ['no JSON', (_request, response) => response.end('<html>'), /is not JSON/],
    ['members twice', (_request, response) => response.end(`{"keys":[],${good.slice(1)}`), /is not JSON that names each member once/],
    ['no keys', (_request, response) => response.end('{"keys":[]}'), /has no key that can verify/],
    ['too many', (_request, response) => response.end(JSON.stringify({ keys: Array(101).fill(publicJwk(key)) })), /has 101 keys/],
    ['half of it', (_request, response) => void response.writeHead(200, { 'content-length': '9999' }).write(good, () => response.destroy()), /closed the connection/],
    ['a secret', (_request, response) => response.end(JSON.stringify({ keys: [{ kty: 'oct', kid: 'one', k: 'c2VjcmV0', alg: 'HS256' }] })), /has no key that can verify/],
  ] as readonly (readonly [string, RequestListener, RegExp])[]) {
    jwks = answer;
    t.match(await fault(), message, `keys: ${what}`);
  }
  jwks = (_request, response) => void response.writeHead(200).write('{');
  const started = Date.now();
  t.match(await fault(), /within 5 s/, 'keys that do not end');
  t.ok(Date.now() - started < 8000);
});

t.test('who answers over https must be who is meant', async (t) => {
  const issuer = await startIssuer(t);
  const fetchedBy = async (settings: object): Promise<string> => {
    const reader = readerOf(configured({ ci: { issuer: issuer.url, permitNetworks: LOCAL, audience: [AUDIENCE], rules: RULES, ...settings } }));
    await reader.identify(await issuer.token()).catch(() => undefined);
    return reader.fetched[0] ?? 'nothing';
  };
  t.equal(await fetchedBy({ ca: issuer.ca }), 'ok');
  t.match(await fetchedBy({}), /leads to none of the roots that are trusted/);
  const other = await serve(t, (_request, response) => response.end(JSON.stringify({ keys: issuer.server.issuer.keys.toJSON() })), httpsFiles(), '127.0.0.2');
  t.match(await fetchedBy({ ca: issuer.ca, jwksUri: `${other}/keys` }), /certificate is for other names/);
  t.match(await fetchedBy({ ca: issuer.ca, jwksUri: `${other.replace('https', 'http')}/keys`, allowHttp: true }), /closed the connection|no HTTP/, 'TLS is what was configured');
});

t.test('a token for the issuer is read anew each time, and shown to the host of the configuration alone', async (t) => {
  const shown: string[] = [];
  const key = foreignKey();
  const answer = (where: string): RequestListener => (request, response) => {
    shown.push(`${where} ${request.headers.authorization ?? 'none'}`);
    response.end(JSON.stringify(request.url === '/keys' ? { keys: [publicJwk(key, { kid: 'one' })] } : { issuer: home, jwks_uri: `${away}/keys` }));
  };
  const home: string = await serve(t, answer('home'), httpsFiles());
  const away: string = await serve(t, answer('away'), httpsFiles());
  const bearerFile = join(temporaryFolder('oidc'), 'token');
  const { clock, pass } = movable();
  writeFileSync(bearerFile, 'first\n');
  const settings = { issuer: home, ca: httpsFiles().ca, permitNetworks: LOCAL, audience: [AUDIENCE], bearerFile, rules: RULES };
  const token = (): string => handMade({ alg: 'RS256', kid: 'one' }, { iss: home, aud: AUDIENCE, sub: 'repo:octo-org/x', iat: Math.floor(clock() / SECOND), exp: Math.floor(clock() / SECOND) + 300 }, rs256(key));
  const reader = readerOf(configured({ ci: settings }), clock);
  await reader.identify(token());
  writeFileSync(bearerFile, 'second\n');
  pass(16 * 60);
  await reader.identify(token());
  t.same(shown, ['home Bearer first', 'away none', 'home Bearer second', 'away none']);
  const direct = readerOf(configured({ ci: { ...settings, jwksUri: `${away}/keys` } }), clock);
  await direct.identify(token());
  t.equal(shown.at(-1), 'away Bearer second');
});

t.test('fixed keys are from a file or from the configuration itself, and nobody is called', async (t) => {
  const issuer = await startIssuer(t);
  await issuer.down();
  const jwks = JSON.stringify({ keys: issuer.server.issuer.keys.toJSON() });
  const file = join(temporaryFolder('oidc'), 'keys.json');
  writeFileSync(file, jwks);
  for (const keys of [{ jwks }, { jwksFile: file }]) {
    const reader = readerOf(configured({ ci: { issuer: issuer.url, audience: [AUDIENCE], rules: RULES, ...keys } }));
    t.equal((await reader.identify(await issuer.token({ iss: issuer.url }))).kind, 'oidc');
    t.equal(await reader.refusal(handMade({ alg: 'RS256', kid: 'unknown' }, issuer.claims(), rs256(keyOf(issuer, 'rs256')))), 'oidc-key');
    t.same(reader.fetched, []);
  }
  t.throws(() => readerOf(configured({ ci: { issuer: issuer.url, audience: [AUDIENCE], rules: RULES, jwks: '{"keys":[]}' } })), /has no key that can verify/);
});

t.test('of a key set, only public keys for signatures are taken, each of its kind', async (t) => {
  const rsa = foreignKey();
  const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const point = publicJwk(ec);
  const kept = (...keys: unknown[]): number => parseKeySet(Buffer.from(JSON.stringify({ keys: [...keys, publicJwk(rsa, { kid: 'good' })] }))).length - 1;
  for (const [what, key] of Object.entries({
    'for encryption': publicJwk(rsa, { use: 'enc' }), 'not to verify': publicJwk(rsa, { key_ops: ['encrypt'] }), 'of 1024 bits': publicJwk(small), 'a private one': rsa.export({ format: 'jwk' }),
    'a symmetric one': { kty: 'oct', k: 'AAAA' }, 'for another kind of algorithm': publicJwk(rsa, { alg: 'ES256' }), 'for encryption by its algorithm': publicJwk(rsa, { alg: 'RSA-OAEP' }), 'for a MAC': publicJwk(rsa, { alg: 'HS256' }),
    'off the curve': { ...point, y: point.x }, 'of another curve': { ...point, crv: 'P-384' }, 'of secp256k1': { ...point, crv: 'secp256k1' }, 'of X25519': { kty: 'OKP', crv: 'X25519', x: point.x },
    'with a name that is no text': publicJwk(rsa, { kid: 7 }), 'with exponent 1': { ...publicJwk(rsa), e: 'AQ' }, null: null, text: 'key', empty: {}, inherited: { kty: 'constructor' },
  })) t.equal(kept(key), 0, what);
  t.equal(kept(publicJwk(ec, { alg: 'ES256', use: 'sig', key_ops: ['verify'], x5u: 'http://127.0.0.1/', x5c: ['AAAA'] })), 1);
});
