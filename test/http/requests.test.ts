import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { makeCsr, openssl, opensslStatus } from '../helpers/openssl.ts';
import { startTestService } from '../helpers/service.ts';

const PKCS10 = { 'content-type': 'application/pkcs10' };

t.test('a CSR made by OpenSSL becomes a certificate that OpenSSL verifies', async (t) => {
  const chancery = await startTestService(t);
  const token = await chancery.token({ profile: 'server', names: ['*.example.com'] });
  const { csr } = makeCsr(chancery.folder, 'node', { san: 'DNS:node1.example.com', subject: '/CN=node1.example.com' });

  const reply = await chancery.call('POST', '/v1/requests?profile=server', { bearer: token, headers: PKCS10, body: readFileSync(csr) });
  t.equal(reply.status, 201);
  t.equal(reply.json.state, 'issued');
  t.equal(reply.json.serial, reply.json.id);
  t.strictSame(reply.json.names, ['node1.example.com']);
  t.equal(reply.headers.location, `/v1/requests/${reply.json.id}`);
  t.strictSame(reply.json.steps.map((step: { name: string; outcome: string }) => `${step.name} ${step.outcome}`),
    ['identity passed', 'possession passed', 'key passed', 'names passed', 'profile passed', 'approval passed']);
  t.equal(reply.json.chain.length, 1, 'the issuing authority, the root left out');

  const root = join(chancery.folder, 'root.pem');
  const leaf = join(chancery.folder, 'leaf.pem');
  const chain = join(chancery.folder, 'chain.pem');
  writeFileSync(root, chancery.root);
  writeFileSync(leaf, reply.json.certificate);
  writeFileSync(chain, reply.json.chain.join(''));
  t.match(openssl('verify', '-x509_strict', '-purpose', 'sslserver', '-verify_hostname', 'node1.example.com', '-CAfile', root, '-untrusted', chain, leaf), 'OK');
  const text = openssl('x509', '-in', leaf, '-noout', '-text');
  t.match(text, 'TLS Web Server Authentication');
  t.match(text, `URI:${chancery.service.addresses.http}/crl/issuing.crl`);
  t.match(text, `CA Issuers - URI:${chancery.service.addresses.http}/ca/issuing.crt`);
  t.match(opensslStatus('verify', '-purpose', 'sslclient', '-CAfile', root, '-untrusted', chain, leaf).text, 'unsuitable certificate purpose');

  t.test('one line of curl: the chain alone', async (t) => {
    const again = await chancery.call('POST', '/v1/requests', { bearer: token, headers: { ...PKCS10, accept: 'application/pem-certificate-chain' }, body: readFileSync(csr) });
    t.equal(again.status, 201);
    t.equal(again.headers['content-type'], 'application/pem-certificate-chain');
    t.equal(again.text, reply.json.certificate + reply.json.chain.join(''), 'and the retry with the used token got the first certificate');
  });

  t.test('its status, found by anyone, in every form of the serial and every type', async (t) => {
    const serial = String(reply.json.serial);
    const colons = serial.toUpperCase().replace(/(..)(?=.)/g, '$1:');
    for (const form of [serial, serial.toUpperCase(), colons]) {
      const found = await chancery.call('GET', `/v1/certificates/${form}`);
      t.equal(found.status, 200);
      t.equal(found.json.status, 'valid');
      t.equal(found.json.requester, undefined, 'who asked is told to operators only');
    }
    const der = await chancery.call('GET', `/v1/certificates/${serial}`, { headers: { accept: 'application/pkix-cert' } });
    writeFileSync(leaf, der.bytes);
    t.match(openssl('x509', '-inform', 'DER', '-in', leaf, '-noout', '-serial'), serial.toUpperCase());
    t.equal((await chancery.call('GET', `/v1/certificates/${serial}`, { headers: { accept: 'application/x-pem-file' } })).text, reply.json.certificate);
    const none = await chancery.call('GET', `/v1/certificates/${serial}`, { headers: { accept: 'text/html' } });
    t.equal(none.status, 406);
    t.equal(none.json.type, 'urn:chancery:error:not-acceptable');
    t.equal((await chancery.call('GET', '/v1/certificates/00ff')).status, 404);
    t.equal((await chancery.call('GET', '/v1/certificates/__proto__')).status, 404);
  });
});

t.test('a CSR is taken in every form of the contract', async (t) => {
  const chancery = await startTestService(t);
  const token = await chancery.token({ profile: 'server', names: ['*'], uses: 1 });
  const { csr } = makeCsr(chancery.folder, 'forms', { san: 'DNS:forms.example.com' });
  const pem = readFileSync(csr, 'utf8');
  const base64 = pem.replaceAll(/-----.*-----/g, '').trim();
  const der = Buffer.from(base64, 'base64');
  const forms: readonly (readonly [string, Record<string, string>, string | Uint8Array | object])[] = [
    ['PEM as pkcs10', PKCS10, pem],
    ['DER as pkcs10', PKCS10, der],
    ['base64 with line breaks', PKCS10, base64],
    ['base64 without', PKCS10, base64.replaceAll('\n', '')],
    ['PEM as x-pem-file', { 'content-type': 'application/x-pem-file' }, pem],
    ['CRLF', PKCS10, pem.replaceAll('\n', '\r\n')],
    ['NEW CERTIFICATE REQUEST', PKCS10, pem.replaceAll('CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST')],
    ['JSON with PEM', {}, { csr: pem }],
    ['JSON with base64', {}, { csr: base64.replaceAll('\n', '') }],
    ['JSON with base64 and line breaks', {}, { csr: base64 }],
  ];
  const serials = new Set<string>();
  for (const [name, headers, body] of forms) {
    const reply = await chancery.call('POST', '/v1/requests', { bearer: token, headers, body });
    t.equal(reply.status, 201, name);
    serials.add(reply.json.serial);
  }
  t.equal(serials.size, 1, 'all of them the same request: the token has one use');
  const other = makeCsr(chancery.folder, 'other', { san: 'DNS:forms.example.com' });
  const refused = await chancery.call('POST', '/v1/requests', { bearer: token, headers: PKCS10, body: readFileSync(other.csr) });
  t.equal(refused.status, 403);
  t.equal(refused.json.type, 'urn:chancery:error:token-exhausted', 'and no other CSR');
});

t.test('a refusal names every fault at once, and uses nothing up', async (t) => {
  const chancery = await startTestService(t);
  const token = await chancery.token({ profile: 'server', names: ['*.example.com'] });
  const weak = makeCsr(chancery.folder, 'weak', { san: 'DNS:a.example.org,DNS:*.b.example.net', key: ['rsa:1024'], extra: ['-addext', 'basicConstraints=critical,CA:TRUE'] });
  const reply = await chancery.call('POST', '/v1/requests', { bearer: token, headers: PKCS10, body: readFileSync(weak.csr) });
  t.equal(reply.status, 403);
  t.equal(reply.headers['content-type'], 'application/problem+json');
  t.equal(reply.json.type, 'urn:chancery:error:request-refused');
  t.strictSame(reply.json.errors.map(({ code }: { code: string }) => code), ['step-possession', 'step-key', 'step-names', 'step-profile']);
  t.match(reply.json.detail, /1024/);
  t.match(reply.json.detail, /"a\.example\.org".*"\*\.b\.example\.net"/s);

  const stored = await chancery.call('GET', reply.json.instance, { certificate: chancery.operator });
  t.equal(stored.json.state, 'denied');
  t.equal(stored.json.certificate, undefined);
  const good = makeCsr(chancery.folder, 'good', { san: 'DNS:a.example.com' });
  t.equal((await chancery.call('POST', '/v1/requests', { bearer: token, headers: PKCS10, body: readFileSync(good.csr) })).status, 201, 'the token still has its use');
});

t.test('bad bodies get their clear 4xx', async (t) => {
  const chancery = await startTestService(t);
  const token = await chancery.token({ profile: 'server', names: ['*'], uses: 50 });
  const { csr } = makeCsr(chancery.folder, 'body', { san: 'DNS:body.example.com' });
  const pem = readFileSync(csr, 'utf8');
  const post = (body: string | Uint8Array | object, headers: Record<string, string> = {}, path = '/v1/requests') =>
    chancery.call('POST', path, { bearer: token, body, headers: typeof body === 'string' ? { 'content-type': 'application/json', ...headers } : headers });
  const json = JSON.stringify(pem);

  const cases: readonly (readonly [string, Promise<{ status: number; json: { type: string } }>, number, string])[] = [
    ['unknown member', post({ csr: pem, sign: true }), 400, 'body-invalid'],
    ['member twice', post(`{"csr":${json},"csr":${json}}`), 400, 'body-invalid'],
    ['__proto__', post(`{"csr":${json},"__proto__":{}}`), 400, 'body-invalid'],
    ['escaped __proto__', post(`{"csr":${json},"\\u005f_proto__":{}}`), 400, 'body-invalid'],
    ['constructor', post(`{"csr":${json},"constructor":{"prototype":1}}`), 400, 'body-invalid'],
    ['nested 10,000 deep', post(`${'['.repeat(10_000)}${']'.repeat(10_000)}`), 400, 'body-invalid'],
    ['wrong type', post({ csr: 5 }), 400, 'body-invalid'],
    ['no JSON', post('{'), 400, 'body-invalid'],
    ['empty JSON', post('', { 'content-type': 'application/json' }), 400, 'body-invalid'],
    ['not a CSR', post({ csr: 'AAAA' }), 400, 'csr-malformed'],
    ['a key in place of a CSR', post({ csr: readFileSync(join(chancery.folder, 'body.key'), 'utf8') }), 400, 'csr-malformed'],
    ['trailing bytes', post(Buffer.concat([Buffer.from(pem.replaceAll(/-----.*-----/g, ''), 'base64'), Buffer.from([0])]), PKCS10), 400, 'csr-malformed'],
    ['unknown profile', post({ csr: pem, profile: 'nope' }), 400, 'profile-unknown'],
    ['prototype as profile', post({ csr: pem, profile: '__proto__' }), 400, 'profile-unknown'],
    ['unknown query member', post({ csr: pem }, {}, '/v1/requests?sign=1'), 400, 'query-invalid'],
    ['bad validity', post({ csr: pem, validity: 'long' }), 400, 'body-invalid'],
    ['zero validity', post({ csr: pem, validity: '0s' }), 400, 'query-invalid'],
    ['too large', post({ csr: 'A'.repeat(70_000) }), 413, 'body-too-large'],
    ['wrong content type', post(Buffer.from(pem), { 'content-type': 'text/plain' }), 415, 'media-type-unsupported'],
  ];
  for (const [name, reply, status, code] of cases) {
    const { status: got, json: problem } = await reply;
    t.equal(got, status, name);
    t.equal(problem.type, `urn:chancery:error:${code}`, name);
  }
  const method = await chancery.call('PUT', '/v1/requests', { bearer: token });
  t.equal(method.status, 405);
  const nowhere = await chancery.call('GET', '/v1/nowhere');
  t.equal(nowhere.json.type, 'urn:chancery:error:not-found');

  const wrong = Buffer.from(pem.replaceAll(/-----.*-----/g, ''), 'base64');
  wrong[wrong.length - 1] = (wrong[wrong.length - 1] ?? 0) ^ 1;
  const possession = await post(wrong, PKCS10);
  t.equal(possession.status, 400);
  t.equal(possession.json.type, 'urn:chancery:error:csr-possession');
});

t.test('a Content-Type that nobody chose is told with those that are taken', async (t) => {
  const chancery = await startTestService(t);
  const typed = async (path: string, type?: string): Promise<string> =>
    String((await chancery.call('POST', path, { certificate: chancery.operator, headers: type === undefined ? {} : { 'content-type': type }, body: Buffer.from('x') })).json.detail);
  t.equal(await typed('/v1/requests', 'application/x-www-form-urlencoded'),
    'The Content-Type "application/x-www-form-urlencoded" is not one that this call accepts; expected application/json, application/pkcs10, application/x-pem-file.');
  t.equal(await typed('/v1/tokens', 'text/plain'), 'The Content-Type "text/plain" is not one that this call accepts; expected application/json.');
  t.equal(await typed('/v1/requests'), 'The Content-Type is missing; expected application/json, application/pkcs10, application/x-pem-file.');
});

t.test('credentials', async (t) => {
  const chancery = await startTestService(t);
  const token = await chancery.token({ profile: 'server', names: ['*'] });
  const attempts: readonly (readonly [string, Record<string, string>])[] = [
    ['none', {}],
    ['no bearer', { authorization: 'Basic YTpi' }],
    ['unknown kind', { authorization: 'Bearer abc' }],
    ['malformed token', { authorization: 'Bearer CHYTKN-1-x' }],
    ['wrong secret', { authorization: `Bearer ${token.slice(0, -4)}aaaa` }],
    ['another root', { authorization: `Bearer ${token.replace(/-1-[0-9a-f]{64}/, `-1-${'0'.repeat(64)}`)}` }],
    ['an API key that is none', { authorization: `Bearer CHYKEY-1-${'a'.repeat(16)}-${'b'.repeat(52)}` }],
  ];
  for (const [name, headers] of attempts) {
    const reply = await chancery.call('POST', '/v1/requests', { headers: { ...headers, ...PKCS10 }, body: 'x' });
    t.equal(reply.status, 401, name);
    t.equal(reply.json.type, 'urn:chancery:error:unauthenticated', name);
    t.match(reply.headers['www-authenticate'], /^Bearer/, name);
  }
  for (const line of chancery.logged) t.notMatch(line, token.split('-').at(-1) ?? '', 'no secret in the log');

  const refused = await chancery.call('GET', '/v1/requests', { bearer: token });
  t.equal(refused.status, 403, 'a token is no operator');
  t.equal((await chancery.call('POST', '/v1/tokens', { bearer: token, body: { profile: 'server', names: ['*'] } })).status, 403);

  const created = await chancery.call('POST', '/v1/tokens', { certificate: chancery.operator, body: { profile: 'server', names: ['*'] } });
  t.equal((await chancery.call('DELETE', `/v1/tokens/${created.json.id}`, { certificate: chancery.operator })).status, 200);
  const revoked = await chancery.call('POST', '/v1/requests', { bearer: created.json.token, headers: PKCS10, body: 'x' });
  t.equal(revoked.status, 401, 'a revoked token');

  for (const [body, at] of [
    [{ profile: 'operator', names: ['*'] }, '/profile'],
    [{ profile: 'none', names: ['*'] }, '/profile'],
    [{ profile: 'server', names: ['*foo'] }, '/names/0'],
    [{ profile: 'server', names: ['*'], ttl: '900d' }, '/ttl'],
  ] as const) {
    const reply = await chancery.call('POST', '/v1/tokens', { certificate: chancery.operator, body });
    t.equal(reply.status, 400);
    t.equal(reply.json.errors[0].at, at);
  }
});

t.test('API keys with scopes', async (t) => {
  const chancery = await startTestService(t);
  const make = async (scopes: readonly string[]): Promise<string> =>
    String((await chancery.call('POST', '/v1/api-keys', { certificate: chancery.operator, body: { name: `ci-${scopes[0]}`, scopes } })).json.key);
  const read = await make(['read']);
  const admin = await make(['admin']);
  const { csr } = makeCsr(chancery.folder, 'key', { san: 'DNS:key.example.com' });
  t.equal((await chancery.call('GET', '/v1/certificates', { bearer: read })).status, 200);
  t.equal((await chancery.call('POST', '/v1/tokens', { bearer: read, body: { profile: 'server', names: ['*'] } })).status, 403);
  const refused = await chancery.call('POST', '/v1/requests', { bearer: read, headers: PKCS10, body: readFileSync(csr) });
  t.equal(refused.status, 403, 'only scope admin may ask for certificates');
  t.equal(refused.json.type, 'urn:chancery:error:forbidden');
  t.equal((await chancery.call('POST', '/v1/requests?dryRun=true', { bearer: read, headers: PKCS10, body: readFileSync(csr) })).status, 403);
  t.strictSame((await chancery.call('GET', '/v1/requests?state=denied', { bearer: read })).json.items, [], 'and nothing of it is kept');
  const issued = await chancery.call('POST', '/v1/requests', { bearer: admin, headers: PKCS10, body: readFileSync(csr) });
  t.equal(issued.status, 201);
  const again = await chancery.call('POST', '/v1/requests', { bearer: admin, headers: PKCS10, body: readFileSync(csr) });
  t.equal(again.json.serial, issued.json.serial, 'the same requester with the same CSR gets the first request');
  t.equal((await chancery.call('POST', `/v1/certificates/${issued.json.serial}/revoke`, { bearer: admin, body: { reason: 'superseded' } })).status, 200);
  const after = await chancery.call('POST', '/v1/requests', { bearer: admin, headers: PKCS10, body: readFileSync(csr) });
  t.not(after.json.serial, issued.json.serial, 'which no longer lives once it is revoked');

  const keys = await chancery.call('GET', '/v1/api-keys', { bearer: admin });
  t.equal(keys.json.items.length, 2);
  t.notMatch(keys.text, /secret/i);
  const id = keys.json.items.find(({ name }: { name: string }) => name === 'ci-read').id;
  t.equal((await chancery.call('DELETE', `/v1/api-keys/${id}`, { bearer: admin })).status, 200);
  t.equal((await chancery.call('GET', '/v1/certificates', { bearer: read })).status, 401);
});

t.test('an Idempotency-Key makes any creating call safe to repeat', async (t) => {
  const chancery = await startTestService(t);
  const { operator } = chancery;
  const headers = { 'idempotency-key': 'abc 1' };
  const body = { profile: 'server', names: ['*'], uses: 3 };
  const first = await chancery.call('POST', '/v1/tokens', { certificate: operator, headers, body });
  const second = await chancery.call('POST', '/v1/tokens', { certificate: operator, headers, body });
  t.equal(first.json.token, second.json.token, 'the same secret is shown again');
  const other = await chancery.call('POST', '/v1/tokens', { certificate: operator, headers, body: { ...body, uses: 4 } });
  t.equal(other.status, 422);
  t.equal(other.json.type, 'urn:chancery:error:idempotency-key-reused');

  const csrs = ['one', 'two'].map((name) => readFileSync(makeCsr(chancery.folder, name, { san: `DNS:${name}.example.com` }).csr));
  const key = { ...PKCS10, 'idempotency-key': 'request 1' };
  const issued = await chancery.call('POST', '/v1/requests', { certificate: operator, headers: key, body: csrs[0] ?? '' });
  const repeated = await chancery.call('POST', '/v1/requests', { certificate: operator, headers: key, body: csrs[0] ?? '' });
  t.equal(issued.status, 201);
  t.equal(repeated.json.serial, issued.json.serial);
  t.equal((await chancery.call('POST', '/v1/requests', { certificate: operator, headers: key, body: csrs[1] ?? '' })).status, 422);
  t.equal((await chancery.call('POST', '/v1/requests', { certificate: operator, headers: { ...key, 'idempotency-key': 'é' }, body: csrs[1] ?? '' })).status, 400);
});

t.test('approval: a request waits, and an operator decides', async (t) => {
  const chancery = await startTestService(t, { settings: { CHANCERY_PROFILES__SERVER__APPROVAL: 'true' } });
  const token = await chancery.token({ profile: 'server', names: ['*'], uses: 5 });
  const ask = (name: string) => chancery.call('POST', '/v1/requests', { bearer: token, headers: PKCS10, body: readFileSync(makeCsr(chancery.folder, name, { san: `DNS:${name}.example.com` }).csr) });
  const asked = await ask('waits');
  t.equal(asked.status, 202);
  t.equal(asked.json.state, 'pending');
  t.match(asked.headers['retry-after'], /^\d+$/);
  t.equal(asked.json.certificate, undefined);

  const waiting = chancery.call('GET', `/v1/requests/${asked.json.id}`, { bearer: token, headers: { prefer: 'wait=20' } });
  const listed = await chancery.call('GET', '/v1/requests?state=pending', { certificate: chancery.operator });
  t.strictSame(listed.json.items.map(({ id }: { id: string }) => id), [asked.json.id]);
  const approved = await chancery.call('POST', `/v1/requests/${asked.json.id}/approve`, { certificate: chancery.operator, body: { reason: 'known host' } });
  t.equal(approved.status, 200);
  t.equal(approved.json.state, 'issued');
  t.match(approved.json.steps.at(-1), { name: 'approval', outcome: 'passed', reason: /known host/ });
  const held = await waiting;
  t.equal(held.json.state, 'issued', 'the held call was answered');
  t.equal(held.headers['preference-applied'], 'wait=20');
  t.equal(held.json.certificate, approved.json.certificate);
  const twice = await chancery.call('POST', `/v1/requests/${asked.json.id}/approve`, { certificate: chancery.operator });
  t.equal(twice.status, 409);
  t.equal(twice.json.type, 'urn:chancery:error:already-decided');

  const unwanted = await ask('unwanted');
  const denied = await chancery.call('POST', `/v1/requests/${unwanted.json.id}/deny`, { certificate: chancery.operator, body: { reason: 'unknown host' } });
  t.equal(denied.json.state, 'denied');
  t.match(denied.json.problem, { status: 403, detail: /unknown host/ });
  t.equal((await chancery.call('POST', `/v1/requests/${unwanted.json.id}/approve`, { certificate: chancery.operator })).status, 409);
  const retried = await chancery.call('POST', '/v1/requests', { bearer: token, headers: PKCS10, body: readFileSync(join(chancery.folder, 'unwanted.csr')) });
  t.equal(retried.status, 403, 'a retry is told so');
  t.match(retried.json, { type: 'urn:chancery:error:request-refused', detail: /unknown host/ });

  const stranger = await chancery.token({ profile: 'server', names: ['*'] });
  t.equal((await chancery.call('GET', `/v1/requests/${asked.json.id}`, { bearer: stranger })).status, 404, 'somebody else\'s request is not told');
});

t.test('while a request waits, a file for its certificate stays empty: no JSON for who takes only the certificate', async (t) => {
  const chancery = await startTestService(t, { settings: { CHANCERY_PROFILES__SERVER__APPROVAL: 'true' } });
  const bearer = await chancery.token({ profile: 'server', names: ['*'] });
  const body = readFileSync(makeCsr(chancery.folder, 'file', { san: 'DNS:file.example.com' }).csr);
  const ask = (accept: string) => chancery.call('POST', '/v1/requests', { bearer, headers: { ...PKCS10, accept }, body });
  const look = (at: string, accept: string) => chancery.call('GET', at, { bearer, headers: { accept } });
  const asked = await ask('application/pem-certificate-chain');
  t.match(asked, { status: 202, text: '', headers: { 'content-length': '0', location: /^\/v1\/requests\/[0-9a-f]+$/, 'retry-after': /^\d+$/ } });
  t.equal(asked.headers['content-type'], undefined);
  const location = String(asked.headers['location']);
  for (const accept of ['application/pem-certificate-chain, application/json;q=0.1', 'application/x-pem-file, */*', '*/*']) t.equal((await ask(accept)).json.state, 'pending', accept);

  const early = await look(location, 'application/pem-certificate-chain');
  t.equal(early.status, 406, 'curl -f fails until it is there');
  t.match(early.json, {
    type: 'urn:chancery:error:not-acceptable',
    detail: 'The request is pending: there is no certificate to send as application/pem-certificate-chain; expected Accept: application/json.',
  });
  t.match(early.headers['retry-after'], /^\d+$/);
  t.equal((await look(location, 'application/pem-certificate-chain, application/json;q=0.1')).json.state, 'pending');

  t.equal((await chancery.call('POST', `${location}/approve`, { certificate: chancery.operator })).status, 200);
  t.match(await look(location, 'application/pem-certificate-chain'), { status: 200, text: /^-----BEGIN CERTIFICATE-----/ });
  t.match(await ask('application/pem-certificate-chain'), { status: 201, text: /^-----BEGIN CERTIFICATE-----/ }, 'the same call, sent again, has it too');
});

t.test('dryRun runs every check, signs nothing and stores nothing', async (t) => {
  const chancery = await startTestService(t);
  const token = await chancery.token({ profile: 'server', names: ['*.example.com'] });
  const head = async (): Promise<number> => Number((await chancery.call('GET', '/v1/audit', { certificate: chancery.operator })).json.head.sequence);
  const before = await head();
  const good = readFileSync(makeCsr(chancery.folder, 'dry', { san: 'DNS:dry.example.com' }).csr);
  const bad = readFileSync(makeCsr(chancery.folder, 'dry2', { san: 'DNS:dry.example.org' }).csr);
  const passes = await chancery.call('POST', '/v1/requests?dryRun=true', { bearer: token, headers: PKCS10, body: good });
  t.equal(passes.status, 200);
  t.match(passes.json, { dryRun: true, outcome: 'issued', names: ['dry.example.com'] });
  const fails = await chancery.call('POST', '/v1/requests?dryRun=true', { bearer: token, headers: PKCS10, body: bad });
  t.equal(fails.status, 200);
  t.match(fails.json, { outcome: 'denied' });
  t.equal(await head(), before, 'nothing was written');
  t.equal((await chancery.call('GET', '/v1/requests', { certificate: chancery.operator })).json.items.filter(({ names }: { names: string[] }) => names.includes('dry.example.com')).length, 0);
});

t.test('renewal by the certificate itself: the same names, a new key', async (t) => {
  const chancery = await startTestService(t);
  const token = await chancery.token({ profile: 'node', names: ['*'] });
  const first = makeCsr(chancery.folder, 'first', { san: 'DNS:n.example.com,IP:10.0.0.7', subject: '/CN=n.example.com' });
  const issued = await chancery.call('POST', '/v1/requests', { bearer: token, headers: PKCS10, body: readFileSync(first.csr) });
  t.equal(issued.status, 201);
  const certificate = { cert: issued.json.certificate + issued.json.chain.join(''), key: readFileSync(first.key, 'utf8') };

  const bare = readFileSync(makeCsr(chancery.folder, 'bare').csr);
  const renewed = await chancery.call('POST', '/v1/renewals', { certificate, headers: PKCS10, body: bare });
  t.equal(renewed.status, 201);
  t.strictSame(renewed.json.names, ['n.example.com', '10.0.0.7']);
  t.equal(new X509Certificate(renewed.json.certificate).subject, 'CN=n.example.com', 'and the same subject');
  t.not(renewed.json.serial, issued.json.serial);
  t.equal((await chancery.call('POST', '/v1/renewals', { certificate, headers: PKCS10, body: bare })).json.serial, renewed.json.serial, 'a retry gets the same');

  const more = readFileSync(makeCsr(chancery.folder, 'more', { san: 'DNS:n.example.com,DNS:m.example.com' }).csr);
  const refused = await chancery.call('POST', '/v1/renewals', { certificate, headers: PKCS10, body: more });
  t.equal(refused.status, 403);
  t.match(refused.json.detail, /10\.0\.0\.7.*m\.example\.com/s);
  t.equal((await chancery.call('POST', '/v1/renewals', { bearer: token, headers: PKCS10, body: bare })).status, 401, 'a token renews nothing');
  t.equal((await chancery.call('POST', '/v1/requests', { certificate, headers: PKCS10, body: more })).status, 403, 'and the certificate asks for nothing new');

  t.equal((await chancery.call('POST', `/v1/certificates/${issued.json.serial}/revoke`, { certificate, body: { reason: 'superseded' } })).status, 200, 'its holder may revoke it');
  t.equal((await chancery.call('POST', '/v1/renewals', { certificate, headers: PKCS10, body: bare })).status, 401, 'and then it proves nothing any more');
});

t.test('a token\'s maxValidity holds for the certificate, for its renewals, and through an approval', async (t) => {
  const HOUR = 3600;
  const life = (pem: string): number => {
    const { validFrom, validTo } = new X509Certificate(pem);
    return (Date.parse(validTo) - Date.parse(validFrom)) / 1000;
  };
  const chancery = await startTestService(t, { settings: { CHANCERY_PROFILES__NODE__BACKDATE: '0s' } });
  const token = await chancery.token({ profile: 'node', names: ['*'], maxValidity: '1h', uses: 3 });
  const ask = (name: string) => {
    const { csr, key } = makeCsr(chancery.folder, name, { san: `DNS:${name}.example.com` });
    return chancery.call('POST', '/v1/requests', { bearer: token, headers: PKCS10, body: readFileSync(csr) }).then((reply) => ({ reply, key: readFileSync(key, 'utf8') }));
  };
  const first = await ask('limited');
  t.ok(life(first.reply.json.certificate) < HOUR, 'the first');
  let certificate = { cert: String(first.reply.json.certificate) + first.reply.json.chain.join(''), key: first.key };
  const renew = (name: string, query = '') => {
    const { csr, key } = makeCsr(chancery.folder, name);
    return chancery.call('POST', `/v1/renewals${query}`, { certificate, headers: PKCS10, body: readFileSync(csr) }).then((reply) => ({ reply, key: readFileSync(key, 'utf8') }));
  };
  for (const name of ['again1', 'again2']) {
    const { reply, key } = await renew(name);
    t.equal(reply.status, 201, name);
    t.ok(life(reply.json.certificate) < HOUR, name);
    certificate = { cert: String(reply.json.certificate) + reply.json.chain.join(''), key };
  }
  t.equal((await renew('more', '?validity=2h')).reply.status, 403, 'nor may it ask for more');

  await chancery.restart({ CHANCERY_PROFILES__NODE__APPROVAL: 'true', CHANCERY_PROFILES__NODE__SUBJECT__COMMON_NAME: 'first-name' });
  const approve = (id: string) => chancery.call('POST', `/v1/requests/${id}/approve`, { certificate: chancery.operator });
  const waiting = await ask('waiting');
  t.equal(waiting.reply.status, 202);
  const approved = await approve(waiting.reply.json.id);
  t.equal(approved.status, 200);
  t.ok(life(approved.json.certificate) < HOUR, 'approved');
  t.equal(new X509Certificate(approved.json.certificate).subject, 'CN=waiting.example.com');

  const bare = await renew('bare');
  t.equal(bare.reply.status, 202, 'a renewal may wait too');
  const renewed = await approve(bare.reply.json.id);
  t.equal(renewed.status, 200);
  t.strictSame(renewed.json.names, ['limited.example.com']);
  t.equal(new X509Certificate(renewed.json.certificate).subjectAltName, 'DNS:limited.example.com', 'with the names of the certificate presented');
  t.ok(life(renewed.json.certificate) < HOUR, 'and its limit');
});

t.test('without a limit a renewal has the profile\'s usual life, or the longer one that was granted', async (t) => {
  const DAY = 86_400;
  const chancery = await startTestService(t);
  const token = await chancery.token({ profile: 'node', names: ['*'], uses: 2 });
  for (const [name, validity, days] of [['usual', '1h', 30], ['long', '90d', 90]] as const) {
    const { csr, key } = makeCsr(chancery.folder, name, { san: `DNS:${name}.example.com` });
    const { json } = await chancery.call('POST', `/v1/requests?validity=${validity}`, { bearer: token, headers: PKCS10, body: readFileSync(csr) });
    const certificate = { cert: json.certificate + json.chain.join(''), key: readFileSync(key, 'utf8') };
    const renewal = (query: string) => chancery.call('POST', `/v1/renewals${query}`, { certificate, headers: PKCS10, body: readFileSync(makeCsr(chancery.folder, `${name}2`).csr) });
    const { validTo } = new X509Certificate((await renewal('')).json.certificate);
    t.equal(Math.round((Date.parse(validTo) - Date.now()) / 1000 / DAY), days, name);
    t.equal((await renewal('?validity=398d')).status, 403, 'never above the profile\'s longest');
  }
});

t.test('an authority\'s own key is certified for nobody', async (t) => {
  const chancery = await startTestService(t);
  for (const name of ['issuing', 'root']) {
    const csr = join(chancery.folder, `${name}.csr`);
    openssl('req', '-new', '-key', join(chancery.folder, 'data', 'authorities', name, 'key.pem'), '-subj', '/CN=x.example.com', '-addext', 'subjectAltName=DNS:x.example.com', '-out', csr);
    const reply = await chancery.call('POST', '/v1/requests', { certificate: chancery.operator, headers: PKCS10, body: readFileSync(csr) });
    t.equal(reply.status, 403, name);
    t.strictSame(reply.json.errors.map(({ code }: { code: string }) => code), ['step-block-list'], name);
  }
});

t.test('a quota that is used up says when to ask again', async (t) => {
  const HOUR = 3_600_000;
  // A minute before a window ends.
  const now = Math.floor(Date.now() / HOUR) * HOUR - 60_000;
  const chancery = await startTestService(t, { clock: () => now, settings: { CHANCERY_ELIGIBILITY: '[key, names, profile, {step: quota, limit: 1, per: 1h}]' } });
  const token = await chancery.token({ profile: 'server', names: ['*'], uses: 3 });
  const ask = (name: string, san: string) => chancery.call('POST', '/v1/requests', { bearer: token, headers: PKCS10, body: readFileSync(makeCsr(chancery.folder, name, { san }).csr) });
  t.equal((await ask('q1', 'DNS:q1.example.com')).status, 201);
  const refused = await ask('q2', 'DNS:q2.example.com');
  t.equal(refused.status, 403);
  t.strictSame(refused.json.errors.map(({ code }: { code: string }) => code), ['step-quota']);
  t.equal(refused.headers['retry-after'], '60');
  t.equal((await ask('q3', 'URI:spiffe://example.com/q3')).headers['retry-after'], undefined, 'where waiting alone would not help, it says nothing');
});

t.test('a pattern does not grant its wildcard, unless the profile allows wildcards', async (t) => {
  const chancery = await startTestService(t);
  const token = await chancery.token({ profile: 'server', names: ['*.example.com'] });
  const body = readFileSync(makeCsr(chancery.folder, 'wild', { san: 'DNS:*.example.com' }).csr);
  const refused = await chancery.call('POST', '/v1/requests', { bearer: token, headers: PKCS10, body });
  t.equal(refused.status, 403);
  t.match(refused.json.detail, /wildcard/);
  await chancery.restart({ CHANCERY_PROFILES__SERVER__NAMES__WILDCARDS: 'true' });
  t.equal((await chancery.call('POST', '/v1/requests', { bearer: token, headers: PKCS10, body })).status, 201);
});
