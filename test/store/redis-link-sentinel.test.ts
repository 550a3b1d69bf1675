import t from 'tap';
import { noRedis, until } from '../helpers/redis.ts';
import { redisTls, startSentinels } from '../helpers/redis-topologies.ts';
import { get, healed, KEY, linked, refused, write } from './redis-linked.ts';

if (noRedis !== false) t.plan(0, noRedis);

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
  const begun = Date.now();
  await until('both replicas to keep step', () => write(link, 'x').then(() => Date.now() - begun > 1500, () => false));
  replica?.pause();
  await refused(t, () => write(link, 'x'), /1 of 2 replicas have the write/);
  await until('the silent one to be waited for no more', () => write(link, 'the other replica has it').then(() => true, () => false));
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
  const files = redisTls();
  const { sentinels, name } = await startSentinels(t, { sentinelPassword: 'other', settings: { ...files.settings, requirepass: 'pw', masterauth: 'pw' }, access: [...files.access, '--pass', 'pw', '--no-auth-warning'] });
  const options = { address: { topology: 'sentinel', name, tls: true, password: 'pw' }, tls: { ca: files.ca, ...files.client } } as const;
  const { link } = await linked(t, sentinels, { ...options, sentinel: { password: 'other' } });
  t.equal(await write(link, 'x'), 1);
  await refused(t, () => linked(t, sentinels, { ...options, timeout: 500 }), /it requires a password \(NOAUTH/);
  await refused(t, () => linked(t, sentinels, { ...options, sentinel: { password: 'wrong' }, timeout: 500 }), /user and password were refused/);
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
