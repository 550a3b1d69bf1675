import { spawn } from 'node:child_process';
import { X509Certificate, createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import t from 'tap';
import type { Test } from 'tap';
import { batchScript } from '../../src/store/redis/scripts/batch.ts';
import { findScript } from '../../src/store/redis/scripts/reads.ts';
import { makeCsr } from '../helpers/openssl.ts';
import { HOST, noRedis, startRedis, until } from '../helpers/redis.ts';
import { type Call, type Json, type TestService, startReplica, startTestService } from '../helpers/service.ts';

const PKCS10 = { 'content-type': 'application/pkcs10' };
const REQUESTS = '/v1/requests?profile=server';

type Credential = Pick<Call, 'bearer' | 'certificate'>;

interface Known {
  readonly credential: Credential;
  /** Through another process. */
  readonly revoke: (replica: Pick<TestService, 'call'>) => Promise<unknown>;
}

const shaOf = ({ source }: { readonly source: string }): string => createHash('sha1').update(source).digest('hex');

/** What the clients of a Redis send, as MONITOR shows it; what scripts do is left out. */
async function monitor(t: Test, port: number): Promise<{ readonly sent: () => string[]; readonly clear: () => void }> {
  const child = spawn('redis-cli', ['-h', HOST, '-p', String(port), 'MONITOR'], { stdio: ['ignore', 'pipe', 'ignore'] });
  t.teardown(() => void child.kill());
  let text = '';
  child.stdout.setEncoding('latin1').on('data', (more: string) => (text += more));
  await until('MONITOR to begin', () => text.startsWith('OK'));
  return { sent: () => text.split('\n').filter((line) => /^\d+\.\d+ \[/.test(line) && !line.includes(' lua] ')), clear: () => (text = '') };
}

if (noRedis !== false) t.plan(0, noRedis);
else {
  const redis = await startRedis(t);
  const settings = {
    CHANCERY_STORE__URL: `redis://${HOST}:${redis.port}`,
    CHANCERY_PROFILES__NODE__RENEWABLE: 'false',
    CHANCERY_ELIGIBILITY: JSON.stringify(['key', 'names', 'profile', { step: 'quota', limit: 3, per: '1d' }]),
  };
  const service = await startTestService(t, { settings });
  const certificate = service.operator;
  const other = await startReplica(t, service, settings);
  const csr = (name: string, domain = 'example.com'): Buffer => readFileSync(makeCsr(service.folder, name, { san: `DNS:${name}.${domain}` }).csr);
  const bare = (name: string): Buffer => readFileSync(makeCsr(service.folder, name).csr);
  const post = (path: string, credential: Credential, body: Buffer) => service.call('POST', path, { ...credential, headers: PKCS10, body });
  const ask = (bearer: string, body: Buffer) => post(REQUESTS, { bearer }, body);
  const token = (uses: number, profile = 'server'): Promise<string> => service.token({ profile, names: ['*.example.com'], uses });

  const done = async (replica: Pick<TestService, 'call'>, method: string, path: string, body?: object): Promise<Json> => {
    const reply = await replica.call(method, path, { certificate, ...(body === undefined ? {} : { body }) });
    if (reply.status >= 300) throw new Error(reply.text);
    return reply.json;
  };
  const apiKey = async (scopes = ['admin']): Promise<Known & { readonly credential: { readonly bearer: string } }> => {
    const { id, key } = await done(service, 'POST', '/v1/api-keys', { name: 'deployer', scopes });
    return { credential: { bearer: key }, revoke: (replica) => done(replica, 'DELETE', `/v1/api-keys/${id}`) };
  };
  const holder = async (profile = 'server'): Promise<Known> => {
    const { key, csr: file } = makeCsr(service.folder, 'held', { san: 'DNS:held.example.com' });
    const reply = await service.call('POST', '/v1/requests', { bearer: await token(1, profile), headers: { ...PKCS10, accept: 'application/pem-certificate-chain' }, body: readFileSync(file) });
    const cert = reply.text;
    const serial = new X509Certificate(cert).serialNumber.toLowerCase();
    return { credential: { certificate: { cert, key: readFileSync(key, 'utf8') } }, revoke: (replica) => done(replica, 'POST', `/v1/certificates/${serial}/revoke`, { reason: 'superseded' }) };
  };
  const CREDENTIALS: Readonly<Record<string, { readonly make: () => Promise<Known>; readonly path: string; readonly body: (name: string) => Buffer }>> = {
    'an API key': { make: () => apiKey(), path: REQUESTS, body: csr },
    'an enrolment token': {
      make: async () => {
        const bearer = await token(5);
        const id = bearer.split('-')[3] ?? '';
        return { credential: { bearer }, revoke: (replica) => done(replica, 'DELETE', `/v1/tokens/${id}`) };
      },
      path: REQUESTS, body: csr,
    },
    'a client certificate': { make: () => holder(), path: '/v1/renewals', body: bare },
  };
  /** How much of each kind is stored. */
  const logged = async (): Promise<{ readonly denied: number; readonly issued: number }> => {
    const count = async (state: string): Promise<number> => (await done(service, 'GET', `/v1/requests?limit=200&state=${state}`)).items.length;
    return { denied: await count('denied'), issued: await count('issued') };
  };

  for (const [name, { make, path, body }] of Object.entries(CREDENTIALS)) {
    t.test(`an issuance by ${name} that is known already is one round trip to Redis`, async (t) => {
      const { credential } = await make();
      const monitored = await monitor(t, redis.port);
      for (const known of [false, true]) {
        monitored.clear();
        const reply = await post(path, credential, body(`counted-${known}`));
        t.equal(reply.status, 201, reply.text);
        await until('the write to be seen', () => monitored.sent().some((line) => line.includes('accept')));
        const sent = monitored.sent();
        t.equal(sent.filter((line) => line.includes(`"${shaOf(batchScript)}"`) && line.includes('accept')).length, 1);
        t.equal(sent.filter((line) => line.includes(`"${shaOf(findScript)}"`)).length, 0, 'it is not looked first');
        t.equal(sent.filter((line) => /"SISMEMBER"|"HGET" "\{chancery\}:q:/.test(line)).length, 0, 'nor asked for blocks and quotas');
        t.equal(sent.filter((line) => /"GET" "\{chancery\}:[tkr]:/.test(line)).length, known ? 0 : 1, known ? 'nor who asks' : 'who asks is looked at once');
      }
    });

    t.test(`${name}, revoked by another process, is known no longer`, async (t) => {
      const { credential, revoke } = await make();
      t.equal((await post(path, credential, body('still'))).status, 201);
      await revoke(other);
      const before = await logged();
      const refused = await post(path, credential, body('gone'));
      t.equal(refused.status, 401, refused.text);
      t.match(refused.json, { type: 'urn:chancery:error:unauthenticated', detail: /revoked/ });
      t.equal((await post(path, credential, body('gone-again'))).status, 401);
      t.same(await logged(), before, 'nothing of it is stored');
    });

    t.test(`${name}, revoked by another process, is told that and nothing else of what is wrong`, async (t) => {
      const { credential, revoke } = await make();
      t.equal((await post(path, credential, body('good'))).status, 201);
      await revoke(other);
      for (const bad of [Buffer.from('no CSR'), csr('elsewhere', 'example.org')]) {
        const before = await logged();
        t.equal((await post(path, credential, bad)).status, 401);
        t.same(await logged(), before);
        // Known again, had it been kept as revoked.
        t.equal((await post(path, credential, body('after'))).status, 401);
      }
    });
  }

  t.test('a known credential with a wrong secret is refused, and the right one stays known', async (t) => {
    const { credential: { bearer } } = await apiKey();
    t.equal((await ask(bearer, csr('right'))).status, 201);
    const wrong = `${bearer.slice(0, -1)}${bearer.endsWith('a') ? 'b' : 'a'}`;
    const refused = await ask(wrong, csr('wrong'));
    t.equal(refused.status, 401);
    t.match(refused.json, { detail: /unknown, revoked or expired/ });
    t.equal((await ask(bearer, csr('right-again'))).status, 201);
  });

  t.test('refusals by what is wrong with the call are as they were', async (t) => {
    const bearer = await token(5);
    t.equal((await ask(bearer, csr('fine'))).status, 201);
    t.match((await ask(bearer, Buffer.from('no CSR'))).json, { status: 400, type: 'urn:chancery:error:csr-malformed' });
    t.match((await service.call('POST', '/v1/requests?profile=nowhere', { bearer, headers: PKCS10, body: csr('no-profile') })).json, { type: 'urn:chancery:error:profile-unknown' });
    const before = await logged();
    t.equal((await ask(bearer, csr('foreign-name', 'example.org'))).status, 403);
    t.same(await logged(), { ...before, denied: before.denied + 1 }, 'recorded once');
    const { credential } = await apiKey(['read']);
    t.match((await ask(credential.bearer, csr('reader'))).json, { status: 403, type: 'urn:chancery:error:forbidden' });
    t.match((await ask(credential.bearer, csr('reader'))).json, { status: 403, type: 'urn:chancery:error:forbidden' });
  });

  t.test('a certificate that may not be renewed is told so, known or not', async (t) => {
    const { credential } = await holder('node');
    for (let n = 0; n < 2; n += 1) {
      const refused = await post('/v1/renewals', credential, bare(`unwanted${n}`));
      t.equal(refused.status, 403, refused.text);
      t.match(refused.json, { type: 'urn:chancery:error:renewal-refused' });
    }
  });

  t.test('what the write refuses is looked into, told and recorded with every step', async (t) => {
    const bearer = await token(10);
    const first = csr('first');
    const made = await ask(bearer, first);
    t.equal(made.status, 201);
    t.equal((await ask(bearer, first)).json.serial, made.json.serial, 'the same again');
    await service.call('POST', `/v1/certificates/${made.json.serial}/revoke`, { certificate, body: { reason: 'keyCompromise' } });
    const blocked = await ask(await token(1), first);
    t.equal(blocked.status, 403);
    t.match(blocked.text, /block list/);
    const denied = (await service.call('GET', '/v1/requests?state=denied', { certificate })).json.items;
    t.ok(denied.some(({ steps }: { steps: { name: string; outcome: string }[] }) => steps.some(({ name, outcome }) => name === 'block-list' && outcome === 'failed')), 'recorded');
    for (let n = 0; n < 2; n += 1) t.equal((await ask(bearer, csr(`more${n}`))).status, 201);
    const over = await ask(bearer, csr('over'));
    t.equal(over.status, 403);
    t.match(over.text, /3 of 3 requests used/);
    t.ok(over.headers['retry-after'] !== undefined);
  });

  t.test('a refusal of the steps is told and recorded once', async (t) => {
    const refused = await ask(await token(1), readFileSync(makeCsr(service.folder, 'foreign', { san: 'DNS:foreign.example.org' }).csr));
    t.equal(refused.status, 403);
    t.match(refused.text, /foreign\.example\.org/);
    const denied = (await service.call('GET', '/v1/requests?state=denied&name=foreign.example.org', { certificate })).json.items;
    t.equal(denied.length, 1);
  });
}
