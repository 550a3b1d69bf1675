import { X509Certificate } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { parseOcspResponse } from '../../src/x509/ocsp-response-reader.ts';
import { otherProcess } from '../chaos/other-process.ts';
import { certId, file, FORMS, ocspRequest } from '../helpers/ocsp.ts';
import { makeCsr, openssl } from '../helpers/openssl.ts';
import { type Call, type Reply, startTestService, type TestService, type TestServiceOptions } from '../helpers/service.ts';

t.setTimeout(180_000);

const REQUEST = 'application/ocsp-request';
const RESPONSE = 'application/ocsp-response';
const DAY = 86_400_000;

interface Issued {
  readonly serial: string;
  readonly certificate: string;
  readonly chain: readonly string[];
}

interface World {
  readonly chancery: TestService;
  readonly issued: (name: string) => Promise<Issued>;
  readonly revoke: (serial: string, reason?: string) => Promise<Reply>;
  readonly id: (serial: string, form?: (typeof FORMS)[number]) => Uint8Array;
  readonly post: (body: Uint8Array | string, call?: Call, path?: string) => Promise<Reply>;
  readonly get: (request: Uint8Array, call?: Call) => Promise<Reply>;
}

async function world(t: Test, options: TestServiceOptions = {}): Promise<World> {
  const chancery = await startTestService(t, options);
  const issued = async (name: string): Promise<Issued> =>
    (await chancery.call('POST', '/v1/requests?profile=server', { certificate: chancery.operator, headers: { 'content-type': 'application/pkcs10' }, body: readFileSync(makeCsr(chancery.folder, name, { san: `DNS:${name}.example.com` }).csr) })).json;
  return {
    chancery, issued,
    revoke: (serial, reason = 'superseded') => chancery.call('POST', `/v1/certificates/${serial}/revoke`, { certificate: chancery.operator, body: { reason } }),
    id: (serial, form) => certId(chancery.service.core.authorities.issuing, serial, form),
    post: (body, call = {}, path = '/ocsp/issuing') => chancery.plain('POST', path, { ...call, headers: { 'content-type': REQUEST, ...call.headers }, body }),
    get: (request, call = {}) => chancery.plain('GET', `/ocsp/issuing/${encodeURIComponent(Buffer.from(request).toString('base64'))}`, call),
  };
}

/** What an answer says: the status of each certificate, or why there is none. */
const saysOf = (bytes: Uint8Array): string => {
  const { status, basic } = parseOcspResponse(bytes);
  return basic === undefined ? status : basic.responses.map(({ certStatus }) => certStatus.status).join();
};
const says = ({ bytes }: Reply): string => saysOf(bytes);

/** A program of others', which asks us over the network. */
const run = (command: string, ...args: readonly string[]): Promise<{ readonly status: number | null; readonly text: string }> => new Promise((resolve, reject) => {
  const child = spawn(command, args);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (text += String(data)));
  child.once('error', reject);
  child.once('close', (status) => resolve({ status, text }));
});

t.test('OpenSSL and GnuTLS ask, and verify by the root alone', async (t) => {
  const { chancery, issued, revoke } = await world(t);
  const [good, bad] = [await issued('good'), await issued('bad')];
  await revoke(bad.serial, 'keyCompromise');
  const { folder, service: { addresses: { http } } } = chancery;
  const root = file(folder, 'root.pem', chancery.root);
  const issuer = file(folder, 'issuer.pem', good.chain[0] as string);
  const leaf = { good: file(folder, 'good.pem', good.certificate), bad: file(folder, 'bad.pem', bad.certificate) };
  const url = new X509Certificate(good.certificate).infoAccess?.match(/OCSP - URI:(\S+)/)?.[1] as string;
  t.equal(url, `${http}/ocsp/issuing`, 'the certificate says where');

  const ask = async (...args: readonly string[]): Promise<string> => (await run('openssl', 'ocsp', '-issuer', issuer, '-CAfile', root, '-url', url, ...args)).text;
  for (const args of [[], ['-no_nonce'], ['-sha256'], ['-sha1', '-no_nonce'], ['-sha256', '-no_nonce']]) {
    const text = await ask(...args, '-cert', leaf.good);
    t.match(text, 'Response verify OK', args.join(' '));
    t.match(text, ': good');
    t.notMatch(text, 'WARNING');
  }
  const several = await ask('-cert', leaf.good, '-cert', leaf.bad, '-sha256', '-serial', '0x7fffffffffffffffffffffffffffff01', '-serial', `0x${good.serial}`);
  t.match(several, 'Response verify OK');
  t.match(several, /good\.pem: good[^]*bad\.pem: revoked[^]*Reason: keyCompromise[^]*ff01: unknown[^]*good/);
  const other = await run('openssl', 'ocsp', '-issuer', root, '-CAfile', root, '-url', url, '-cert', leaf.good);
  t.match(other.text, 'Responder Error: unauthorized', 'a certificate of another issuer');
  const ofIssuing = await run('openssl', 'ocsp', '-issuer', root, '-CAfile', root, '-url', `${http}/ocsp/root`, '-cert', issuer);
  t.match(ofIssuing.text, /Response verify OK[^]*issuer\.pem: good/, 'the root speaks for the issuing authority');

  const gnutls = async (name: keyof typeof leaf, ...args: readonly string[]): Promise<{ readonly status: number | null; readonly text: string }> =>
    run('ocsptool', `--ask=${url}`, `--load-cert=${leaf[name]}`, `--load-issuer=${issuer}`, `--load-trust=${issuer}`, ...args);
  if ((await run('ocsptool', '--version').catch(() => undefined)) === undefined) return t.comment('no ocsptool: apt-get install gnutls-bin');
  for (const args of [[], ['--nonce']]) {
    t.match((await gnutls('good', ...args)).text, /Certificate Status: good[^]*Verifying OCSP Response: Success|OCSP Response Status: Successful[^]*good[^]*Success/, `ocsptool ${args.join(' ')}`);
    t.match((await gnutls('bad', ...args)).text, /Certificate Status: revoked/);
  }
});

t.test('by GET as caches do: validators, times, and 304 for who has the answer (RFC 5019)', async (t) => {
  const { chancery, issued, id, get, revoke } = await world(t);
  const { serial } = await issued('cached');
  const request = ocspRequest([id(serial)]);
  const reply = await get(request);
  t.equal(reply.status, 200);
  t.equal(reply.headers['content-type'], RESPONSE);
  t.equal(says(reply), 'good');
  const { thisUpdate, nextUpdate } = parseOcspResponse(reply.bytes).basic?.responses[0] ?? {};
  t.equal(reply.headers['last-modified'], new Date(Number(thisUpdate) * 1000).toUTCString());
  t.equal(reply.headers.expires, new Date(Number(nextUpdate) * 1000).toUTCString());
  t.equal(reply.headers['cache-control'], 'max-age=300, public, no-transform, must-revalidate');
  t.match(reply.headers.etag, /^"[0-9a-f]{32}"$/);
  t.equal(Number(reply.headers['content-length']), reply.bytes.length);

  t.strictSame((await get(request)).bytes, reply.bytes, 'the same octets again, from memory');
  const unchanged = await get(request, { headers: { 'if-none-match': String(reply.headers.etag) } });
  t.equal(unchanged.status, 304);
  t.equal(unchanged.bytes.length, 0);
  t.equal(unchanged.headers.etag, reply.headers.etag);
  t.equal((await get(request, { headers: { 'if-modified-since': String(reply.headers['last-modified']) } })).status, 304);
  t.equal((await get(request, { headers: { 'if-none-match': '"other"' } })).status, 200);
  const path = `/ocsp/issuing/${encodeURIComponent(Buffer.from(request).toString('base64'))}`;
  const head = await chancery.plain('HEAD', path);
  t.equal(head.status, 200);
  t.equal(head.bytes.length, 0);
  t.equal(Number(head.headers['content-length']), reply.bytes.length);
  t.equal(head.headers.etag, reply.headers.etag);
  t.strictSame((await chancery.call('GET', path)).bytes, reply.bytes, 'over TLS too');

  await revoke(serial);
  for (const headers of [{ 'if-none-match': String(reply.headers.etag) }, { 'if-modified-since': String(reply.headers['last-modified']) }]) {
    const after = await get(request, { headers });
    t.equal(after.status, 200, 'whoever has the answer from before the revocation gets the new one, be it of the same second');
    t.equal(says(after), 'revoked');
  }

  // The same for a hold that is released: within the second there is an answer from before.
  const held = (await issued('held')).serial;
  const about = ocspRequest([id(held)]);
  await revoke(held, 'certificateHold');
  const onHold = await get(about);
  t.equal(says(onHold), 'revoked');
  t.equal((await chancery.call('POST', `/v1/certificates/${held}/release`, { certificate: chancery.operator })).status, 200);
  const released = await get(about, { headers: { 'if-modified-since': new Date(Date.now() + 5000).toUTCString() } });
  t.equal(released.status, 200, 'whoever has the answer of the hold gets the new one');
  t.equal(says(released), 'good');
});

t.test('a path as clients really write it', async (t) => {
  const { chancery, issued, id, get } = await world(t);
  // Until base64 has both of its characters that URLs treat apart, and needs its padding.
  let request = new Uint8Array(0);
  for (let i = 0; ; i++) {
    request = Uint8Array.from(ocspRequest([id((await issued(`path${i}`)).serial, 'sha256')]));
    if (/^(?=.*\/)(?=.*\+).*=$/.test(Buffer.from(request).toString('base64'))) break;
    if (i > 60) return t.fail('no such request');
  }
  const expected = (await get(request)).bytes;
  const base64 = Buffer.from(request).toString('base64');
  const forms: Readonly<Record<string, string>> = {
    'nothing encoded': `/ocsp/issuing/${base64}`,
    'two slashes before it': `/ocsp/issuing//${encodeURIComponent(base64)}`,
    'three slashes, nothing encoded': `/ocsp/issuing///${base64}`,
    'an encoded slash before it': `/ocsp/issuing/%2F${encodeURIComponent(base64)}`,
    'lower-case hex': `/ocsp/issuing/${encodeURIComponent(base64).replace(/%../g, (text) => text.toLowerCase())}`,
    'slashes as they are, the rest encoded': `/ocsp/issuing/${encodeURIComponent(base64).replaceAll('%2F', '/')}`,
    'the plus a space': `/ocsp/issuing/${encodeURIComponent(base64).replaceAll('%2B', '%20')}`,
    'no padding': `/ocsp/issuing/${encodeURIComponent(base64.replace(/=+$/, ''))}`,
    'every character encoded': `/ocsp/issuing/${base64.replace(/./g, (char) => `%${char.charCodeAt(0).toString(16)}`)}`,
    'a query behind it': `/ocsp/issuing/${encodeURIComponent(base64)}?x=1`,
  };
  for (const [name, path] of Object.entries(forms)) {
    const reply = await chancery.plain('GET', path);
    t.equal(reply.status, 200, name);
    t.strictSame(reply.bytes, expected, name);
  }
});

t.test('faults of HTTP have their status, faults of the request an answer that says so', async (t) => {
  const { chancery, issued, id, post, get } = await world(t);
  const { serial } = await issued('faults');
  const request = ocspRequest([id(serial)]);
  const status = async (reply: Promise<Reply>): Promise<number> => (await reply).status;
  for (const [name, path] of [['plain', chancery.plain], ['tls', chancery.call]] as const) {
    const send = (method: string, to: string, headers: Record<string, string>, body?: Uint8Array | string) => path(method, to, { headers, ...(body === undefined ? {} : { body }) });
    t.equal(await status(send('POST', '/ocsp/issuing', { 'content-type': REQUEST }, request)), 200, name);
    t.equal(await status(send('POST', '/ocsp/issuing', { 'content-type': 'application/json' }, '{}')), 415, name);
    t.equal(await status(send('POST', '/ocsp/issuing', {}, request)), 415, 'no content type');
    t.equal(await status(send('PUT', '/ocsp/issuing', { 'content-type': REQUEST }, request)), 405);
    t.equal(await status(send('GET', '/ocsp/issuing', {})), 405);
    t.equal(await status(send('POST', '/ocsp/issuing', { 'content-type': REQUEST }, new Uint8Array(16_385))), 413);
    t.equal(await status(send('POST', '/ocsp/nobody', { 'content-type': REQUEST }, request)), 404);
    t.equal(await status(send('GET', '/ocsp/nobody/MAA=', {})), 404);
    t.equal(await status(send('GET', `/ocsp/issuing/${'A'.repeat(5000)}`, {})), 414);
    t.equal(await status(send('GET', `/ocsp/issuing/${'A'.repeat(10_000)}`, {})), 414);
    t.equal(await status(send('GET', `/ocsp/issuing/${'A'.repeat(20_000)}`, {})), 431, 'more than all headers may have');
    t.equal(await status(send('GET', '/ocsp/issuing/%', {})), 400);
  }
  t.equal((await chancery.plain('GET', `/ocsp/issuing/${'A'.repeat(5000)}`)).headers['content-type'], 'application/problem+json');

  for (const body of ['not ocsp', '', Buffer.from(request).subarray(1), Buffer.concat([request, Buffer.of(0)]), ocspRequest([id(serial)], new Uint8Array(129)), ocspRequest([id(serial)], new Uint8Array(0))]) {
    const reply = await post(body);
    t.equal(reply.status, 200);
    t.equal(reply.headers['content-type'], RESPONSE);
    t.equal(says(reply), 'malformedRequest');
    t.equal(reply.headers['cache-control'], 'no-store');
  }
  for (const path of ['', 'MAA=', 'garbage', '%00', '....', 'M%2', '=====', `${'='.repeat(4000)}x`]) {
    const reply = await chancery.plain('GET', `/ocsp/issuing/${path}`);
    if (path === 'M%2') t.equal(reply.status, 400);
    else t.equal(says(reply), 'malformedRequest', path);
  }
  const withNonce = await get(ocspRequest([id(serial)], new Uint8Array(32).fill(1)));
  t.equal(says(withNonce), 'good');
  t.equal(withNonce.headers['cache-control'], 'no-store', 'an answer with a nonce is for one');
  t.equal(withNonce.headers.etag, undefined);
});

t.test('good only of what was issued here, revoked of what is revoked, unknown of all else', async (t) => {
  const { chancery, issued, id, post, revoke } = await world(t);
  const { serial } = await issued('known');
  const one = async (bytes: Uint8Array): Promise<string> => says(await post(ocspRequest([bytes])));
  for (const form of FORMS) t.equal(await one(id(serial, form)), 'good', form);
  const others = [
    '01', 'ff', serial.slice(2), `${serial.slice(0, -2)}00`, `7f${serial.slice(2)}`,
    chancery.service.core.authorities.issuing.certificate.serial, chancery.service.core.authorities.root.certificate.serial,
  ];
  for (const other of others) t.equal(await one(id(other)), 'unknown', other);
  const { root } = chancery.service.core.authorities;
  t.equal(says(await post(ocspRequest([certId(root, serial)]), {}, '/ocsp/root')), 'unknown', 'issued, but not by the root');
  t.equal(says(await post(ocspRequest([certId(root, chancery.service.core.authorities.issuing.certificate.serial)]), {}, '/ocsp/root')), 'good');
  t.equal(says(await post(ocspRequest([certId(root, serial)]))), 'unauthorized', 'another authority is not answered for');
  t.equal(says(await post(ocspRequest([id(serial), certId(root, serial)]))), 'good,unknown');

  // A request that waits has a serial number already, and no certificate.
  await chancery.restart({ CHANCERY_PROFILES__SERVER__APPROVAL: 'true' });
  const waiting = (await issued('waiting')).serial ?? (await chancery.service.core.store.requests.list({ state: 'pending' }, { limit: 1 })).items[0]?.id as string;
  t.equal(await one(id(waiting)), 'unknown', 'not issued yet');
  const { json: { key: bearer } } = await chancery.call('POST', '/v1/api-keys', { certificate: chancery.operator, body: { name: 'another', scopes: ['approve'] } });
  t.equal((await chancery.call('POST', `/v1/requests/${waiting}/approve`, { bearer, body: {} })).status, 200);
  t.equal(await one(id(waiting)), 'good', 'what was unknown a moment ago was not kept');

  await revoke(serial, 'affiliationChanged');
  for (const form of FORMS) t.equal(await one(id(serial, form)), 'revoked', form);
  const { basic } = parseOcspResponse((await post(ocspRequest([id(serial)]))).bytes);
  const { revocation } = (await chancery.call('GET', `/v1/certificates/${serial}`)).json;
  t.match(basic?.responses[0]?.certStatus, { status: 'revoked', reason: 'affiliationChanged', at: Date.parse(revocation.at ?? revocation.revokedAt) / 1000 });
});

t.test('a nonce comes back, and is never in an answer that did not have it', async (t) => {
  const { issued, id, post } = await world(t);
  const { serial } = await issued('nonce');
  for (const octets of [1, 16, 32, 128]) {
    const nonce = Buffer.alloc(octets, octets);
    t.strictSame(parseOcspResponse((await post(ocspRequest([id(serial)], nonce))).bytes).basic?.nonce, nonce, `${octets}`);
    t.equal(parseOcspResponse((await post(ocspRequest([id(serial)]))).bytes).basic?.nonce, undefined);
  }
});

t.test('no answer is from before a revocation that was acknowledged', async (t) => {
  const { issued, id, get, post, revoke } = await world(t);
  const certificates = await Promise.all(Array.from({ length: 6 }, (_, index) => issued(`race${index}`)));
  await Promise.all(certificates.map(async ({ serial }) => {
    let acknowledged = false;
    const wrong: string[] = [];
    const asking = (async () => {
      for (let i = 0; i < 60; i++) {
        const before = acknowledged;
        const reply = await (i % 3 === 0 ? post(ocspRequest([id(serial)], new Uint8Array(16))) : i % 3 === 1 ? post(ocspRequest([id(serial)])) : get(ocspRequest([id(serial, 'sha256')])));
        if (before && says(reply) !== 'revoked') wrong.push(`${i}: ${says(reply)}`);
      }
    })();
    await new Promise((resolve) => setTimeout(resolve, 20));
    t.equal((await revoke(serial)).status, 200);
    acknowledged = true;
    await asking;
    t.strictSame(wrong, []);
  }));
});

t.test('what another process revokes is in the answers of this one within a second', async (t) => {
  const { chancery, issued, id, get } = await world(t);
  const other = await otherProcess(`embedded:${join(chancery.config.data, 'store')}`);
  t.teardown(() => other.end());
  const late: number[] = [];
  for (let i = 0; i < 5; i++) {
    const { serial } = await issued(`other${i}`);
    const request = ocspRequest([id(serial)]);
    t.equal(says(await get(request)), 'good');
    await other.revoke(serial, { at: Math.floor(Date.now() / 1000), reason: 'superseded' });
    const started = performance.now();
    while (says(await get(request)) === 'good') await new Promise((resolve) => setTimeout(resolve, 5));
    late.push(performance.now() - started);
  }
  t.ok(Math.max(...late) < 1000, `after at most ${Math.max(...late).toFixed(0)} ms`);
});

t.test('the certificate that signs answers: short-lived, kept with its key for the owner alone, renewed in time and taken up', async (t) => {
  let now = Date.now();
  const { chancery, issued, id, post } = await world(t, { clock: () => now });
  const { serial } = await issued('life');
  const path = join(chancery.config.data, 'ocsp', 'issuing', 'responder.pem');
  t.equal(statSync(path).mode & 0o777, 0o600);
  t.equal(statSync(join(chancery.config.data, 'ocsp')).mode & 0o777, 0o700);
  const signer = async (): Promise<X509Certificate> => new X509Certificate(parseOcspResponse((await post(ocspRequest([id(serial)]))).bytes).basic?.certificates[0] as Uint8Array);
  const first = await signer();
  const record = await chancery.service.core.store.certificates.get(first.serialNumber.toLowerCase());
  t.match(record, { profile: 'ocsp', authority: 'issuing', requester: { kind: 'service', name: 'ocsp-issuing' } });
  t.equal(Date.parse(first.validTo) - Date.parse(first.validFrom), 7 * DAY + 59_000, 'seven days, and the minute before');
  t.equal(says(await post(ocspRequest([id(first.serialNumber.toLowerCase())]))), 'good', 'the service answers for its own certificates');

  await chancery.restart();
  t.equal((await signer()).serialNumber, first.serialNumber, 'a restart keeps it');
  now += 4.8 * DAY;
  await chancery.restart();
  const second = await signer();
  t.not(second.serialNumber, first.serialNumber, 'past two thirds of its life');

  await chancery.call('POST', `/v1/certificates/${second.serialNumber.toLowerCase()}/revoke`, { certificate: chancery.operator, body: { reason: 'keyCompromise' } });
  await chancery.restart();
  t.not((await signer()).serialNumber, second.serialNumber, 'a revoked one signs no more');
  writeFileSync(path, 'damaged');
  await chancery.restart();
  const third = await signer();
  t.equal(third.issuer, second.issuer, 'a damaged file is made anew');
  chmodSync(path, 0o644);
  await chancery.restart();
  t.not((await signer()).serialNumber, third.serialNumber, 'and so is a key that others may have read');
  t.equal(statSync(path).mode & 0o777, 0o600);
  const page = await (await fetch(`${chancery.service.addresses.metrics}/metrics`)).text();
  t.match(page, /chancery_ocsp_responder_end_seconds\{authority="issuing"\} \d{10}/);
  t.match(page, /chancery_ocsp_answers_total\{outcome="good",kept="false"\} 1/);
});

t.test('an answer ends with the certificate of its signer at the latest, and is renewed at half of its life', async (t) => {
  let now = Date.now();
  const { chancery, issued, id, get } = await world(t, { clock: () => now, settings: { CHANCERY_OCSP__LIFETIME: '1h', CHANCERY_OCSP__RESPONDER_LIFETIME: '3h', CHANCERY_OCSP__MAX_AGE: '10m' } });
  const { serial } = await issued('half');
  const request = ocspRequest([id(serial)]);
  const times = async (): Promise<{ readonly thisUpdate: number; readonly nextUpdate: number }> => {
    const { thisUpdate, nextUpdate } = parseOcspResponse((await get(request)).bytes).basic?.responses[0] ?? {};
    return { thisUpdate: thisUpdate as number, nextUpdate: nextUpdate as number };
  };
  const first = await times();
  t.equal(first.nextUpdate - first.thisUpdate, 3600);
  now += 29 * 60_000;
  t.same(await times(), first, 'kept');
  now += 2 * 60_000;
  t.equal((await times()).thisUpdate, first.thisUpdate + 31 * 60);
  now += 2 * 3_600_000;
  const late = await times();
  t.equal(late.nextUpdate, Math.floor(Date.parse(new X509Certificate(parseOcspResponse((await get(request)).bytes).basic?.certificates[0] as Uint8Array).validTo) / 1000), 'no longer than its signer');
  now += 3_600_000;
  t.equal(says(await get(request)), 'tryLater', 'and nothing after that, until there is another signer');
  const ready = (await chancery.plain('GET', '/readyz')).json.checks.find(({ name }: { name: string }) => name === 'ocsp');
  t.strictSame(ready, { name: 'ocsp', ok: true, detail: 'OCSP answers tryLater for root, issuing: there is no valid certificate to sign with' });
  await chancery.restart();
  t.equal(says(await get(request)), 'good');
});

t.test('a certificate that has ended is answered with how far back the service remembers', async (t) => {
  let now = Date.now();
  const { chancery, issued, id, post } = await world(t, { clock: () => now, settings: { CHANCERY_PROFILES__SERVER__LIFETIME: '2d' } });
  const { serial } = await issued('ended');
  t.equal(parseOcspResponse((await post(ocspRequest([id(serial)]))).bytes).basic?.responses[0]?.archiveCutoff, undefined);
  now += 3 * DAY;
  await chancery.restart();
  const answer = parseOcspResponse((await post(ocspRequest([id(serial)]))).bytes).basic?.responses[0];
  t.equal(answer?.certStatus.status, 'good');
  t.equal(answer?.archiveCutoff, (answer?.thisUpdate as number) - 90 * 86_400);
});

t.test('by name in the place of key; off; and not for a root whose key is away', async (t) => {
  const { chancery, issued, id, post, get } = await world(t, { settings: { CHANCERY_OCSP__RESPONDER_ID: 'name' } });
  const { serial } = await issued('named');
  const { basic } = parseOcspResponse((await post(ocspRequest([id(serial)]))).bytes);
  const name = basic !== undefined && 'name' in basic.responderId ? basic.responderId.name : Buffer.alloc(0);
  t.match(Buffer.from(name).toString('latin1'), 'OCSP responder of issuing');
  const view = async () => (await chancery.call('GET', '/v1/authorities/issuing')).json;
  t.strictSame((await view()).ocsp, [`${chancery.service.addresses.http}/ocsp/issuing`]);

  await chancery.restart({ CHANCERY_OCSP__SERVE: 'false' });
  t.equal((await post(ocspRequest([id(serial)]))).status, 404);
  t.equal((await get(ocspRequest([id(serial)]))).status, 404);
  t.strictSame((await view()).ocsp, []);
  t.notMatch(new X509Certificate((await issued('off')).certificate).infoAccess ?? '', 'OCSP');

  rmSync(join(chancery.config.data, 'authorities', 'root', 'key.pem'));
  await chancery.restart();
  t.equal((await post(ocspRequest([certId(chancery.service.core.authorities.root, '01')]), {}, '/ocsp/root')).status, 404);
  t.strictSame((await chancery.call('GET', '/v1/authorities/root')).json.ocsp, []);

  await chancery.restart({ CHANCERY_PROFILES__SERVER__AUTHORITY_INFORMATION_ACCESS: 'false' });
  t.equal(new X509Certificate((await issued('without')).certificate).infoAccess, undefined, 'a profile may leave it out');
});

t.test('with a passphrase the responder\'s key is encrypted too', async (t) => {
  const { chancery, issued, id, post } = await world(t, { settings: { CHANCERY_AUTHORITY__PASSPHRASE: 'correct horse' } });
  const { serial } = await issued('secret');
  t.match(readFileSync(join(chancery.config.data, 'ocsp', 'issuing', 'responder.pem'), 'utf8'), /^-----BEGIN ENCRYPTED PRIVATE KEY-----/);
  t.equal(says(await post(ocspRequest([id(serial)]))), 'good');
});

t.test('for authorities with other keys, and for one that is its own root', async (t) => {
  for (const init of [{ algorithm: 'P-384' }, { algorithm: 'Ed25519' }, { algorithm: 'RSA-2048' }, { mode: 'self-signed' }] as const) {
    const { chancery, issued, revoke } = await world(t, { init });
    const { serial, certificate, chain } = await issued('any');
    const { folder, service: { addresses: { http } } } = chancery;
    const root = file(folder, 'root.pem', chancery.root);
    const [issuer, leaf] = [file(folder, 'issuer.pem', chain[0] ?? chancery.root), file(folder, 'leaf.pem', certificate)];
    const ask = async (): Promise<string> => (await run('openssl', 'ocsp', '-issuer', issuer, '-CAfile', root, '-url', `${http}/ocsp/issuing`, '-cert', leaf)).text;
    t.match(await ask(), /Response verify OK[^]*: good/, JSON.stringify(init));
    await revoke(serial, 'cessationOfOperation');
    t.match(await ask(), /Response verify OK[^]*: revoked[^]*cessationOfOperation/);
  }
});

t.test('after another authority has taken over, each answers for its own, and the root for both', async (t) => {
  const { chancery, issued, revoke, post } = await world(t);
  const before = await issued('before');
  const { csr, key } = makeCsr(chancery.folder, 'next', { subject: '/CN=Issuing 2' });
  const next = (await chancery.call('POST', '/v1/requests?profile=subordinate', { certificate: chancery.operator, headers: { 'content-type': 'application/pkcs10' }, body: readFileSync(csr) })).json;
  const folder = join(chancery.config.data, 'authorities', 'issuing-2');
  mkdirSync(folder, { mode: 0o700 });
  writeFileSync(join(folder, 'key.pem'), openssl('pkcs8', '-topk8', '-nocrypt', '-in', key), { mode: 0o600 });
  writeFileSync(join(folder, 'cert.pem'), next.certificate);
  await chancery.restart({ CHANCERY_AUTHORITY__ISSUING: 'issuing-2' });
  const after = await issued('after');
  const { authorities } = chancery.service.core;
  const ask = async (authority: string, serial: string): Promise<string> => {
    const found = authorities.all.find(({ name }) => name === authority);
    return found === undefined ? 'no such authority' : says(await post(ocspRequest([certId(found, serial)]), {}, `/ocsp/${authority}`));
  };
  t.equal(await ask('issuing', before.serial), 'good');
  t.equal(await ask('issuing-2', after.serial), 'good');
  t.equal(await ask('issuing-2', before.serial), 'unknown');
  await revoke(before.serial);
  t.equal(await ask('issuing', before.serial), 'revoked');
  t.equal(await ask('root', next.serial), 'good', 'an authority with a record');
  t.equal(await ask('root', authorities.all.find(({ name }) => name === 'issuing')?.certificate.serial as string), 'good', 'and one without');
  for (const [name, serial] of [['issuing-2', next.serial], ['issuing', authorities.all.find((one) => one.name === 'issuing')?.certificate.serial as string]]) {
    t.equal((await chancery.call('POST', `/v1/authorities/${name}/revoke`, { certificate: chancery.operator, body: { reason: 'cACompromise' } })).status, 200);
    t.equal(await ask('root', serial), 'revoked', 'at once');
  }
  t.equal(await ask('issuing-2', after.serial), 'good', 'what it signed is judged by itself: that its issuer is revoked is the root\'s to say');
});

t.test('what a profile of one\'s own does to the responder is told, and everything else goes on', async (t) => {
  const { chancery, issued, id, post } = await world(t, { settings: { CHANCERY_PROFILES__OCSP__NAMES__KINDS: 'dns' } });
  const { serial } = await issued('refused');
  t.equal(says(await post(ocspRequest([id(serial)]))), 'tryLater');
  t.match(chancery.logged.join(''), /"OCSP responder of issuing\\" is a name of kind text/);
  await chancery.restart({
    CHANCERY_PROFILES__OCSP__NAMES__KINDS: 'dns,text', CHANCERY_PROFILES__OCSP__KEY_TYPES: 'P-384', CHANCERY_PROFILES__OCSP__LIFETIME: '1d',
    CHANCERY_PROFILES__OCSP__MAX_LIFETIME: '2d',
  });
  const reply = await post(ocspRequest([id(serial)]));
  t.equal(says(reply), 'good');
  const signer = new X509Certificate(parseOcspResponse(reply.bytes).basic?.certificates[0] as Uint8Array);
  t.equal(signer.publicKey.asymmetricKeyDetails?.namedCurve, 'secp384r1');
  t.equal(Math.round((Date.parse(signer.validTo) - Date.parse(signer.validFrom)) / DAY), 2);
});
