import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import { certificationRequest } from '../../src/authority/keys/certification-request.ts';
import { generateKeyPair } from '../../src/authority/keys/generate.ts';
import { subjectAltName } from '../../src/x509/extensions.ts';
import { noRedis, until } from '../helpers/redis.ts';
import { startCluster, startSentinels } from '../helpers/redis-topologies.ts';
import { type Reply, startTestService } from '../helpers/service.ts';

const LANES = 6;

/** Certificates and revocations as callers got them, while Redis fails over; then all of them must be there, byte for byte. */
async function throughFailover(t: Parameters<typeof startTestService>[0], url: string, failOver: () => Promise<unknown>): Promise<void> {
  const service = await startTestService(t, { settings: { CHANCERY_STORE__URL: url, CHANCERY_STORE__MIN_REPLICAS: '1', CHANCERY_STORE__TIMEOUT: '2s', CHANCERY_LIMITS__PER_IDENTITY: '0' } });
  const certificate = service.operator;
  const pair = await generateKeyPair('P-256');
  const issued = new Map<string, string>();
  const revoked: string[] = [];
  const odd: unknown[] = [];
  let [going, counter, unavailable] = [true, 0, 0];
  const lanes = Array.from({ length: LANES }, async () => {
    while (going) {
      counter += 1;
      const csr = certificationRequest(pair, [], [subjectAltName([{ kind: 'dns', value: `n${counter}.example.com` }], true)]);
      const reply = await service.call('POST', '/v1/requests?profile=server', { certificate, body: csr, headers: { 'content-type': 'application/pkcs10' } });
      if (reply.status === 201) issued.set(reply.json.serial, reply.json.certificate);
      else if (reply.status === 503 && reply.headers['retry-after'] !== undefined) unavailable += 1;
      else odd.push([reply.status, reply.text]);
      if (reply.status !== 201 || counter % 4 !== 0) continue;
      const answer = await service.call('POST', `/v1/certificates/${String(reply.json.serial)}/revoke`, { certificate, body: {} });
      if (answer.status === 200) revoked.push(reply.json.serial);
    }
  });
  await setTimeout(500);
  const before = issued.size;
  await failOver();
  const after = issued.size;
  await until('certificates to be issued again', () => issued.size > after + 30);
  going = false;
  await Promise.all(lanes);
  t.same(odd, []);
  t.ok(before > 0, `${before} certificates before, ${issued.size} in all, ${revoked.length} revocations, ${unavailable} calls were told to try again`);
  const wrong: string[] = [];
  for (const [serial, text] of issued) {
    const { json } = await answered(() => service.call('GET', `/v1/certificates/${serial}`));
    if (json?.certificate !== text || (revoked.includes(serial) && json.status !== 'revoked')) wrong.push(serial);
  }
  t.same(wrong, [], 'all are there as they were received, and what was revoked is');
  await until('the CRL to have all', async () => {
    const { bytes } = await service.plain('GET', '/crl/issuing.crl');
    return revoked.every((serial) => bytes.includes(Buffer.from(serial, 'hex')));
  });
}

/** A call asked again for as long as it is 503: where sentinels are slow they change the primary once more, and that one waits for a replica. */
async function answered(call: () => Promise<Reply>): Promise<Reply> {
  let reply = await call();
  await until('an answer', async () => reply.status !== 503 || (reply = await call()).status !== 503, 25_000);
  return reply;
}

if (noRedis !== false) t.plan(0, noRedis);
else {
  t.test('Sentinel: the primary is killed under the service', { timeout: 60_000 }, async (t) => {
    const sentinels = await startSentinels(t);
    await throughFailover(t, `redis+sentinel://${sentinels.sentinels.map(({ address }) => address).join(',')}/${sentinels.name}`, async () => {
      await sentinels.primary.kill();
      await until('another primary', async () => (await sentinels.current()) !== sentinels.primary);
    });
  });

  t.test('Cluster: the keys\' node is replaced under the service', { timeout: 60_000 }, async (t) => {
    const cluster = await startCluster(t);
    await throughFailover(t, `redis+cluster://${cluster.nodes.map(({ address }) => address).join(',')}`, async () => {
      const replica = await cluster.replicaOf('{chancery}');
      await replica.cli('CLUSTER', 'FAILOVER');
      await until('it to be the primary', async () => (await replica.cli('ROLE')).startsWith('master'));
    });
  });
}
