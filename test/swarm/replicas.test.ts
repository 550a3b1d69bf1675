import t from 'tap';
import { noRedis, startRedis } from '../helpers/redis.ts';
import { startReplica, startTestService } from '../helpers/service.ts';
import { authenticated } from '../cfssl/client.ts';
import { makeSwarm, nodeRequest, SIGN } from './pki.ts';

const KEY = '00112233445566778899aabbccddeeff';

if (noRedis !== false) t.plan(0, noRedis);
else {
  const redis = await startRedis(t);
  const settings = {
    CHANCERY_STORE__URL: `redis://127.0.0.1:${redis.port}`, CHANCERY_PUBLIC_URL__HTTP: 'http://ca.example.com', CHANCERY_SWARM__ENABLED: 'true',
    CHANCERY_CFSSL__ENABLED: 'true', CHANCERY_CFSSL__KEYS__BUILDS__KEY: KEY, CHANCERY_CFSSL__KEYS__BUILDS__PROFILES: 'server', CHANCERY_CFSSL__KEYS__BUILDS__NAMES: '**.example.com',
  };
  const one = await startTestService(t, { settings });
  const two = await startReplica(t, one, settings);
  const { folder, operator } = one;

  t.test('a root that is registered or unregistered at one counts at the other at once', async (t) => {
    const swarm = makeSwarm(folder);
    const manager = swarm.node();
    const ask = async (at: Pick<typeof one, 'call'>): Promise<number> => (await at.call('POST', SIGN, { certificate: manager, body: nodeRequest(swarm.id).body })).status;
    t.same([await ask(one), await ask(two)], [401, 401]);
    const body = { clusterId: swarm.id, root: swarm.root };
    const replies = await Promise.all([one, two, one, two].map((at) => at.call('POST', '/v1/swarms', { certificate: operator, body })));
    t.same(replies.map(({ status, json }) => [status, json.roots?.length]), Array.from({ length: 4 }, () => [200, 1]), 'four at once register it once');
    t.same([await ask(one), await ask(two)], [200, 200]);
    const elsewhere = await two.call('POST', '/v1/swarms', { certificate: operator, body: { ...body, clusterId: makeSwarm(folder).id } });
    t.equal(elsewhere.status, 409);
    t.equal((await two.call('DELETE', `/v1/swarms/${swarm.id}`, { certificate: operator })).status, 200);
    t.same([await ask(one), await ask(two)], [401, 401]);
    const registered = (await one.service.core.store.audit.list({ after: 0, limit: 1000 })).filter(({ event }) => event === 'swarm.registered');
    t.equal(registered.length, 1);
  });

  t.test('a join that is asked for at both at once yields one certificate', async (t) => {
    const swarm = makeSwarm(folder);
    const manager = swarm.node();
    t.equal((await one.call('POST', '/v1/swarms', { certificate: operator, body: { clusterId: swarm.id, root: swarm.root } })).status, 200);
    const { body } = nodeRequest(swarm.id);
    const replies = await Promise.all([one, two, one, two].map((at) => at.call('POST', SIGN, { certificate: manager, body })));
    t.equal(new Set(replies.map(({ json }) => json.result.certificate)).size, 1);
  });

  t.test('a token of authsign yields one certificate at all of them', async (t) => {
    const { body } = nodeRequest('x');
    const request = { certificate_request: body['certificate_request'], hosts: ['a.example.com'] };
    const replies = await Promise.all([one, two, one, two].map((at) => at.call('POST', '/api/v1/cfssl/authsign', { body: authenticated(KEY, request) })));
    t.equal(new Set(replies.map(({ json }) => json.result.certificate)).size, 1);
    const { items } = await one.service.core.store.certificates.list({ name: 'a.example.com' }, { limit: 10 }, 0);
    t.equal(items.length, 1);
  });

  t.test('without the store the answer is 503, which SwarmKit tries again', async (t) => {
    const swarm = makeSwarm(folder);
    const manager = swarm.node();
    await redis.kill();
    const reply = await one.call('POST', SIGN, { certificate: manager, body: nodeRequest(swarm.id).body });
    t.match([reply.status, reply.json.success, reply.headers['retry-after']], [503, false, /^\d+$/]);
  });
}
