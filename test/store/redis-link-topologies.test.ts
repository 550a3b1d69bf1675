import t from 'tap';
import { startProxy } from '../helpers/proxy.ts';
import { noRedis, type RedisServer, startRedis, until } from '../helpers/redis.ts';
import { redisTls, startReplicated, startSentinels } from '../helpers/redis-topologies.ts';
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

t.test('Sentinel: the primary is found, and found again after it failed', async (t) => {
  const { primary, replicas, sentinels, name, current, failover } = await startSentinels(t);
  const { link, states } = await linked(t, sentinels, { address: { topology: 'sentinel', name } });
  t.same(states, [{ usable: true, primary: primary.address }]);
  await write(link, 'one');
  t.equal(await primary.cli('GET', KEY), 'one');
  await refused(t, () => linked(t, sentinels, { address: { topology: 'sentinel', name: 'other' }, timeout: 300 }), /No such master/, 1600);
  await sentinels[0]?.kill();
  t.ok(await linked(t, sentinels, { address: { topology: 'sentinel', name } }), 'two sentinels are enough');
  await sentinels[0]?.start();

  // As an operator asks for it.
  const second = await failover();
  t.ok(replicas.includes(second));
  await until('the link to follow', async () => (await write(link, 'two').catch(() => undefined)) !== undefined && (await second.cli('GET', KEY)) === 'two');

  // It stands still: its connections stay, and nobody says a word.
  second.pause();
  await until('a third primary', async () => (await current()) !== second);
  await healed(link);
  const third = await current();
  t.equal(await third.cli('GET', KEY), 'healed');
  second.resume();
  t.ok(await write(link, 'last'), 'the one of before is not asked, though it still takes itself for the primary');
  t.equal(await third.cli('GET', KEY), 'last');
  t.equal(await get(link), 'last');
});

t.test('where a replica is silent, most sentinels must say who the primary is', async (t) => {
  const { replicas: [replica], sentinels, name } = await startSentinels(t);
  const { link } = await linked(t, sentinels, { address: { topology: 'sentinel', name }, minReplicas: 1 });
  await healed(link);
  replica?.pause();
  const silent = Date.now();
  while (Date.now() - silent < 2500) {
    t.ok(await write(link, 'the other replica has it'));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await sentinels[0]?.kill();
  await new Promise((resolve) => setTimeout(resolve, 300));
  t.ok(await write(link, 'two of three are enough'));
  await sentinels[1]?.kill();
  await new Promise((resolve) => setTimeout(resolve, 300));
  await refused(t, () => until('nothing', () => write(link, 'x').then(() => false)), /only 1 of 3 of the sentinels answer, too few to know which server is the primary/);
  await sentinels[1]?.start();
  await healed(link);
});

t.test('Sentinel with TLS and passwords', async (t) => {
  const files = redisTls(t);
  const { sentinels, name } = await startSentinels(t, { settings: { ...files.settings, requirepass: 'pw', masterauth: 'pw' }, access: [...files.access, '--pass', 'pw', '--no-auth-warning'] });
  const { link } = await linked(t, sentinels, { address: { topology: 'sentinel', name, tls: true, password: 'pw' }, tls: { ca: files.ca, ...files.client } });
  t.equal(await write(link, 'x'), 1);
});

t.test('a server that a failover finds volatile is refused until it is right', async (t) => {
  const { primary, replicas, sentinels, name } = await startSentinels(t);
  for (const replica of replicas) await replica.set('appendfsync', 'everysec');
  const { link, states } = await linked(t, sentinels, { address: { topology: 'sentinel', name } });
  await primary.kill();
  await until('the refusal', () => states.some((state) => !state.usable && state.reason.includes('appendfsync is everysec')));
  await refused(t, () => write(link, 'x'), /may lose what it has acknowledged: appendfsync is everysec/, 50);
  for (const replica of replicas) await replica.set('appendfsync', 'always');
  await healed(link);
});
