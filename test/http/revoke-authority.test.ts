import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { makeCsr, openssl, opensslStatus } from '../helpers/openssl.ts';
import { type Reply, startTestService, type TestService } from '../helpers/service.ts';

const PKCS10 = { 'content-type': 'application/pkcs10' };
const PATH = '/v1/authorities/issuing/revoke';

const ask = (chancery: TestService, name: string): Promise<Reply> =>
  chancery.call('POST', '/v1/requests?profile=server', { certificate: chancery.operator, headers: PKCS10, body: readFileSync(makeCsr(chancery.folder, name, { san: `DNS:${name}.example.com` }).csr) });

t.test('a revoked authority is on its issuer\'s CRL, issues nothing more, and goes on publishing its own', async (t) => {
  const chancery = await startTestService(t);
  const leaf = (await ask(chancery, 'before')).json;
  const before = (await chancery.plain('GET', '/crl/root.crl')).headers.etag;
  const revoked = await chancery.call('POST', PATH, { certificate: chancery.operator, body: { reason: 'cACompromise' } });
  t.equal(revoked.status, 200, revoked.text);
  t.match(revoked.json, { name: 'issuing', revocation: { reason: 'cACompromise' } });
  t.match((await chancery.call('GET', '/v1/authorities/issuing')).json.revocation, { reason: 'cACompromise' });

  const refused = await ask(chancery, 'after');
  t.equal(refused.status, 503);
  t.match(refused.json.detail, /Authority issuing was revoked at .* \(cACompromise\)/);
  t.equal((await chancery.plain('GET', '/readyz')).status, 503);
  const again = await chancery.call('POST', PATH, { certificate: chancery.operator, body: { reason: 'superseded' } });
  t.equal(again.json.type, 'urn:chancery:error:already-revoked');

  for (let tries = 0; (await chancery.plain('GET', '/crl/root.crl')).headers.etag === before && tries < 100; tries += 1) await new Promise((resolve) => setTimeout(resolve, 50));
  const file = (name: string, content: string | Buffer): string => {
    const path = join(chancery.folder, name);
    writeFileSync(path, content);
    return path;
  };
  const root = file('root.pem', chancery.root);
  const chain = file('chain.pem', leaf.chain.join(''));
  const crls = file('crls.pem', (await chancery.plain('GET', '/crl/root.pem')).text + (await chancery.plain('GET', '/crl/issuing.pem')).text);
  const text = opensslStatus('verify', '-crl_check_all', '-CRLfile', crls, '-CAfile', root, '-untrusted', chain, file('leaf.pem', leaf.certificate)).text;
  t.match(text, /error 23 at 1 depth lookup: certificate revoked/);
  t.match(openssl('crl', '-in', file('root.crl.pem', (await chancery.plain('GET', '/crl/root.pem')).text), '-noout', '-text'), 'CA Compromise');

  t.equal((await chancery.call('POST', `/v1/certificates/${leaf.serial}/revoke`, { certificate: chancery.operator })).status, 200, 'what it signed can still be revoked');
  const entries = (await chancery.call('GET', '/v1/audit?limit=500', { certificate: chancery.operator })).json.items as { event: string; subject: string; details: object }[];
  t.match(entries.filter(({ event }) => event === 'authority.revoked'), [{ subject: 'issuing', details: { reason: 'cACompromise', issuer: 'root' } }]);

  await chancery.restart();
  t.equal((await ask(chancery, 'later')).status, 503, 'also after a restart');
  t.equal((await chancery.plain('GET', '/crl/issuing.crl')).status, 200);
});

t.test('who may, and what cannot be revoked', async (t) => {
  const chancery = await startTestService(t);
  t.equal((await chancery.call('POST', PATH)).status, 401);
  const key = (await chancery.call('POST', '/v1/api-keys', { certificate: chancery.operator, body: { name: 'revoker', scopes: ['revoke'] } })).json.key as string;
  t.equal((await chancery.call('POST', PATH, { bearer: key })).status, 403);
  for (const reason of ['certificateHold', 'removeFromCRL', 'nonsense']) t.equal((await chancery.call('POST', PATH, { certificate: chancery.operator, body: { reason } })).status, 400, reason);
  t.equal((await chancery.call('POST', '/v1/authorities/nobody/revoke', { certificate: chancery.operator })).status, 404);
  const root = await chancery.call('POST', '/v1/authorities/root/revoke', { certificate: chancery.operator });
  t.equal(root.status, 409);
  t.equal(root.json.type, 'urn:chancery:error:not-revocable');
  t.match(root.json.detail, /trust store/);

  const { data } = chancery.config;
  renameSync(join(data, 'authorities', 'root', 'key.pem'), join(chancery.folder, 'offline.pem'));
  await chancery.restart();
  const offline = await chancery.call('POST', PATH, { certificate: chancery.operator, body: { reason: 'cACompromise' } });
  t.equal(offline.status, 409);
  const serial = openssl('x509', '-in', join(data, 'authorities', 'issuing', 'cert.pem'), '-noout', '-serial').trim().replace('serial=', '').toLowerCase();
  t.match(offline.json.detail, `serial ${serial}`, 'what to tell the CA above');
  t.match(offline.json.detail, 'The key of root is not here');
  t.equal((await ask(chancery, 'goes-on')).status, 201);
});
