import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { makeCsr } from '../../helpers/openssl.ts';
import { noRedis, startRedis } from '../../helpers/redis.ts';
import { type Reply, startReplica, startTestService, type TestService } from '../../helpers/service.ts';
import { AUDIENCE, startIssuer } from './issuer.ts';

const PKCS10 = { 'content-type': 'application/pkcs10' };
const PEM_CHAIN = 'application/pem-certificate-chain';
const issuer = await startIssuer(t);
const RULES = [
  { when: { repository_owner: 'octo-org', ref: 'refs/heads/main' }, profile: 'server', names: ['{{repository_owner}}.ci.example.com', '*.{{repository_owner}}.ci.example.com'], maxValidity: '1h' },
  { when: { repository_owner: 'octo-org', ref: 'refs/heads/review' }, profile: 'client', names: ['review.example.com'] },
];
const settings = {
  CHANCERY_OIDC__ISSUERS__CI__ISSUER: issuer.url, CHANCERY_OIDC__ISSUERS__CI__CA: issuer.ca, CHANCERY_OIDC__ISSUERS__CI__AUDIENCE: AUDIENCE,
  CHANCERY_OIDC__ISSUERS__CI__PERMIT_NETWORKS: '127.0.0.0/8,::1/128',
  CHANCERY_OIDC__ISSUERS__CI__RULES: JSON.stringify(RULES), CHANCERY_PROFILES__CLIENT__APPROVAL: 'true',
};
const main = { repository_owner: 'octo-org', ref: 'refs/heads/main' };
const token = (claims: object = {}): Promise<string> => issuer.token({ ...main, ...claims });

const csrs = (one: TestService) => (name: string, san = 'octo-org.ci.example.com'): Buffer => readFileSync(makeCsr(one.folder, name, { san: `DNS:${san}` }).csr);
const ask = (through: Pick<TestService, 'call'>, bearer: string, body: Buffer, query = '', headers: Readonly<Record<string, string>> = {}): Promise<Reply> =>
  through.call('POST', `/v1/requests${query}`, { bearer, headers: { ...PKCS10, ...headers }, body });

t.test('a token gets a certificate, by the one line of curl', async (t) => {
  const one = await startTestService(t, { settings });
  const csr = csrs(one);
  const file = (name: string): string => join(one.folder, name);
  writeFileSync(file('root.pem'), one.root);
  csr('node');

  t.test('of the profile, names and life that the rule says', async (t) => {
    const line = `curl -sS --fail-with-body --cacert root.pem -H "Authorization: Bearer $TOKEN" -H 'Accept: ${PEM_CHAIN}' --data-binary @node.csr -H 'Content-Type: application/pkcs10' "$CA/v1/requests?profile=server"`;
    const { stdout: chain } = await promisify(execFile)('sh', ['-c', line], {
      cwd: one.folder, encoding: 'utf8', timeout: 20_000, env: { ...process.env, TOKEN: await token(), CA: one.service.addresses.https ?? '' },
    });
    const certificate = new X509Certificate(chain);
    t.equal(certificate.subjectAltName, 'DNS:octo-org.ci.example.com');
    const life = Date.parse(certificate.validTo) - Date.parse(certificate.validFrom);
    t.ok(life <= 3_600_000 + 61_000, `${life} ms`);
  });

  t.test('the same token and CSR find the first certificate again, and no other CSR gets one', async (t) => {
    const bearer = await token();
    const body = csr('again');
    const first = await ask(one, bearer, body);
    t.equal(first.status, 201, first.text);
    t.match(first.json.requester, { kind: 'oidc', name: 'ci:repo:octo-org/site:ref:refs/heads/main' });
    t.match(first.json.steps[0], { name: 'identity', outcome: 'passed', reason: /allowed by rule 1$/ });
    t.equal((await ask(one, bearer, body)).json.serial, first.json.serial);
    const other = await ask(one, bearer, csr('other'));
    t.match([other.status, other.json.type, other.json.detail], [403, 'urn:chancery:error:token-exhausted', /used before, for another CSR/]);
    const keyed = await ask(one, bearer, csr('other-key'), '', { 'idempotency-key': 'a' });
    t.equal(keyed.json.type, 'urn:chancery:error:token-exhausted', 'an Idempotency-Key changes nothing');
    const named = await ask(one, bearer, csr('other-names', 'x.octo-org.ci.example.com'));
    t.equal(named.json.type, 'urn:chancery:error:token-exhausted');
    t.equal((await ask(one, await token(), body)).json.serial, first.json.serial, 'a new token with the same CSR: safe retry');
    await one.restart();
    t.equal((await ask(one, bearer, csr('restarted'))).json.type, 'urn:chancery:error:token-exhausted', 'also after a restart');
  });

  t.test('a refused request and a dry run use nothing up', async (t) => {
    const bearer = await token();
    const refused = await ask(one, bearer, csr('foreign', 'evil.example.com'));
    t.match([refused.status, refused.json.errors[0].code], [403, 'step-names']);
    const audit = await one.call('GET', '/v1/audit?limit=500', { certificate: one.operator });
    t.ok(audit.json.items.some((entry: { event: string; actor: string }) => entry.event === 'request.denied' && entry.actor === 'oidc:ci:repo:octo-org/site:ref:refs/heads/main'), 'in the audit log');
    const dry = await ask(one, bearer, csr('dry'), '?dryRun=true');
    t.match(dry.json, { dryRun: true, outcome: 'issued', profile: 'server' });
    t.match(dry.json.steps[0].reason, /allowed by rule 1/);
    t.equal((await ask(one, bearer, csr('granted'))).status, 201);
  });

  t.test('where no rule fits, it is told in words what would have to change', async (t) => {
    const bearer = await token({ ref: 'refs/heads/dev' });
    for (const query of ['', '?dryRun=true']) {
      const reply = await ask(one, bearer, csr(`none${query.length}`), query);
      t.match([reply.status, reply.json.type], [403, 'urn:chancery:error:forbidden']);
      t.match(reply.json.detail, /rule 1 requires ref to be "refs\/heads\/main", not "refs\/heads\/dev"; rule 2 requires ref to be "refs\/heads\/review", not/);
    }
  });

  t.test('a waiting request is followed with the same token, or a later one of the same requester', async (t) => {
    const review = { ref: 'refs/heads/review', sub: 'repo:octo-org/site:ref:refs/heads/review' };
    const bearer = await token(review);
    const waiting = await ask(one, bearer, csr('waiting', 'review.example.com'));
    t.equal(waiting.status, 202, waiting.text);
    const path = `/v1/requests/${waiting.json.id}`;
    t.equal((await one.call('GET', path, { bearer })).json.state, 'pending');
    t.equal((await one.call('POST', `${path}/approve`, { certificate: one.operator, body: { reason: 'reviewed' } })).json.state, 'issued');
    for (const later of [bearer, await token(review)]) t.equal((await one.call('GET', path, { bearer: later })).json.state, 'issued');
    t.equal((await one.call('GET', path, { bearer: await token() })).status, 404, 'somebody else sees nothing');
    t.equal((await one.call('GET', '/v1/requests', { bearer })).status, 403, 'no operator');
  });

  t.test('a bad token is a 401 that says which claim, and its secrets are in no log', async (t) => {
    const bearer = await token({ aud: 'https://other.example.com' });
    const reply = await ask(one, bearer, csr('bad'));
    t.match([reply.status, reply.headers['www-authenticate'], reply.json.errors], [401, /^Bearer/, [{ code: 'oidc-audience' }]]);
    const [, payload = '', signature = ''] = bearer.split('.');
    t.notOk(one.logged.some((line) => line.includes(payload) || line.includes(signature)));
    const metrics = await fetch(`${one.service.addresses.metrics}/metrics`).then((response) => response.text());
    t.match(metrics, /chancery_oidc_tokens_total\{issuer="ci",outcome="audience"\} 1/);
    t.match(metrics, /chancery_oidc_key_fetches_total\{issuer="ci",outcome="fetched"\} 1/);
  });
});

t.test('a token is good for one certificate among many at once', async (t) => {
  const one = await startTestService(t, { settings });
  const csr = csrs(one);
  const bodies = Array.from({ length: 8 }, (_, i) => csr(`at-once-${i}`));
  const bearer = await token();
  const replies = await Promise.all(bodies.map((body) => ask(one, bearer, body)));
  t.same(replies.map(({ status }) => String(status)).sort(), ['201', ...Array<string>(7).fill('403')]);
  t.same([...new Set(replies.filter(({ status }) => status === 403).map(({ json }) => json.type))], ['urn:chancery:error:token-exhausted']);
});

t.test('and over two services on one Redis', { skip: noRedis }, async (t) => {
  const redis = await startRedis(t);
  const shared = { ...settings, CHANCERY_STORE__URL: `redis://127.0.0.1:${redis.port}`, CHANCERY_PUBLIC_URL__HTTP: 'http://ca.example.com', CHANCERY_HOST_NAMES: 'localhost,127.0.0.1' };
  const one = await startTestService(t, { settings: shared });
  const two = await startReplica(t, one, shared);
  const csr = csrs(one);
  const bodies = Array.from({ length: 8 }, (_, i) => csr(`over-two-${i}`));
  const bearer = await token();
  const replies = await Promise.all(bodies.map((body, i) => ask(i % 2 === 0 ? one : two, bearer, body)));
  t.same(replies.map(({ status }) => String(status)).sort(), ['201', ...Array<string>(7).fill('403')]);
  const won = replies.findIndex(({ status }) => status === 201);
  for (const through of [one, two]) t.equal((await ask(through, bearer, bodies[won] ?? Buffer.alloc(0))).json.serial, replies[won]?.json.serial, 'the same CSR is answered by both');
  const keyed = await ask(two, bearer, csr('keyed'), '', { 'idempotency-key': 'k' });
  t.equal(keyed.json.type, 'urn:chancery:error:token-exhausted');
  t.equal((await ask(two, await token({ ref: 'refs/heads/dev' }), csr('none'))).json.type, 'urn:chancery:error:forbidden');
});
