import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import t from 'tap';
import type { Test } from 'tap';
import { batchScript } from '../../src/store/redis/scripts/batch.ts';
import { findScript } from '../../src/store/redis/scripts/reads.ts';
import { makeCsr } from '../helpers/openssl.ts';
import { HOST, noRedis, startRedis, until } from '../helpers/redis.ts';
import { startTestService } from '../helpers/service.ts';

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
  const service = await startTestService(t, { settings: {
    CHANCERY_STORE__URL: `redis://${HOST}:${redis.port}`,
    CHANCERY_ELIGIBILITY: JSON.stringify(['key', 'names', 'profile', { step: 'quota', limit: 3, per: '1d' }]),
  } });
  const certificate = service.operator;
  const csr = (name: string): Buffer => readFileSync(makeCsr(service.folder, name, { san: `DNS:${name}.example.com` }).csr);
  const ask = (bearer: string, body: Buffer) => service.call('POST', '/v1/requests?profile=server', { bearer, headers: { 'content-type': 'application/pkcs10' }, body });
  const token = (uses: number): Promise<string> => service.token({ profile: 'server', names: ['*.example.com'], uses });

  t.test('an issuance is one round trip to Redis beside the look at who asks', async (t) => {
    const bearer = await token(2);
    await ask(bearer, csr('warm'));
    const monitored = await monitor(t, redis.port);
    monitored.clear();
    const reply = await ask(bearer, csr('counted'));
    t.equal(reply.status, 201, reply.text);
    await until('the write to be seen', () => monitored.sent().some((line) => line.includes('accept')));
    const sent = monitored.sent();
    t.equal(sent.filter((line) => line.includes(`"${shaOf(batchScript)}"`) && line.includes('accept')).length, 1);
    t.equal(sent.filter((line) => line.includes(`"${shaOf(findScript)}"`)).length, 0, 'it is not looked first');
    t.equal(sent.filter((line) => /"SISMEMBER"|"HGET" "\{chancery\}:q:/.test(line)).length, 0, 'nor asked for blocks and quotas');
    t.equal(sent.filter((line) => /"GET" "\{chancery\}:t:/.test(line)).length, 1, 'who asks is looked at');
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
