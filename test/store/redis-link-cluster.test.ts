import t from 'tap';
import { noRedis, type RedisServer, until } from '../helpers/redis.ts';
import { redisTls, startCluster } from '../helpers/redis-topologies.ts';
import { healed, KEY, linked, refused, write } from './redis-linked.ts';

if (noRedis !== false) t.plan(0, noRedis);

t.test('Cluster: the node with our keys is found, and found again after it failed', async (t) => {
  const cluster = await startCluster(t);
  const first = await cluster.primaryOf(KEY);
  const others = cluster.nodes.filter((node) => node !== first);
  const { link, states } = await linked(t, others.slice(0, 2), { address: { topology: 'cluster' } });
  t.same(states, [{ usable: true, primary: first.address }]);
  await write(link, 'one');
  t.equal(await first.cli('GET', KEY), 'one');
  const heard: unknown[] = [];
  link.subscribe('{chancery}:news', (message) => heard.push(message));
  await until('the subscription', () => heard.length === 1);
  await refused(t, () => linked(t, [others[0] as RedisServer], { timeout: 300 }), /another node of the Cluster holds the keys|it is a replica/, 1600);

  await first.kill();
  await until('another primary', () => cluster.primaryOf(KEY).then((node) => node !== first, () => false));
  await healed(link, 10_000);
  const second = await cluster.primaryOf(KEY);
  t.equal(await second.cli('GET', KEY), 'healed');
  await first.start();
  await until('the old one to follow', async () => (await first.cli('INFO', 'replication')).includes('master_link_status:up'));
  let asked = 0;
  await until('it to be the primary again', async () => {
    // Others may not know yet that it is back, and then do not vote for it.
    if (Date.now() - asked > 2000) {
      asked = Date.now();
      await first.cli('CLUSTER', 'FAILOVER');
    }
    return (await first.cli('ROLE')).startsWith('master');
  });
  await healed(link, 10_000);
  t.equal(await first.cli('GET', KEY), 'healed');
  link.publish('{chancery}:news', 'still here');
  await until('a message after all that', () => heard.includes('still here'));
});

/** Those of docs/operations.md. */
const RIGHTS = 'resetkeys ~{chancery}:* resetchannels &{chancery}:* -@all +@read +@write -@dangerous +eval +evalsha +publish +subscribe +ping +role +config|get +wait +select +client|setname +cluster|nodes +cluster|keyslot';

t.test('Cluster with TLS and an ACL user', async (t) => {
  const files = redisTls();
  const { nodes, primaryOf } = await startCluster(t, { settings: files.settings, access: files.access, lines: [`user chancery on >secret ${RIGHTS}`] });
  const { link, states } = await linked(t, nodes.slice(0, 3), { address: { topology: 'cluster', tls: true, user: 'chancery', password: 'secret' }, tls: { ca: files.ca, ...files.client }, minReplicas: 1 });
  t.same(states, [{ usable: true, primary: (await primaryOf(KEY)).address }]);
  t.equal(await write(link, 'x'), 1);
});
