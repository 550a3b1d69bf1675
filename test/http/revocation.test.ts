import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { makeCsr, openssl, opensslStatus } from '../helpers/openssl.ts';
import { type Reply, startTestService, type TestService } from '../helpers/service.ts';

const PKCS10 = { 'content-type': 'application/pkcs10' };
const WITHIN = 1000;

const issue = async (chancery: TestService, name: string): Promise<Reply> =>
  chancery.call('POST', '/v1/requests?profile=server', { certificate: chancery.operator, headers: PKCS10, body: readFileSync(makeCsr(chancery.folder, name, { san: `DNS:${name}.example.com` }).csr) });

/** Asks again and again until the CRL has another ETag. */
async function nextCrl(chancery: TestService, etag: string): Promise<{ readonly reply: Reply; readonly after: number }> {
  const started = performance.now();
  for (;;) {
    const reply = await chancery.plain('GET', '/crl/issuing.crl', { headers: { 'if-none-match': etag } });
    if (reply.status === 200) return { reply, after: performance.now() - started };
    if (performance.now() - started > 10 * WITHIN) throw new Error('no new CRL within ten seconds');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

t.test('a revoked certificate is in the next CRL within a second, and OpenSSL refuses it', async (t) => {
  const chancery = await startTestService(t);
  const file = (name: string, content: string | Buffer): string => {
    const path = join(chancery.folder, name);
    writeFileSync(path, content);
    return path;
  };
  const good = (await issue(chancery, 'good')).json;
  const bad = (await issue(chancery, 'bad')).json;
  const first = await chancery.plain('GET', '/crl/issuing.crl');
  t.equal(first.status, 200);
  t.equal(first.headers['content-type'], 'application/pkix-crl');
  t.match(first.headers['cache-control'], /max-age=\d+/);
  const etag = String(first.headers.etag);
  t.match(etag, /^"[^"]+"$/, 'a strong tag');
  t.equal((await chancery.plain('GET', '/crl/issuing.crl', { headers: { 'if-none-match': etag } })).status, 304);
  t.equal((await chancery.plain('GET', '/crl/issuing.crl', { headers: { 'if-modified-since': String(first.headers['last-modified']) } })).status, 304);
  const head = await chancery.plain('HEAD', '/crl/issuing.crl');
  t.equal(head.status, 200);
  t.equal(head.bytes.length, 0);
  t.equal(Number(head.headers['content-length']), first.bytes.length);

  const revoked = await chancery.call('POST', `/v1/certificates/${bad.serial}/revoke`, { certificate: chancery.operator, body: { reason: 'keyCompromise' } });
  t.equal(revoked.status, 200);
  t.match(revoked.json, { status: 'revoked', revocation: { reason: 'keyCompromise' } });
  const { reply, after } = await nextCrl(chancery, etag);
  t.ok(after < WITHIN, `published ${after.toFixed(0)} ms after the answer`);

  const crl = file('issuing.crl', reply.bytes);
  const root = file('root.pem', chancery.root);
  const chain = file('chain.pem', bad.chain.join(''));
  const pem = file('crl.pem', (await chancery.plain('GET', '/crl/issuing.pem')).text);
  const text = openssl('crl', '-inform', 'DER', '-in', crl, '-noout', '-text', '-CAfile', chain);
  t.match(text, `Serial Number: ${String(bad.serial).toUpperCase()}`);
  t.match(text, 'Key Compromise');
  t.notMatch(text, String(good.serial).toUpperCase());
  t.match(opensslStatus('crl', '-in', pem, '-noout', '-CAfile', chain).text, 'verify OK');
  const number = (bytes: Buffer): bigint => BigInt(openssl('crl', '-inform', 'DER', '-in', file('n.crl', bytes), '-noout', '-crlnumber').trim().replace('crlNumber=', ''));
  t.ok(number(reply.bytes) > number(first.bytes), 'a higher CRL number');

  const verify = (leaf: { certificate: string }) => opensslStatus('verify', '-crl_check', '-CRLfile', pem, '-CAfile', root, '-untrusted', chain, file('leaf.pem', leaf.certificate));
  t.match(verify(good).text, 'OK');
  t.match(verify(bad).text, 'certificate revoked');

  const rootCrl = openssl('crl', '-inform', 'DER', '-in', file('root.crl', (await chancery.plain('GET', '/crl/root.crl')).bytes));
  const both = file('both.pem', openssl('crl', '-in', pem) + rootCrl);
  t.match(opensslStatus('verify', '-crl_check_all', '-CRLfile', both, '-CAfile', root, '-untrusted', chain, file('leaf.pem', good.certificate)).text, 'OK', 'the whole chain, with the root\'s CRL');
});

t.test('what cannot be revoked, and by whom', async (t) => {
  const chancery = await startTestService(t);
  const { operator } = chancery;
  const serial = (await issue(chancery, 'once')).json.serial as string;
  const path = `/v1/certificates/${serial}/revoke`;
  t.equal((await chancery.call('POST', path)).status, 401);
  const token = await chancery.token({ profile: 'server', names: ['*'] });
  t.equal((await chancery.call('POST', path, { bearer: token })).status, 403);
  for (const reason of ['nonsense', 'removeFromCRL', 'aACompromise', 'constructor']) {
    t.equal((await chancery.call('POST', path, { certificate: operator, body: { reason } })).status, 400, reason);
  }
  t.equal((await chancery.call('POST', '/v1/certificates/00aa/revoke', { certificate: operator })).status, 404);
  t.equal((await chancery.call('POST', '/v1/certificates/xyz/revoke', { certificate: operator })).status, 404);
  t.equal((await chancery.call('POST', path.toUpperCase().replace('/V1/CERTIFICATES', '/v1/certificates').replace('REVOKE', 'revoke'), { certificate: operator })).status, 200, 'no body: unspecified');
  const again = await chancery.call('POST', path, { certificate: operator, body: { reason: 'superseded' } });
  t.equal(again.status, 409);
  t.equal(again.json.type, 'urn:chancery:error:already-revoked');
  t.match(again.json.detail, /\d{4}-\d\d-\d\dT.*unspecified/, 'when and why');
  const compromised = await chancery.call('POST', path, { certificate: operator, body: { reason: 'keyCompromise' } });
  t.equal(compromised.status, 200, 'keyCompromise may replace another reason');
  t.equal(compromised.json.revocation.reason, 'keyCompromise');
});

t.test('a compromised key is in no later certificate', async (t) => {
  const chancery = await startTestService(t);
  const { csr } = makeCsr(chancery.folder, 'leaked', { san: 'DNS:leaked.example.com' });
  const ask = () => chancery.call('POST', '/v1/requests', { certificate: chancery.operator, headers: PKCS10, body: readFileSync(csr) });
  const issued = await ask();
  await chancery.call('POST', `/v1/certificates/${issued.json.serial}/revoke`, { certificate: chancery.operator, body: { reason: 'keyCompromise' } });
  const refused = await ask();
  t.equal(refused.status, 403);
  t.match(refused.json.errors, [{ code: 'step-block-list' }]);
});

t.test('a CRL is renewed well before its nextUpdate, with the same entries and a higher number', async (t) => {
  let now = Date.now();
  const chancery = await startTestService(t, { clock: () => now, settings: { CHANCERY_CRL__LIFETIME: '7d', CHANCERY_CRL__RENEW_BEFORE: '5d' } });
  const first = await chancery.plain('GET', '/crl/issuing.crl');
  now += 1.9 * 86_400_000;
  await new Promise((resolve) => setTimeout(resolve, 1200));
  t.equal((await chancery.plain('GET', '/crl/issuing.crl', { headers: { 'if-none-match': String(first.headers.etag) } })).status, 304, 'not yet');
  now += 0.2 * 86_400_000;
  const { reply } = await nextCrl(chancery, String(first.headers.etag));
  t.ok(Date.parse(String(reply.headers.expires)) > Date.parse(String(first.headers.expires)));
});

t.test('CRL, number and revocations outlive a restart', async (t) => {
  const chancery = await startTestService(t);
  const { serial } = (await issue(chancery, 'kept')).json;
  await chancery.call('POST', `/v1/certificates/${serial}/revoke`, { certificate: chancery.operator });
  await chancery.restart();
  const crl = join(chancery.folder, 'after.crl');
  writeFileSync(crl, (await chancery.plain('GET', '/crl/issuing.crl')).bytes);
  t.match(openssl('crl', '-inform', 'DER', '-in', crl, '-noout', '-text'), String(serial).toUpperCase(), 'also when the service was stopped before it published');
  t.equal((await chancery.call('GET', `/v1/certificates/${serial}`)).json.status, 'revoked');
});

t.test('the listener without TLS serves what is published, and refuses the rest', async (t) => {
  const chancery = await startTestService(t);
  const csr = readFileSync(makeCsr(chancery.folder, 'plain', { san: 'DNS:plain.example.com' }).csr);
  const refused = await chancery.plain('POST', '/v1/requests', { headers: PKCS10, body: csr });
  t.equal(refused.status, 403);
  t.equal(refused.json.type, 'urn:chancery:error:tls-required');
  t.match(refused.json.detail, chancery.service.addresses.https ?? 'https');
  t.equal((await chancery.plain('GET', '/v1/certificates')).status, 403);
  t.equal((await chancery.plain('GET', '/docs')).status, 404);

  t.equal((await chancery.plain('GET', '/ca/root.pem')).text.trim(), chancery.root.trim());
  t.equal((await chancery.plain('GET', '/ca/roots.pem')).text.trim(), chancery.root.trim());
  const der = await chancery.plain('GET', '/ca/issuing.crt');
  t.equal(der.headers['content-type'], 'application/pkix-cert');
  const path = join(chancery.folder, 'issuing.crt');
  writeFileSync(path, der.bytes);
  t.match(openssl('x509', '-inform', 'DER', '-in', path, '-noout', '-subject'), 'CN');
  t.match((await chancery.plain('GET', '/ca/chain.pem')).text, /^-----BEGIN CERTIFICATE-----/);
  t.strictSame((await chancery.plain('GET', '/healthz')).json, { status: 'ok' });
  const ready = await chancery.plain('GET', '/readyz');
  t.equal(ready.status, 200);
  t.strictSame(ready.json.checks.map(({ name, ok }: { name: string; ok: boolean }) => [name, ok]), [['listeners', true], ['store', true], ['key', true], ['crl', true], ['replicas', true], ['ocsp', true]]);
});

t.test('CRLs of one second can be told apart by their time', async (t) => {
  const chancery = await startTestService(t);
  const published = async (): Promise<Reply> => {
    t.equal((await chancery.call('POST', '/v1/authorities/issuing/crl', { certificate: chancery.operator })).status, 200);
    return chancery.plain('GET', '/crl/issuing.crl');
  };
  const before = await published();
  const after = await published();
  t.not(after.headers['last-modified'], before.headers['last-modified']);
  t.equal((await chancery.plain('GET', '/crl/issuing.crl', { headers: { 'if-modified-since': String(before.headers['last-modified']) } })).status, 200);
});

t.test('a root whose key was taken away: its last CRL is served, and its end is told', async (t) => {
  let now = Date.now();
  const chancery = await startTestService(t, { clock: () => now });
  const crl = await chancery.plain('GET', '/crl/root.crl');
  rmSync(join(chancery.config.data, 'authorities', 'root', 'key.pem'));
  await chancery.restart();
  const away = await chancery.plain('GET', '/crl/root.crl');
  t.equal(away.status, 200);
  t.strictSame(away.bytes, crl.bytes);
  const crlCheck = async (): Promise<object> => (await chancery.plain('GET', '/readyz')).json.checks.find(({ name }: { name: string }) => name === 'crl');
  t.strictSame(await crlCheck(), { name: 'crl', ok: true });
  now += 80 * 86_400_000;
  await chancery.restart();
  t.match(await crlCheck(), { ok: true, detail: /^the CRL of root, whose key is not here, expires in \d days$/ });
  now += 20 * 86_400_000;
  await chancery.restart();
  t.match(await crlCheck(), { detail: /root.*has expired/ });
});

t.test('a clock that was ahead: numbers and times of the CRL never go back, revocations are on it, and that it has not begun is told', async (t) => {
  let now = Date.now();
  const chancery = await startTestService(t, { clock: () => now });
  const published = async (): Promise<number> => {
    const { serial } = (await issue(chancery, 'ahead')).json;
    t.equal((await chancery.call('POST', `/v1/certificates/${serial}/revoke`, { certificate: chancery.operator })).status, 200);
    const reply = await chancery.call('POST', '/v1/authorities/issuing/crl', { certificate: chancery.operator });
    t.ok((await chancery.plain('GET', '/crl/issuing.crl')).bytes.includes(Buffer.from(serial, 'hex')));
    return Date.parse(String(reply.json.thisUpdate ?? (await chancery.plain('GET', '/crl/issuing.crl')).headers['last-modified']));
  };
  const crlCheck = async (): Promise<object> => (await chancery.plain('GET', '/readyz')).json.checks.find(({ name }: { name: string }) => name === 'crl');
  now += 10 * 86_400_000;
  const ahead = await published();
  t.strictSame(await crlCheck(), { name: 'crl', ok: true });
  now -= 10 * 86_400_000;
  t.ok(await published() > ahead);
  t.match(await crlCheck(), { ok: true, detail: /^the CRL of issuing begins only at \d{4}-.*Z, since a clock was ahead when it was published/ });
});

t.test('a compromised key leaves a line of its own in the audit log', async (t) => {
  const chancery = await startTestService(t);
  const { serial } = (await issue(chancery, 'blocked')).json;
  await chancery.call('POST', `/v1/certificates/${serial}/revoke`, { certificate: chancery.operator, body: { reason: 'keyCompromise' } });
  const entries = await chancery.service.core.store.audit.list({ after: 0, limit: 100 });
  const record = await chancery.service.core.store.certificates.get(serial);
  t.match(entries.find(({ event }) => event === 'key.blocked'), { subject: record?.keyHash, details: { serial } });
  t.strictSame(entries.filter(({ event }) => event === 'authority.created').map(({ subject }) => subject), ['root', 'issuing']);
  t.ok(entries.some(({ event, details }) => event === 'service.started' && typeof details?.['version'] === 'string'));
});
