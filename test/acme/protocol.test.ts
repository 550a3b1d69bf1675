import { createHmac, createPublicKey } from 'node:crypto';
import { connect } from 'node:tls';
import t from 'tap';
import { acmeClient, acmeService, b64, ip, jws, newAddress, newPair, type Pair } from './client.ts';

const PROBLEM = 'urn:ietf:params:acme:error:';
const type = (name: string): object => ({ json: { type: `${PROBLEM}${name}` } });

t.test('a request that is not what it says is refused, and what it asked for does not happen', async (t) => {
  const service = await acmeService(t);
  const client = acmeClient(service);
  const signer = await client.account();
  const stranger = await client.account();
  const url = signer.kid;
  const { pair, kid } = signer;
  const fresh = async (header: object = {}): Promise<object> => ({ nonce: await client.nonce(), url, kid, ...header });
  const send = async (body: unknown): ReturnType<typeof client.raw> => client.raw(url, body);
  const signed = async (header: object, by: Pair = pair, payload: unknown = { contact: ['mailto:evil@example.com'] }): ReturnType<typeof client.raw> => send(jws(by, { ...await fresh(), ...header }, payload));

  const publicPem = createPublicKey(pair.privateKey).export({ format: 'pem', type: 'spki' });
  const macked = async (): Promise<object> => {
    const head = b64(JSON.stringify({ alg: 'HS256', ...await fresh() }));
    const payload = b64('{"contact":[]}');
    return { protected: head, payload, signature: createHmac('sha256', publicPem).update(`${head}.${payload}`).digest('base64url') };
  };
  const good = jws(pair, await fresh(), '');
  const bad: readonly (readonly [string, unknown, number | undefined, string])[] = [
    ['none', { ...good, protected: b64(JSON.stringify({ alg: 'none', ...await fresh() })), signature: '' }, 400, 'badSignatureAlgorithm'],
    ['HMAC with the public key', await macked(), 400, 'badSignatureAlgorithm'],
    ['jwk and kid together', jws(pair, { ...await fresh(), jwk: pair.jwk }, ''), 400, 'malformed'],
    ['neither', jws(pair, { nonce: await client.nonce(), url }, ''), 400, 'malformed'],
    ['jwk where kid belongs', jws(pair, { nonce: await client.nonce(), url, jwk: pair.jwk }, ''), 400, 'malformed'],
    ['another\'s kid', jws(pair, { ...await fresh(), kid: stranger.kid }, ''), 400, 'malformed'],
    ['another\'s key', jws(stranger.pair, await fresh(), ''), 400, 'malformed'],
    ['an unknown kid', jws(pair, { ...await fresh(), kid: `${client.base}/account/${'0'.repeat(32)}` }, ''), 400, 'accountDoesNotExist'],
    ['a kid elsewhere', jws(pair, { ...await fresh(), kid: 'https://127.0.0.1/acme/issuing/account/1' }, ''), 400, 'accountDoesNotExist'],
    ['a kid that is no text', jws(pair, { ...await fresh(), kid: { '': 1 } }, ''), 400, 'accountDoesNotExist'],
    ['another url', jws(pair, { ...await fresh(), url: `${client.base}/new-order` }, ''), 403, 'unauthorized'],
    ['the url in capitals', jws(pair, { ...await fresh(), url: url.toUpperCase() }, ''), 403, 'unauthorized'],
    ['no url', jws(pair, { ...await fresh(), url: undefined }, ''), 403, 'unauthorized'],
    ['no nonce', jws(pair, { ...await fresh(), nonce: undefined }, ''), 400, 'badNonce'],
    ['a made-up nonce', jws(pair, { ...await fresh(), nonce: b64(Buffer.alloc(28, 1)) }, ''), 400, 'badNonce'],
    ['a nonce that is no text', jws(pair, { ...await fresh(), nonce: 5 }, ''), 400, 'malformed'],
    ['crit', jws(pair, { ...await fresh(), crit: ['url'] }, ''), 400, 'malformed'],
    ['a jku that points inside', jws(pair, { ...await fresh(), jku: `${client.base}/directory` }, ''), 400, 'malformed'],
    ['an unprotected header', { ...good, header: { kid } }, 400, 'malformed'],
    ['a member twice', JSON.stringify(good).replace('{', `{"payload":"${b64('{"status":"deactivated"}')}",`), 400, 'malformed'],
    ['no JSON', '{', 400, 'malformed'],
    ['an empty body', '', 400, 'malformed'],
    ['deep', '['.repeat(100_000), 400, 'malformed'],
    ['larger than any request', `{"payload":"${'A'.repeat(400_000)}"}`, 413, 'malformed'],
  ];
  for (const [name, body, status, problem] of bad) {
    const reply = await send(body);
    t.match(reply, { status, json: { type: `${PROBLEM}${problem}` } }, name);
    t.match(reply.headers, { 'content-type': 'application/problem+json', 'replay-nonce': /^[\w-]+$/ }, name);
  }
  t.match(await signed({}, newPair('ES384')), { status: 400 }, 'another algorithm and key');
  t.match(await client.raw(url, good, 'application/json'), { status: 415, ...type('malformed') });
  t.match((await client.raw(url, { ...good, protected: b64(JSON.stringify({ alg: 'HS256' })) })).json, { algorithms: ['ES256', 'ES384', 'EdDSA', 'RS256', 'PS256'] });
  t.same((await client.post(url, signer, '')).json.contact, [], 'nothing of it happened');
});

t.test('a nonce is good once, also for many at once, and until then', async (t) => {
  const service = await acmeService(t);
  const client = acmeClient(service);
  const signer = await client.account();
  const body = jws(signer.pair, { nonce: await client.nonce(), url: `${client.base}/new-order`, kid: signer.kid }, { identifiers: [ip(newAddress())] });
  for (let n = 0; n < 50; n += 1) await client.nonce();
  const replies = await Promise.all(Array.from({ length: 10 }, () => client.raw(`${client.base}/new-order`, body)));
  t.equal(replies.filter(({ status }) => status === 201).length, 1);
  t.equal(replies.filter(({ json }) => json.type === `${PROBLEM}badNonce`).length, 9);
});

t.test('a key is rolled over by both keys, to one that nobody has', async (t) => {
  const service = await acmeService(t);
  const client = acmeClient(service);
  const url = `${client.base}/key-change`;
  const signer = await client.account();
  const other = await client.account();
  const fresh = newPair('ES384');
  const inner = (by: Pair, header: object = {}, payload: object = {}): object => jws(by, { url, jwk: by.jwk, ...header }, { account: signer.kid, oldKey: signer.pair.jwk, ...payload });
  const bad: Readonly<Record<string, object>> = {
    'no inner JWS': {}, 'signed with another key': jws(newPair('ES384'), { url, jwk: fresh.jwk }, { account: signer.kid, oldKey: signer.pair.jwk }),
    'another url': inner(fresh, { url: `${url}x` }), 'a nonce': inner(fresh, { nonce: await client.nonce() }), 'kid': jws(fresh, { url, kid: signer.kid }, {}),
    'another account': inner(fresh, {}, { account: other.kid }), 'another old key': inner(fresh, {}, { oldKey: other.pair.jwk }), 'no old key': inner(fresh, {}, { oldKey: undefined }),
  };
  for (const [name, body] of Object.entries(bad)) t.match(await client.post(url, signer, body), { status: 400 }, name);
  const taken = await client.post(url, signer, inner(other.pair));
  t.match(taken, { status: 409, headers: { location: other.kid } });
  t.match(await client.post(url, signer, inner(signer.pair)), { status: 409, headers: { location: signer.kid } });
  t.match(await client.post(url, signer, inner(fresh)), { status: 200, headers: { location: signer.kid } });
  t.match(await client.post(signer.kid, { pair: fresh, kid: signer.kid }, ''), { status: 200 });
  t.match(await client.post(signer.kid, signer, ''), { status: 400 }, 'the old key is good for nothing');
  t.not((await client.account(signer.pair)).kid, signer.kid, 'and may have an account of its own');
  t.equal((await client.account(fresh, { onlyReturnExisting: true })).kid, signer.kid);
  const rollover = (from: Pair, to: Pair) => client.post(url, { pair: from, kid: signer.kid }, jws(to, { url, jwk: to.jwk }, { account: signer.kid, oldKey: from.jwk }));
  const third = newPair();
  for (const [from, to] of [[fresh, third], [third, fresh]] as const) t.match(await rollover(from, to), { status: 200 }, 'also back to one that it had');
  t.match((await client.account(third, { onlyReturnExisting: true })).reply, { status: 400 });
  t.equal((await client.account(fresh, { onlyReturnExisting: true })).kid, signer.kid);
});

t.test('every address answers every method with a problem document, and scripts may read what they need', async (t) => {
  const service = await acmeService(t);
  for (const path of ['/acme/nowhere/directory', '/acme/issuing/nothing', '/acme/issuing/order/zz', '/acme', '/acme/issuing']) {
    t.match(await service.call('GET', path), { status: path.includes('order/') ? 405 : 404, headers: { 'content-type': /problem\+json/ } }, path);
  }
  t.match(await service.call('PUT', '/acme/issuing/new-nonce'), { status: 405, headers: { allow: 'GET, HEAD' } });
  t.match(await service.call('GET', '/acme/issuing/new-order'), { status: 405, ...type('malformed') });
  t.match(await service.call('OPTIONS', '/acme/issuing/new-order'), { status: 204, headers: { 'access-control-allow-methods': 'POST' } });
  t.match(await service.call('HEAD', '/acme/issuing/new-nonce'), { status: 200, headers: { 'cache-control': 'no-store', 'access-control-allow-origin': '*' } });
  t.match(await service.plain('GET', '/acme/issuing/directory'), { status: 403 }, 'not without TLS');
  const { hostname, port } = new URL(service.service.addresses.https ?? '');
  const told = await new Promise<string>((resolve, reject) => {
    let text = '';
    const socket = connect({ host: hostname, port: Number(port), ca: service.root }, () => socket.write(`GET /acme/issuing/directory HTTP/1.1\r\nHost: evil.example:${port}\r\nConnection: close\r\n\r\n`));
    socket.on('data', (bytes: Buffer) => { text += bytes.toString(); }).on('end', () => resolve(text)).on('error', reject);
  });
  t.match(told, /^HTTP\/1.1 200[^]*newNonce":"https:\/\/127/);
  t.notMatch(told, /evil/, 'a host that is none of ours is not repeated');
});
