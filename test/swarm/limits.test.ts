import t from 'tap';
import { startTestService } from '../helpers/service.ts';
import { authenticated } from '../cfssl/client.ts';
import { makeSwarm, nodeRequest, SIGN } from './pki.ts';

const KEY = '00112233445566778899aabbccddeeff';

t.test('a swarm, and a key, that calls without end is slowed down', async (t) => {
  const { call, folder, operator } = await startTestService(t, {
    settings: {
      CHANCERY_SWARM__ENABLED: 'true', CHANCERY_LIMITS__PER_IDENTITY: '3',
      CHANCERY_CFSSL__ENABLED: 'true', CHANCERY_CFSSL__KEYS__BUILDS__KEY: KEY, CHANCERY_CFSSL__KEYS__BUILDS__PROFILES: 'server', CHANCERY_CFSSL__KEYS__BUILDS__NAMES: '*.example.com',
    },
  });
  const swarm = makeSwarm(folder);
  const other = makeSwarm(folder);
  for (const { id, root } of [swarm, other]) t.equal((await call('POST', '/v1/swarms', { certificate: operator, body: { clusterId: id, root } })).status, 200);
  const [one, two, elsewhere] = [swarm.node(), swarm.node(), other.node()];
  const ask = (manager: typeof one, of = swarm.id) => call('POST', SIGN, { certificate: manager, body: nodeRequest(of).body });
  for (const manager of [one, two, one]) t.equal((await ask(manager)).status, 200);
  const slowed = await ask(two);
  t.same([slowed.status, slowed.json.success, slowed.json.errors[0].code], [429, false, 429]);
  t.match(slowed.headers['retry-after'], /^\d+$/);
  t.equal((await ask(elsewhere, other.id)).status, 200, 'another swarm is another one');
  const request = { certificate_request: nodeRequest('x').body['certificate_request'], hosts: ['a.example.com'] };
  const byKey = await Promise.all([1, 2, 3, 4].map(() => call('POST', '/api/v1/cfssl/authsign', { body: authenticated(KEY, request) })));
  t.same(byKey.map(({ status }) => status).sort((a, b) => a - b), [200, 200, 200, 429]);
});
