import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { parseOcspResponse } from '../../src/x509/ocsp-response-reader.ts';
import { certId, ocspRequest } from '../helpers/ocsp.ts';
import { makeCsr } from '../helpers/openssl.ts';
import { noRedis, startRedis } from '../helpers/redis.ts';
import { type Reply, startReplica, startTestService } from '../helpers/service.ts';

if (noRedis !== false) t.plan(0, noRedis);
else {
  const PKCS10 = { 'content-type': 'application/pkcs10' };
  const redis = await startRedis(t);
  const settings = {
    CHANCERY_STORE__URL: `redis://127.0.0.1:${redis.port}`, CHANCERY_PUBLIC_URL__HTTP: 'http://ca.example.com', CHANCERY_HOST_NAMES: 'localhost,127.0.0.1',
    CHANCERY_ELIGIBILITY: JSON.stringify(['key', 'names', 'profile', 'approval', { step: 'quota', limit: 4, per: '1d' }]),
    CHANCERY_PROFILES__CLIENT__APPROVAL: 'true',
  };
  const one = await startTestService(t, { settings });
  const filesOf = (folder: string): string[] => readdirSync(folder, { recursive: true }).map(String).sort().map((name) => `${name} ${statSync(join(folder, name)).mtimeMs}`);
  const files = filesOf(one.config.data);
  const two = await startReplica(t, one, settings);
  const { operator } = one;
  const csr = (name: string): Buffer => readFileSync(makeCsr(one.folder, name, { san: `DNS:${name}.example.com` }).csr);
  const ask = (through: Pick<typeof two, 'call'>, bearer: string, body: Buffer, headers: Readonly<Record<string, string>> = {}, profile = 'server'): Promise<Reply> =>
    through.call('POST', `/v1/requests?profile=${profile}`, { bearer, headers: { ...PKCS10, ...headers }, body });
  const token = async (uses: number, profile = 'server'): Promise<string> => one.token({ profile, names: ['*.example.com'], uses });

  t.test('a second replica changes nothing in a data folder that it shares', async (t) => {
    t.same(filesOf(one.config.data), files);
  });

  t.test('a token made by one is used up by the other, and its CSR finds its certificate everywhere', async (t) => {
    const bearer = await token(1);
    const body = csr('first');
    const made = await ask(two, bearer, body);
    t.equal(made.status, 201, made.text);
    const again = await ask(one, bearer, body);
    t.equal(again.json.serial, made.json.serial);
    t.equal((await ask(one, bearer, csr('second'))).status, 403);
    t.equal((await one.call('GET', `/v1/certificates/${made.json.serial}`)).json.certificate, made.json.certificate);
  });

  t.test('both race for the last use of a token', async (t) => {
    for (let round = 0; round < 10; round += 1) {
      const bearer = await token(1);
      const replies = await Promise.all([ask(one, bearer, csr(`left${round}`)), ask(two, bearer, csr(`right${round}`))]);
      t.same(new Set(replies.map(({ status }) => status)), new Set([201, 403]));
    }
  });

  t.test('an Idempotency-Key finds what the other replica made, also a secret that no store holds', async (t) => {
    const headers = { 'idempotency-key': 'the same again' };
    const body = { profile: 'server', names: ['a.example.com'] };
    const made = await one.call('POST', '/v1/tokens', { certificate: operator, headers, body });
    const again = await two.call('POST', '/v1/tokens', { certificate: operator, headers, body });
    t.equal(made.status, 201);
    t.equal(again.json.token, made.json.token);
    t.equal((await two.call('POST', '/v1/tokens', { certificate: operator, headers, body: { ...body, uses: 2 } })).status, 422);
    const bearer = await token(3);
    const request = csr('idem');
    const first = await ask(one, bearer, request, headers);
    t.equal((await ask(two, bearer, request, headers)).json.id, first.json.id);
    t.equal((await ask(two, bearer, csr('other'), headers)).status, 422);
  });

  t.test('an API key works everywhere at once, and nowhere once it is revoked', async (t) => {
    const { json: { id, key } } = await one.call('POST', '/v1/api-keys', { certificate: operator, body: { name: 'reader', scopes: ['read'] } });
    t.equal((await two.call('GET', '/v1/requests', { bearer: key })).status, 200);
    await two.call('DELETE', `/v1/api-keys/${id}`, { certificate: operator });
    t.equal((await one.call('GET', '/v1/requests', { bearer: key })).status, 401);
  });

  t.test('a quota is one for all replicas', async (t) => {
    const bearer = await token(20);
    const replies: number[] = [];
    for (let n = 0; n < 6; n += 1) replies.push((await ask(n % 2 === 0 ? one : two, bearer, csr(`quota${n}`))).status);
    t.same(replies, [201, 201, 201, 201, 403, 403]);
  });

  t.test('who waits at one replica for a decision hears of it when the other one takes it', async (t) => {
    const bearer = await token(1, 'client');
    const waiting = await ask(one, bearer, csr('patient'), {}, 'client');
    t.equal(waiting.status, 202, waiting.text);
    const began = performance.now();
    const answer = one.call('GET', `/v1/requests/${waiting.json.id}`, { bearer, headers: { prefer: 'wait=20' } });
    await new Promise((resolve) => setTimeout(resolve, 300));
    t.equal((await two.call('POST', `/v1/requests/${waiting.json.id}/approve`, { certificate: operator, body: { reason: 'known' } })).status, 200);
    const decided = performance.now();
    t.equal((await answer).json.state, 'issued');
    t.ok(performance.now() - decided < 1500 && performance.now() - began > 300, `${(performance.now() - decided).toFixed(0)} ms after the decision`);
  });

  /** A second, and a look; one of the three delays at each replica may meet a machine that does something else. */
  const withinASecond = (t: Test, delays: Readonly<Record<string, number[]>>): void => {
    for (const [name, each] of Object.entries(delays)) t.ok((each.sort((a, b) => a - b)[1] ?? Infinity) < 1100, `at ${name} after ${each.map((delay) => delay.toFixed(0)).join(', ')} ms`);
  };

  t.test('a revocation by one is on the CRL of the other within a second, and both serve the same octets', async (t) => {
    const delays: Record<'one' | 'two', number[]> = { one: [], two: [] };
    for (let round = 0; round < 6; round += 1) {
      const [by, at, name] = round % 2 === 0 ? [one, two, 'two'] as const : [two, one, 'one'] as const;
      const { json: { serial } } = await ask(by, await token(1), csr(`revoked${round}`));
      const before = await at.plain('GET', '/crl/issuing.crl');
      t.equal((await by.call('POST', `/v1/certificates/${serial}/revoke`, { certificate: operator, body: { reason: 'superseded' } })).status, 200);
      const revoked = performance.now();
      let crl = before;
      while (crl.headers.etag === before.headers.etag && performance.now() - revoked < 5000) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        crl = await at.plain('GET', '/crl/issuing.crl');
      }
      delays[name].push(performance.now() - revoked);
      t.ok(crl.bytes.includes(Buffer.from(serial, 'hex')));
      const other = await by.plain('GET', '/crl/issuing.crl');
      t.same([other.headers.etag, other.headers['last-modified'], other.bytes.equals(crl.bytes)], [crl.headers.etag, crl.headers['last-modified'], true]);
    }
    withinASecond(t, delays);
    const { json: { items } } = await one.call('GET', '/v1/audit?limit=500', { certificate: operator });
    const numbers = items.filter(({ event, subject }: { event: string; subject: string }) => event === 'crl.published' && subject === 'issuing').map(({ details }: { details: { number: string } }) => Number(details.number));
    t.same(numbers, [...new Set(numbers)].sort((a, b) => Number(a) - Number(b)), `${numbers.length} CRLs, each number once, rising`);
  });

  t.test('a revocation by one is in the OCSP answers of the other within a second, and in its own at once', async (t) => {
    const delays: Record<'one' | 'two', number[]> = { one: [], two: [] };
    for (let round = 0; round < 6; round += 1) {
      const [by, at, name] = round % 2 === 0 ? [one, two, 'two'] as const : [two, one, 'one'] as const;
      const { json: { serial } } = await ask(by, await token(1), csr(`ocsp${round}`));
      const request = encodeURIComponent(Buffer.from(ocspRequest([certId(one.service.core.authorities.issuing, serial)])).toString('base64'));
      const says = async (of: Pick<typeof two, 'plain'>): Promise<string | undefined> => parseOcspResponse((await of.plain('GET', `/ocsp/issuing/${request}`)).bytes).basic?.responses[0]?.certStatus.status;
      t.same([await says(one), await says(two)], ['good', 'good']);
      t.equal((await by.call('POST', `/v1/certificates/${serial}/revoke`, { certificate: operator, body: { reason: 'superseded' } })).status, 200);
      const revoked = performance.now();
      t.equal(await says(by), 'revoked');
      while (await says(at) !== 'revoked' && performance.now() - revoked < 5000) await new Promise((resolve) => setTimeout(resolve, 5));
      delays[name].push(performance.now() - revoked);
    }
    withinASecond(t, delays);
  });

  t.test('a client certificate revoked at one replica is nobody at the other', async (t) => {
    const renewable = makeCsr(one.folder, 'holder', { san: 'DNS:holder.example.com' });
    const { json } = await ask(one, await token(1), readFileSync(renewable.csr));
    const certificate = { cert: json.certificate + json.chain.join(''), key: readFileSync(renewable.key, 'utf8') };
    const renew = () => two.call('POST', '/v1/renewals', { certificate, headers: PKCS10, body: csr('holder') });
    t.equal((await renew()).status, 201);
    await one.call('POST', `/v1/certificates/${json.serial}/revoke`, { certificate: operator, body: {} });
    t.not((await renew()).status, 201);
  });

  t.test('each has a certificate of its own for https, of the same authority', async (t) => {
    const services = (await one.call('GET', '/v1/certificates?profile=service', { certificate: operator })).json.items;
    t.equal(services.length, 2);
  });

  t.test('a replica with a folder of its own starts, also where another one died while it renewed its certificate', async (t) => {
    const began = performance.now();
    await one.service.core.store.leases.acquire('service-certificate', 'somebody who died', Date.now(), 60_000);
    const late = await startReplica(t, one, settings);
    t.equal((await late.call('GET', '/healthz')).status, 200);
    t.ok(performance.now() - began < 10_000);
  });

  t.test('two with the same configuration are content, a third with another one is told of', async (t) => {
    const ready = async (of: Pick<typeof two, 'plain'>): Promise<string | undefined> => (await of.plain('GET', '/readyz')).json.checks.find(({ name }: { name: string }) => name === 'replicas').detail;
    t.equal(await ready(two), undefined);
    const third = await startReplica(t, one, { ...settings, CHANCERY_CRL__LIFETIME: '6d', CHANCERY_PROFILES__SERVER__LIFETIME: '5d' });
    const told = await ready(third);
    t.match(told, /^replicas differ: \S+ has a different crl, profiles; \S+ has a different crl, profiles$/);
    t.equal((await third.plain('GET', '/readyz')).status, 200, 'it serves nevertheless');
    t.ok(third.logged.some((line) => line.includes('replicas differ') && line.includes('"level":40')));
    t.notMatch(told, /6d|5d|518400/, 'names, no values');
  });
}
