import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parseCrl, revokedEntries } from '../../src/x509/crl.ts';
import { encodePem } from '../../src/x509/pem.ts';
import { makeCsr, openssl } from '../helpers/openssl.ts';
import { type Reply, startTestService } from '../helpers/service.ts';
import { API, authenticated } from './client.ts';

const KEY = '00112233445566778899aabbccddeeff';
const OLD = 'ffeeddccbbaa99887766554433221100';
const service = await startTestService(t, {
  settings: {
    CHANCERY_CFSSL__ENABLED: 'true',
    CHANCERY_CFSSL__KEYS__BUILDS__KEY: KEY, CHANCERY_CFSSL__KEYS__BUILDS__PREVIOUS_KEY: OLD, CHANCERY_CFSSL__KEYS__BUILDS__PROFILES: 'server', CHANCERY_CFSSL__KEYS__BUILDS__NAMES: '**.example.com',
    CHANCERY_CFSSL__KEYS__BUILDS__ORGANIZATIONS: 'Example', CHANCERY_CFSSL__KEYS__BUILDS__MAX_VALIDITY: '10d',
    CHANCERY_CFSSL__CLIENTS__NODES__PROFILE: 'node', CHANCERY_CFSSL__CLIENTS__NODES__HOLDERS: '*.build.example.com',
    CHANCERY_CFSSL__CLIENTS__NODES__PROFILES: 'server,client', CHANCERY_CFSSL__CLIENTS__NODES__NAMES: '**.example.com',
    CHANCERY_LIMITS__FAILURES_PER_ADDRESS: '0',
  },
});
const { folder, call, operator } = service;
const post = (name: string, body: object | string, more: object = {}): Promise<Reply> => call('POST', `${API}/${name}`, { body, ...more });
let made = 0;
const csr = (san = 'DNS:a.example.com', options: object = {}): string => readFileSync(makeCsr(folder, `csr${made += 1}`, { san, ...options }).csr, 'utf8');
const authsign = (request: object, key = KEY): Promise<Reply> => post('authsign', authenticated(key, request));
const certificateOf = (reply: Reply): X509Certificate => new X509Certificate(reply.json.result.certificate);
const refusal = ({ status, json }: Reply): unknown[] => [status, json.success, json.result, json.errors[0]?.code];
const nodeCertificate = async (name: string): Promise<{ readonly cert: string; readonly key: string }> => {
  const files = makeCsr(folder, name, { san: `DNS:${name}` });
  const reply = await call('POST', '/v1/requests?profile=node', { headers: { 'content-type': 'application/pkcs10' }, certificate: operator, body: readFileSync(files.csr) });
  t.equal(reply.status, 201, reply.text);
  return { cert: reply.json.certificate, key: readFileSync(files.key, 'utf8') };
};

t.test('authsign: a token by the key yields a certificate, the leaf alone with a line feed', async (t) => {
  const reply = await authsign({ certificate_request: csr(), hosts: ['b.example.com', 'c.example.com'], profile: '' });
  t.equal(reply.status, 200, reply.text);
  t.same([reply.json.success, reply.json.errors, reply.json.messages], [true, [], []]);
  t.match(reply.json.result.certificate, /^-----BEGIN CERTIFICATE-----\n[\s\S]*-----END CERTIFICATE-----\n$/);
  t.equal(reply.json.result.certificate.match(/BEGIN/g).length, 1);
  t.equal(certificateOf(reply).subjectAltName, 'DNS:b.example.com, DNS:c.example.com', 'hosts stand in place of the CSR\'s names');
  const record = await service.service.core.store.certificates.get(certificateOf(reply).serialNumber.toLowerCase());
  t.same(record?.requester, { kind: 'cfssl', name: 'key/builds' });
  t.match(record?.steps.find(({ name }) => name === 'identity')?.reason, /key cfssl\.keys\.builds/);
});

t.test('the previous key is good too, for rotation; another is not, nor a token over something else', async (t) => {
  t.equal((await authsign({ certificate_request: csr() }, OLD)).status, 200);
  const request = { certificate_request: csr() };
  const wrong = await authsign(request, '0123456789abcdef0123456789abcdef');
  t.same(refusal(wrong), [400, false, null, 400]);
  t.equal(wrong.json.errors[0].message, 'invalid token');
  const moved = { ...authenticated(KEY, request), request: authenticated(KEY, { ...request, hosts: ['evil.example.com'] }).request };
  t.equal((await post('authsign', moved)).json.errors[0].message, 'invalid token');
  t.equal((await post('authsign', { ...authenticated(KEY, request), token: 'AAAA' })).json.errors[0].message, 'invalid token');
});

t.test('a token yields one certificate: asked again it is the same, and none once that is revoked', async (t) => {
  const request = { certificate_request: csr('DNS:once.example.com') };
  const first = await authsign(request);
  const again = await authsign(request);
  t.equal(again.json.result.certificate, first.json.result.certificate);
  const serial = certificateOf(first).serialNumber;
  t.equal((await call('POST', `/v1/certificates/${serial}/revoke`, { certificate: operator, body: { reason: 'superseded' } })).status, 200);
  const replayed = await authsign(request);
  t.same(refusal(replayed), [400, false, null, 5300]);
  t.match(replayed.json.errors[0].message, /revoked \(superseded\); make a new CSR/);
  t.equal((await authsign({ ...request, certificate_request: csr('DNS:once.example.com') })).status, 200, 'a new CSR is another token');
});

t.test('what a key may not ask for is refused, recorded, and told with every fault', async (t) => {
  const reply = await authsign({ certificate_request: csr('DNS:www.elsewhere.org'), profile: 'client' });
  t.same(refusal(reply), [400, false, null, 5300]);
  t.match(reply.json.errors[0].message, /www\.elsewhere\.org.*profile client is not allowed/s);
  t.equal((await service.service.core.store.requests.list({ state: 'denied', requester: 'cfssl:key/builds' }, { limit: 10 })).items.length, 1);
  t.same(refusal(await authsign({ certificate_request: csr(), profile: 'nope' })), [400, false, null, 5400]);
  t.same(refusal(await authsign({ certificate_request: csr(), expiry: '1000h' })), [400, false, null, 5300]);
  const week = certificateOf(await authsign({ certificate_request: csr(), expiry: '168h' }));
  t.equal(Math.round((Date.parse(week.validTo) - Date.now()) / 3_600_000), 168);
});

t.test('organizations come into a subject where they are granted; asked for and not granted they are refused', async (t) => {
  const subject = (O: string, OU = ''): object => ({ CN: 'o.example.com', names: [{ C: '', ST: '', L: '', O, OU, SerialNumber: '' }], SerialNumber: '' });
  const hosts = ['o.example.com'];
  t.match(certificateOf(await authsign({ certificate_request: csr(), hosts, subject: subject('Example') })).subject, /^O=Example\nCN=o\.example\.com$/);
  t.same(refusal(await authsign({ certificate_request: csr(), hosts, subject: subject('system:masters') })), [400, false, null, 5300]);
  t.same(refusal(await authsign({ certificate_request: csr(), hosts, subject: subject('Example', 'ops') })), [400, false, null, 5300]);
  const fromCsr = await authsign({ certificate_request: csr('DNS:o.example.com', { subject: '/O=Example/OU=ops/CN=o.example.com' }) });
  t.match(certificateOf(fromCsr).subject, /^O=Example\nCN=o\.example\.com$/, 'of a CSR what is granted is taken, the rest is not');
});

t.test('a renewal keeps the organization that was granted', async (t) => {
  const files = makeCsr(folder, 'renewed', { san: 'DNS:o.example.com', subject: '/O=Example/CN=o.example.com' });
  const { certificate } = (await authsign({ certificate_request: readFileSync(files.csr, 'utf8') })).json.result;
  const holder = { cert: certificate, key: readFileSync(files.key, 'utf8') };
  const reply = await call('POST', '/v1/renewals', { certificate: holder, body: { csr: csr('DNS:o.example.com', { subject: '/CN=o.example.com' }) } });
  t.equal(reply.status, 201, reply.text);
  t.match(new X509Certificate(reply.json.certificate).subject, /^O=Example\nCN=o\.example\.com$/);
  const other = await call('POST', '/v1/renewals', { certificate: holder, body: { csr: csr('DNS:o.example.com', { subject: '/O=Other/CN=o.example.com' }) } });
  t.match(new X509Certificate(other.json.certificate).subject, /^O=Example\nCN=o\.example\.com$/, 'whatever the CSR says');
});

t.test('what only the profile decides is taken from no request; zero values of Go are no wish', async (t) => {
  for (const more of [{ serial: 5 }, { crl_override: 'http://evil' }, { extensions: [{ id: '2.5.29.19', critical: true, value: '30030101ff' }] }, { ReturnPrecert: true }]) {
    t.same(refusal(await authsign({ certificate_request: csr(), ...more })), [400, false, null, 5300], JSON.stringify(more));
  }
  const zero = { crl_override: '', extensions: null, label: '', profile: '', metadata: null, ReturnPrecert: false, NotBefore: '0001-01-01T00:00:00Z', NotAfter: '0001-01-01T00:00:00Z', hosts: null, subject: null };
  t.equal((await authsign({ certificate_request: csr(), ...zero })).status, 200);
  t.same(refusal(await authsign({ certificate_request: csr(), limit: 1 })), [400, false, null, 400]);
  t.same(refusal(await authsign({ certificate_request: csr(), label: 'root' })), [400, false, null, 400], 'a label must be of the authority that signs');
  t.equal((await authsign({ certificate_request: csr(), label: 'issuing' })).status, 200);
  const until = new Date(Date.now() + 5 * 86_400_000).toISOString();
  t.equal(Date.parse(certificateOf(await authsign({ certificate_request: csr(), NotAfter: until })).validTo), Math.floor(Date.parse(until) / 1000) * 1000);
});

t.test('dates: no certificate that begins in years to come, nor one that is over', async (t) => {
  const days = (count: number): string => new Date(Date.now() + count * 86_400_000).toISOString();
  for (const more of [{ NotBefore: days(31) }, { NotBefore: days(730) }, { NotBefore: days(-3) }, { NotBefore: days(-730) }, { NotAfter: days(-1) }, { NotBefore: days(-1), expiry: '1h' }, { NotBefore: days(5), NotAfter: days(4) }]) {
    t.same(refusal(await authsign({ certificate_request: csr(), profile: 'server', ...more })), [400, false, null, 5300], JSON.stringify(more));
  }
  const ahead = certificateOf(await authsign({ certificate_request: csr(), profile: 'server', NotBefore: days(2) }));
  t.equal(Math.round((Date.parse(ahead.validTo) - Date.now()) / 86_400_000), 12);
});

t.test('sign: nobody without credentials; holders of a client certificate by a rule; operators', async (t) => {
  const request = { certificate_request: csr('DNS:s.example.com') };
  const nobody = await post('sign', request);
  t.same(refusal(nobody), [400, false, null, 400]);
  t.equal(nobody.json.errors[0].message, 'authentication required');
  const builder = await nodeCertificate('one.build.example.com');
  const good = await post('sign', { ...request, profile: 'server' }, { certificate: builder });
  t.equal(good.status, 200, good.text);
  t.match((await service.service.core.store.certificates.get(certificateOf(good).serialNumber.toLowerCase()))?.requester, { kind: 'cfssl', name: /^client\/one\.build\.example\.com#/ });
  t.same(refusal(await post('sign', { certificate_request: csr('DNS:www.elsewhere.org'), profile: 'server' }, { certificate: builder })), [400, false, null, 5300]);
  t.same(refusal(await post('sign', request, { certificate: await nodeCertificate('other.example.com') })), [403, false, null, 5300], 'no rule is for it');
  t.equal((await post('sign', request, { certificate: operator })).status, 200);
  t.equal((await post('sign', { certificate_request: csr() }, { bearer: await service.token({ profile: 'server', names: ['a.example.com'] }) })).status, 200);
  t.same(refusal(await post('sign', request, { bearer: 'CHYTKN-1-no' })), [401, false, null, 401]);
});

t.test('a certificate that waits for approval is asked for again, and found', async (t) => {
  await service.restart({ CHANCERY_PROFILES__SERVER__APPROVAL: 'true' });
  const until = new Date(Date.now() + 86_400_000).toISOString();
  const request = { certificate_request: csr('DNS:slow.example.com', { subject: '/O=Example' }), NotAfter: until };
  const waiting = await authsign(request);
  t.same([...refusal(waiting), waiting.headers['retry-after']], [503, false, null, 503, '10']);
  const [{ id }] = (await call('GET', '/v1/requests?state=pending', { certificate: operator })).json.items;
  t.equal((await call('POST', `/v1/requests/${id}/approve`, { certificate: operator, body: { reason: 'fine' } })).status, 200);
  const found = await authsign(request);
  t.equal(found.status, 200, found.text);
  t.equal(certificateOf(found).serialNumber.toLowerCase(), id);
  t.match(certificateOf(found).subject, /^O=Example$/, 'with the organization that was granted when it was asked for');
  t.equal(Date.parse(certificateOf(found).validTo), Math.floor(Date.parse(until) / 1000) * 1000, 'and the end that was asked for');
  await service.restart();
});

t.test('bad CSRs and bad calls are told in cfssl\'s codes', async (t) => {
  const cases: readonly (readonly [object | string, number])[] = [
    ['{', 400], ['{"certificate_request":1}', 400], [{}, 400], [{ certificate_request: 'x' }, 9002],
    [{ certificate_request: '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n' }, 9003],
    [{ certificate_request: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' }, 9300],
    [{ certificate_request: csr(), expiry: 'long' }, 400], [{ certificate_request: csr(), NotAfter: 'soon' }, 400], [{ certificate_request: csr(), hosts: 'a' }, 400],
    [{ certificate_request: csr(), hostname: Array.from({ length: 1001 }, (_, at) => `n${at}.x`).join(',') }, 400],
  ];
  for (const [body, code] of cases) t.same(refusal(await post('sign', body, { certificate: operator, headers: { 'content-type': 'application/json' } })), [400, false, null, code], JSON.stringify(body).slice(0, 80));
  const forged = Buffer.from(csr().replace(/-----.*-----|\s/g, ''), 'base64');
  forged[forged.length - 5] = (forged[forged.length - 5] ?? 0) ^ 1;
  t.same(refusal(await post('sign', { certificate_request: encodePem('CERTIFICATE REQUEST', forged) }, { certificate: operator })), [400, false, null, 9300]);
  t.same(refusal(await call('GET', `${API}/sign`)), [405, false, null, 405]);
  t.same(refusal(await post('sign', 'x'.repeat(70_000), { headers: { 'content-type': 'application/json' } })), [413, false, null, 413]);
  t.same(refusal(await post('sign', 'x', { headers: { 'content-type': 'text/plain' } })), [415, false, null, 415]);
  t.same(refusal(await post('sign', {}, { headers: { origin: 'https://elsewhere.example' } })), [403, false, null, 403], 'a web page cannot use the certificate of who looks at it');
  t.equal((await service.plain('POST', `${API}/sign`, { body: {} })).status, 403, 'not without TLS');
  for (const text of service.logged) t.notMatch(text, new RegExp(`${KEY}|${OLD}`));
});

t.test('info: who signs, what for, how long; for everybody', async (t) => {
  const { json } = await post('info', JSON.stringify({ label: '' }), { headers: { 'content-type': 'application/x-www-form-urlencoded' } });
  t.same([json.result.usages, json.result.expiry], [['digital signature', 'key encipherment', 'server auth'], '720h']);
  t.equal(new X509Certificate(json.result.certificate).subject, service.service.core.authorities.issuing.certificate.subjectName.map(({ value }) => `CN=${value}`).join('\n'));
  t.notOk(json.result.certificate.endsWith('\n'));
  t.same((await post('info', { profile: 'node' })).json.result.usages, ['digital signature', 'key encipherment', 'server auth', 'client auth']);
  t.equal(new X509Certificate((await post('info', { label: 'root' })).json.result.certificate).checkIssued(new X509Certificate(service.root)), true);
  for (const body of [{ label: 'nope' }, { label: 'root', profile: 'server' }, { label: 1 }, { unknown: 'x' }]) t.same(refusal(await post('info', body)), [400, false, null, 400]);
  t.same(refusal(await post('info', { profile: 'nope' })), [400, false, null, 5400]);
});

t.test('revoke: in decimal, by an operator, with the authority\'s key id; the CRL of crl lists it', async (t) => {
  const certificate = certificateOf(await authsign({ certificate_request: csr() }));
  const serial = BigInt(`0x${certificate.serialNumber}`).toString();
  const authority_key_id = Buffer.from(service.service.core.authorities.issuing.subjectKeyId).toString('hex');
  const body = { serial, authority_key_id, reason: 'Superseded' };
  t.same(refusal(await post('revoke', body)), [401, false, null, 401]);
  t.same(refusal(await post('revoke', body, { bearer: (await call('POST', '/v1/api-keys', { certificate: operator, body: { name: 'reader', scopes: ['read'] } })).json.key })), [403, false, null, 5300]);
  for (const [wrong, status, code] of [[{ ...body, serial: '12' }, 404, 11_200], [{ ...body, authority_key_id: '00' }, 404, 11_200], [{ ...body, serial: 'ab' }, 400, 400], [{ serial }, 400, 400], [{ ...body, serial: '' }, 400, 400], [{ ...body, reason: 'bored' }, 400, 400]] as const) {
    t.same(refusal(await post('revoke', wrong, { certificate: operator })), [status, false, null, code], JSON.stringify(wrong));
  }
  t.same((await post('revoke', body, { certificate: operator })).json, { success: true, result: {}, errors: [], messages: [] });
  t.equal((await post('revoke', body, { certificate: operator })).status, 200, 'once more changes nothing');
  t.same(refusal(await post('revoke', { ...body, reason: '5' }, { certificate: operator })), [400, false, null, 11_000], 'another reason is refused');
  for (let tries = 0; ; tries += 1) {
    const crl = parseCrl(Buffer.from((await call('GET', `${API}/crl?expiry=24h`)).json.result, 'base64'));
    const entry = [...revokedEntries(crl)].find((one) => one.serial === certificate.serialNumber.toLowerCase());
    if (entry !== undefined) {
      t.equal(entry.reason, 'superseded');
      break;
    }
    if (tries === 40) t.fail('it never came into the CRL');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  t.same(refusal(await call('GET', `${API}/crl?label=nope`)), [400, false, null, 400]);
});

t.test('bundle: with what leads to the root, which OpenSSL verifies', async (t) => {
  const reply = await authsign({ certificate_request: csr('DNS:bundled.example.com'), bundle: true });
  const { certificate, bundle } = reply.json.result;
  const asked = await post('bundle', { certificate, flavor: 'ubiquitous' });
  t.same(asked.json.result, bundle);
  t.same(Object.keys(bundle).sort(), ['bundle', 'crl_support', 'crt', 'expires', 'hostnames', 'issuer', 'key', 'key_size', 'key_type', 'leaf_expires', 'ocsp', 'ocsp_support', 'root', 'signature', 'status', 'subject']);
  t.match(bundle, { crl_support: true, ocsp_support: true, hostnames: ['bundled.example.com'], key: '', key_size: 256, key_type: '256-bit ECDSA', signature: 'ECDSAWithSHA256', status: { code: 0 } });
  for (const [name, text] of [['bundle.pem', bundle.bundle], ['bundle-root.pem', bundle.root]]) writeFileSync(join(folder, name), `${text}\n`);
  t.match(openssl('verify', '-CAfile', join(folder, 'bundle-root.pem'), '-untrusted', join(folder, 'bundle.pem'), join(folder, 'bundle.pem')), /OK/);
  t.same(refusal(await post('bundle', { certificate: service.root })), [400, false, null, 1100]);
  t.same(refusal(await post('bundle', { certificate: 'x' })), [400, false, null, 1002]);
  for (const body of [{}, { domain: 'example.com' }, { certificate, private_key: 'secret' }, { certificate, flavor: 'odd' }]) t.same(refusal(await post('bundle', body)), [400, false, null, 400], Object.keys(body).join());
});

t.test('every call is counted', async (t) => {
  const text = await service.service.core.metrics.registry.getSingleMetricAsString('chancery_cfssl_calls_total');
  t.match(text, /call="authsign",outcome="done"/);
  t.match(text, /call="sign",outcome="refused"/);
});
