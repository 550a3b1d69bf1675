import t from 'tap';
import { startProxy } from '../helpers/proxy.ts';
import { noRedis, type RedisServer, startRedis, until } from '../helpers/redis.ts';
import { startReplicated } from '../helpers/redis-topologies.ts';
import { get, healed, KEY, linked, refused, SET, write } from './redis-linked.ts';

if (noRedis !== false) t.plan(0, noRedis);

const follows = (replica: RedisServer): Promise<void> => until('the replica to follow', async () => (await replica.cli('INFO', 'replication')).includes('master_link_status:up'));

t.test('a write is acknowledged when enough replicas have it', async (t) => {
  const { primary, replicas: [one, other] } = await startReplicated(t, 2);
  if (one === undefined || other === undefined) throw new Error('two replicas');
  const { link } = await linked(t, [primary], { minReplicas: 2 });
  await healed(link);
  t.same(await Promise.all(Array.from({ length: 50 }, (_, n) => link.evaluate(SET, [`${KEY}:${n}`], [n]))), Array.from({ length: 50 }, () => 1));
  for (const replica of [one, other]) t.equal(await replica.cli('DBSIZE'), '103', 'all replicas have all, at the moment of the last answer');

  one.pause();
  await refused(t, () => write(link, 'x'), /1 of 2 replicas have the write \(store\.minReplicas\)/, 900);
  await refused(t, () => link.ping(), /1 of 2 replicas/, 900);
  t.ok(await linked(t, [primary], { minReplicas: 1 }).then(({ link }) => write(link, 'one is enough')));
  one.resume();
  await healed(link);
  await other.kill();
  await refused(t, () => write(link, 'x'), /1 of 2 replicas/, 900);
  await other.start();
  await healed(link);
  await follows(other);
});

t.test('all replicas that keep step have what is acknowledged, however few would be enough', async (t) => {
  const { primary, replicas: [one, other] } = await startReplicated(t, 2);
  if (one === undefined || other === undefined) throw new Error('two replicas');
  const { link } = await linked(t, [primary], { minReplicas: 1 });
  // Each says once a second how far it is, also where nobody asks.
  const begun = Date.now();
  await until('both to keep step', () => write(link, 'x').then(() => Date.now() - begun > 1500, () => false));
  for (let n = 0; n < 20; n += 1) {
    t.equal(await link.evaluate(SET, [`${KEY}:${n}`], [n]), 1);
    t.same(await Promise.all([one, other].map((replica) => replica.cli('GET', `${KEY}:${n}`))), [String(n), String(n)]);
  }
  other.pause();
  await refused(t, () => write(link, 'x'), /1 of 2 replicas have the write/, 900);
  await until('the silent one to be waited for no more', () => write(link, 'y').then(() => true, () => false));
  const begin = Date.now();
  for (let n = 0; n < 5; n += 1) await write(link, `z${n}`);
  t.ok(Date.now() - begin < 300, 'at full speed again');
  other.resume();
  await until('it to be waited for again', async () => {
    await write(link, 'again');
    return await other.cli('GET', KEY) === 'again';
  });
  await other.kill();
  await until('it to be missed', () => write(link, 'without it').then(() => true, () => false));
  await write(link, 'with the other');
});

t.test('what a call saw is as safe as what it wrote', async (t) => {
  const { primary, replicas: [replica] } = await startReplicated(t, 1);
  const { link } = await linked(t, [primary], { minReplicas: 1 });
  t.same(await link.read([['GET', KEY]]), [null]);
  replica?.pause();
  // Somebody else's write, which is not acknowledged to them either.
  await primary.cli('SET', KEY, 'not safe yet');
  await refused(t, () => link.read([['GET', KEY]]), /0 of 1 replicas/, 900);
  await refused(t, () => get(link), /0 of 1 replicas/, 900);
  await refused(t, () => link.evaluate({ name: 'look', source: 'return redis.call("GET", KEYS[1])' }, [KEY], []), /0 of 1 replicas/, 900);
  replica?.resume();
  await until('the link to heal', () => get(link).then((value) => value === 'not safe yet', () => false));
});

t.test('where the server has WAITAOF, replicas must have it on their disks', async (t) => {
  const server = await startRedis(t);
  const proxy = await startProxy(t, server.port);
  // The Redis here may be older than 7.2: in its place we answer as that does. The counts are those that the test sets.
  let counts = [1, 1];
  const asked: string[] = [];
  let swap = 0;
  proxy.rewrite.toServer = (bytes) => Buffer.from(bytes.toString('latin1').replace(/\*4\r\n\$7\r\nWAITAOF\r\n\$\d+\r\n(\d+)\r\n\$\d+\r\n(\d+)\r\n\$\d+\r\n(\d+)\r\n/g, (_, ...numbers) => {
    asked.push(numbers.slice(0, 3).join(' '));
    swap += 1;
    return '*2\r\n$4\r\nECHO\r\n$9\r\n<WAITAOF>\r\n';
  }), 'latin1');
  proxy.rewrite.toClient = (bytes) => Buffer.from(bytes.toString('latin1').replaceAll('$9\r\n<WAITAOF>\r\n', `*2\r\n:${counts[0]}\r\n:${counts[1]}\r\n`), 'latin1');
  const { link } = await linked(t, [proxy], { minReplicas: 1 });
  t.equal(await write(link, 'x'), 1);
  t.same(asked, ['0 0 1', '1 1 300'], 'asked whether it has it, and then for the local disk and one replica');
  counts = [1, 0];
  await refused(t, () => write(link, 'x'), /0 of 1 replicas have the write/);
  counts = [0, 1];
  await refused(t, () => write(link, 'x'), /the write is not on its disk yet/);
  t.ok(swap > 2);
});
