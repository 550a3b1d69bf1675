import { createHmac, createPublicKey, type KeyObject } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import t from 'tap';
import { AUDIENCE, type Claims, es256, foreignKey, handMade, keyOf, rs256, startIssuer } from './issuer.ts';
import { Refused } from '../../../src/errors.ts';
import { configured, readerOf } from './reader.ts';

const issuer = await startIssuer(t, { algorithms: ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA', 'RS512'] });
const other = await startIssuer(t);
const RULE = { when: { sub: 'repo:octo-org/*:**' }, profile: 'server', names: ['site.ci.example.com'], maxValidity: '1h' };
const access = { ca: issuer.ca, permitNetworks: ['127.0.0.0/8', '::1/128'], audience: [AUDIENCE], rules: [RULE] };
const config = configured({ ci: { issuer: issuer.url, ...access } });
const reader = readerOf(config);
const rsa = keyOf(issuer, 'rs256');
const ec = keyOf(issuer, 'es256');

const signed = (header: object, claims: Claims = issuer.claims()): string => handMade({ alg: 'RS256', kid: 'rs256', ...header }, claims, rs256(rsa));

t.test('a token of the issuer says who asks, and the rule what they may have', async (t) => {
  const claims = issuer.claims();
  const identity = await reader.identify(signed({ typ: 'JWT' }, claims));
  t.match(identity, {
    kind: 'oidc', name: 'ci:repo:octo-org/site:ref:refs/heads/main', scopes: [], refusal: undefined,
    grant: { profiles: ['server'], names: ['site.ci.example.com'], maxValidity: 3600, once: { key: /^oidc\/[0-9a-f]{64}$/, expires: Number(claims['exp']) + 120 } },
  });
  t.match(identity.proof, /^token of ci .* for repo:octo-org\/site:ref:refs\/heads\/main, allowed by rule 1$/);
  t.same((await reader.identify(signed({}, { ...claims, jti: undefined }))).grant.once, undefined, 'without a number it may come again');
});

t.test('the issuer\'s own tokens are taken, by every algorithm that is listed and no other', async (t) => {
  for (const kid of ['rs256', 'ps256', 'es256', 'es384', 'eddsa']) t.equal((await reader.identify(await issuer.token({}, kid))).kind, 'oidc', kid);
  t.equal(await reader.refusal(await issuer.token({}, 'rs512')), 'oidc-algorithm');
  const narrow = readerOf(configured({ ci: { issuer: issuer.url, ...access, algorithms: ['ES256'] } }));
  t.equal((await narrow.identify(await issuer.token({}, 'es256'))).kind, 'oidc');
  t.equal(await narrow.refusal(await issuer.token({}, 'rs256')), 'oidc-algorithm');
});

t.test('algorithms are not confused', async (t) => {
  const publicPem = createPublicKey(rsa).export({ format: 'pem', type: 'spki' });
  const jwk = JSON.stringify(createPublicKey(rsa).export({ format: 'jwk' }));
  for (const secret of [publicPem, createPublicKey(rsa).export({ format: 'der', type: 'spki' }), jwk, '']) {
    const token = handMade({ alg: 'HS256', kid: 'rs256' }, issuer.claims(), (input) => createHmac('sha256', secret).update(input).digest());
    t.equal(await reader.refusal(token), 'oidc-algorithm', 'a MAC with the public key as its secret');
  }
  for (const alg of ['none', 'None', 'NONE', 'nOnE', '']) t.equal(await reader.refusal(handMade({ alg, kid: 'rs256' }, issuer.claims(), () => Buffer.alloc(0))), 'oidc-algorithm', `alg "${alg}"`);
  for (const alg of [undefined, null, 7, ['RS256'], { RS256: true }, 'toString', '__proto__', 'rs256']) t.equal(await reader.refusal(signed({ alg })), 'oidc-algorithm', `alg ${JSON.stringify(alg)}`);
  t.equal(await reader.refusal(handMade({ alg: 'RS256', kid: 'rs256' }, issuer.claims(), () => Buffer.alloc(0))), 'oidc-signature', 'no signature');
  t.equal(await reader.refusal(handMade({ alg: 'ES256', kid: 'rs256' }, issuer.claims(), rs256(rsa))), 'oidc-key', 'an EC algorithm with an RSA key');
  t.equal(await reader.refusal(handMade({ alg: 'RS256', kid: 'es256' }, issuer.claims(), es256(ec))), 'oidc-key', 'an RSA algorithm with an EC key');
  t.equal(await reader.refusal(handMade({ alg: 'ES384', kid: 'es256' }, issuer.claims(), es256(ec))), 'oidc-key', 'another curve');
  t.equal(await reader.refusal(handMade({ alg: 'PS256', kid: 'rs256' }, issuer.claims(), rs256(rsa))), 'oidc-key', 'a key that is for RS256 alone');
  t.equal(await reader.refusal(handMade({ alg: 'RS256', kid: 'rs256' }, issuer.claims(), rs256(foreignKey()))), 'oidc-signature', 'a key of somebody else');
  t.equal(await reader.refusal(handMade({ alg: 'RS256', kid: 'rs256' }, issuer.claims(), rs256(keyOf(other, 'rs256')))), 'oidc-signature', 'a key of the same name of another issuer');
  t.equal(await reader.refusal(handMade({ alg: 'ES256', kid: 'es256' }, issuer.claims(), () => Buffer.alloc(64))), 'oidc-signature', 'r = s = 0 (CVE-2022-21449)');
  const good = signed({});
  const [head, payload, signature = ''] = good.split('.');
  t.equal(await reader.refusal(`${head}.${Buffer.from(JSON.stringify(issuer.claims({ sub: 'repo:octo-org/other:x' }))).toString('base64url')}.${signature}`), 'oidc-signature', 'another payload');
  t.equal(await reader.refusal(`${head}.${payload}.${Buffer.from(Buffer.from(signature, 'base64url').subarray(1)).toString('base64url')}`), 'oidc-signature', 'a shorter signature');
});

t.test('a key that says no algorithm is for those of its kind', async (t) => {
  const jwks = JSON.stringify({ keys: [['rsa', rsa], ['ec', ec]].map(([kid, key]) => ({ ...createPublicKey(key as KeyObject).export({ format: 'jwk' }), kid })) });
  const plain = readerOf(configured({ ci: { issuer: issuer.url, audience: [AUDIENCE], rules: [RULE], jwks } }));
  t.equal((await plain.identify(handMade({ alg: 'RS256', kid: 'rsa' }, issuer.claims(), rs256(rsa)))).kind, 'oidc');
  t.equal((await plain.identify(handMade({ alg: 'ES256', kid: 'ec' }, issuer.claims(), es256(ec)))).kind, 'oidc');
  t.equal((await plain.identify(handMade({ alg: 'RS256' }, issuer.claims(), rs256(rsa)))).kind, 'oidc', 'without a name, the one that fits');
  for (const [alg, kid] of [['ES256', 'rsa'], ['EdDSA', 'rsa'], ['RS256', 'ec'], ['ES384', 'ec'], ['EdDSA', 'ec']]) t.equal(await plain.refusal(handMade({ alg, kid }, issuer.claims(), rs256(rsa))), 'oidc-key', `${alg} with ${kid}`);
  t.equal(await plain.refusal(handMade({ alg: 'PS256', kid: 'rsa' }, issuer.claims(), rs256(rsa))), 'oidc-signature', 'another padding');
});

t.test('nothing in a header makes the service call, or takes the place of the issuer\'s key', async (t) => {
  const asked: string[] = [];
  const trap = createServer((request, response) => {
    asked.push(String(request.url));
    response.end('{}');
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => trap.once('listening', resolve));
  t.teardown(() => trap.close());
  const url = `http://127.0.0.1:${(trap.address() as AddressInfo).port}`;
  const mine = foreignKey();
  const jwk = createPublicKey(mine).export({ format: 'jwk' });
  const before = reader.fetched.length;
  for (const [what, extra] of Object.entries({ jku: { jku: `${url}/keys` }, x5u: { x5u: `${url}/chain` }, jwk: { jwk }, x5c: { x5c: ['MIIB'] }, iss: { iss: url } })) {
    t.equal(await reader.refusal(handMade({ alg: 'RS256', kid: 'rs256', ...extra }, issuer.claims(), rs256(mine))), 'oidc-signature', `${what} with a key of one's own`);
    t.equal((await reader.identify(signed(extra))).kind, 'oidc', `${what} is as if it were not there (RFC 7515 4)`);
  }
  t.equal(await reader.refusal(handMade({ alg: 'RS256', kid: `${url}/key` }, issuer.claims(), rs256(mine))), 'oidc-key', 'a kid that is an address');
  for (const crit of [['exp'], ['b64'], [], 'x', null]) t.equal(await reader.refusal(signed({ crit, b64: false, exp: 1 })), 'oidc-critical', `crit ${JSON.stringify(crit)}`);
  t.same(asked, []);
  t.ok(reader.fetched.length <= before + 1, 'at most one call to the issuer, for the unknown name of a key');
});

t.test('names of keys are names, whatever is in them', async (t) => {
  for (const kid of ['', '../../etc/passwd', '\' or 1=1', '__proto__', 'constructor', 'rs256\0', 'x'.repeat(500)]) t.equal(await reader.refusal(signed({ kid })), 'oidc-key', JSON.stringify(kid.slice(0, 20)));
  for (const kid of [7, null, ['rs256'], { rs256: 1 }, 'x'.repeat(600)]) t.equal(await reader.refusal(signed({ kid })), 'oidc-malformed', JSON.stringify(kid)?.slice(0, 20));
  const one = readerOf(configured({ other: { issuer: other.url, ...access } }));
  t.equal((await one.identify(handMade({ alg: 'RS256' }, other.claims(), rs256(keyOf(other, 'rs256'))))).kind, 'oidc', 'an issuer with one key need not name it');
  await issuer.server.issuer.keys.generate('RS256', { kid: 'rs256-second' });
  const two = readerOf(config);
  t.equal(await two.refusal(signed({ kid: undefined })), 'oidc-key', 'with two that fit, the token has to say which');
});

t.test('a token is for us alone', async (t) => {
  for (const aud of [undefined, null, '', 'https://other.example.com', `${AUDIENCE}/`, AUDIENCE.toUpperCase(), [], ['https://other.example.com'], [AUDIENCE, 'https://other.example.com'], [[AUDIENCE]], { 0: AUDIENCE }, 7]) {
    t.equal(await reader.refusal(signed({}, issuer.claims({ aud }))), 'oidc-audience', JSON.stringify(aud) ?? 'absent');
  }
  t.equal((await reader.identify(signed({}, issuer.claims({ aud: [AUDIENCE] })))).kind, 'oidc');
});

t.test('a token counts from its beginning to its end, give or take the clocks, and no longer than is allowed', async (t) => {
  const now = Math.floor(Date.now() / 1000);
  for (const [over, code] of [
    [{ exp: now - 61 }, 'oidc-expired'], [{ exp: now - 55, iat: now - 600 }, ''], [{ exp: undefined }, 'oidc-claim'], [{ exp: String(now + 300) }, 'oidc-claim'], [{ exp: -1 }, 'oidc-claim'], [{ exp: null }, 'oidc-claim'],
    [{ nbf: now + 66 }, 'oidc-not-yet-valid'], [{ nbf: now + 55 }, ''], [{ nbf: 'now' }, 'oidc-claim'], [{ nbf: undefined }, ''],
    [{ iat: now + 66 }, 'oidc-not-yet-valid'], [{ iat: now + 55 }, ''], [{ iat: undefined }, 'oidc-claim'], [{ exp: now + 90_000 }, 'oidc-lifetime'], [{ exp: now + 0.5 }, ''], [{ exp: 1e300 }, 'oidc-claim'],
  ] as const) {
    const token = signed({}, issuer.claims(over));
    if (code === '') t.equal((await reader.identify(token)).kind, 'oidc', JSON.stringify(over));
    else t.equal(await reader.refusal(token), code, JSON.stringify(over));
  }
  t.equal(await reader.refusal(handMade({ alg: 'RS256', kid: 'rs256' }, JSON.stringify(issuer.claims()).replace(/"exp":\d+/, '"exp":1e999'), rs256(rsa))), 'oidc-claim', 'without end');
});

t.test('who it is must be said in a text that can be shown', async (t) => {
  for (const sub of [undefined, null, '', 7, ['x'], 'a\nb', 'a\u0000', 'a\u2028', 'x'.repeat(513)]) t.equal(await reader.refusal(signed({}, issuer.claims({ sub }))), 'oidc-claim', encodeURI(String(sub)).slice(0, 20));
  for (const jti of [7, '', null, ['x']]) t.equal(await reader.refusal(signed({}, issuer.claims({ jti }))), 'oidc-claim', JSON.stringify(jti));
});

t.test('only an issuer of the configuration, to the letter', async (t) => {
  for (const iss of [undefined, null, 7, `${issuer.url}/`, issuer.url.toUpperCase(), `${issuer.url}.example.com`, other.url, [issuer.url], '__proto__']) {
    const { message, faults } = await reader.refused(signed({}, issuer.claims({ iss })));
    t.equal(faults[0]?.code, 'oidc-issuer', JSON.stringify(iss) ?? 'absent');
    if (!JSON.stringify(iss ?? '').includes(issuer.url)) t.notMatch(message, issuer.url, 'strangers do not learn whom we believe');
  }
});

t.test('what is no token in its one spelling is refused', async (t) => {
  const good = signed({});
  const [head = '', payload = '', signature = ''] = good.split('.');
  const again = (part: string, edit: (text: string) => string): string => Buffer.from(edit(Buffer.from(part, 'base64url').toString())).toString('base64url');
  const resigned = (h: string, p: string): string => `${h}.${p}.${rs256(rsa)(Buffer.from(`${h}.${p}`)).toString('base64url')}`;
  const twice = (part: string, member: string): string => again(part, (text) => text.replace('{', `{${member},`));
  for (const [what, token] of Object.entries({
    'a member of the payload twice': resigned(head, twice(payload, '"aud":"x"')),
    'a member twice, in two spellings': resigned(head, twice(payload, '"\\u0061ud":"x"')),
    'a member of the header twice': resigned(twice(head, '"alg":"none"'), payload),
    '__proto__': resigned(head, twice(payload, '"__proto__":{"sub":"x"}')),
    'a payload that is a list': resigned(head, Buffer.from('[]').toString('base64url')),
    'a payload that is null': resigned(head, Buffer.from('null').toString('base64url')),
    'a payload that is no JSON': resigned(head, Buffer.from('{').toString('base64url')),
    'a payload that is no UTF-8': resigned(head, Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]).toString('base64url')),
    'a payload behind a byte order mark': resigned(head, again(payload, (text) => `\ufeff${text}`)),
    'a payload nested deep': resigned(head, Buffer.from(`${'{"a":'.repeat(100)}1${'}'.repeat(100)}`).toString('base64url')),
    'a second spelling of the same octets': `${head}.${payload}.${signature.slice(0, -1)}${String.fromCharCode(signature.charCodeAt(signature.length - 1) + 1)}`,
    'too long': resigned(head, again(payload, (text) => text.replace('{', `{"x":"${'x'.repeat(12_000)}",`))),
  })) t.equal(await reader.refusal(token), 'oidc-malformed', what);
  for (const text of [`${good}.`, `${good}=`, `${head}.${payload}`, ` ${good}`, `${head}..${signature}`, `${good}.${head}.${payload}`]) await t.rejects(reader.identify(text), TypeError, 'is no token at all');
  for (const typ of ['logout+jwt', 'dpop+jwt', 'secevent+jwt', 7, null, '']) t.equal(await reader.refusal(signed({ typ })), 'oidc-type', `typ ${JSON.stringify(typ)}`);
  for (const typ of ['JWT', 'jwt', 'at+jwt', 'application/at+jwt', undefined]) t.equal((await reader.identify(signed({ typ }))).kind, 'oidc', `typ ${typ}`);
});

t.test('whatever is sent ends in a clear refusal', async (t) => {
  const good = signed({});
  const refusedOrGood = async (text: string): Promise<boolean> => text === good || reader.identify(text).then(() => false, (error: unknown) => error instanceof Refused || (error instanceof TypeError && error.message.startsWith('no token')));
  const letter = fc.constantFrom('A', 'B', 'a', 'b', '0', '1', '_', '-', '.', '=', '+', '/', ' ');
  await fc.assert(fc.asyncProperty(fc.nat(good.length - 1), letter, fc.constantFrom(0, 1), async (at, char, replaced) => refusedOrGood(good.slice(0, at) + char + good.slice(at + replaced))), { numRuns: 300 });
  // Of good octets the last character of a part may have a second spelling, which is refused; whole values of all kinds are, too.
  await fc.assert(fc.asyncProperty(fc.object(), fc.object(), async (header, claims) => refusedOrGood(signed(header, claims))), { numRuns: 200 });
  await fc.assert(fc.asyncProperty(fc.json(), fc.json(), async (header, payload) => refusedOrGood(handMade(header, payload, rs256(rsa)))), { numRuns: 200 });
  t.pass();
});

t.test('a good token that no rule fits may ask for nothing, and is told why', async (t) => {
  const identity = await reader.identify(signed({}, issuer.claims({ sub: 'repo:evil/site:ref:refs/heads/main' })));
  t.same(identity.grant, { profiles: [], names: [] });
  t.equal(identity.refusal, 'no rule allows anything: rule 1 requires sub to be "repo:octo-org/*:**", not "repo:evil/site:ref:refs/heads/main"');
});

t.test('refusals are counted by what was wrong, and show nothing of the token', async (t) => {
  const fresh = readerOf(config);
  const token = signed({}, issuer.claims({ aud: 'https://other.example.com' }));
  const refused = await fresh.refused(token);
  t.equal(refused.code, 'unauthenticated');
  t.notOk(token.split('.').some((part) => JSON.stringify([refused.message, refused.faults, String(refused.cause)]).includes(part)));
  await fresh.refusal(signed({}, issuer.claims({ iss: 'https://nobody.example.com' })));
  await fresh.identify(signed({}));
  t.same(fresh.counted, ['ci audience', 'none issuer', 'ci accepted']);
});
