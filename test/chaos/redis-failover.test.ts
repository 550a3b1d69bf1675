import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import { HOST, noRedis, until } from '../helpers/redis.ts';
import { type Sentinels, startSentinels } from '../helpers/redis-topologies.ts';
import { linkOptions, urlOf } from '../store/redis-stores.ts';
import { exitOf, lines, type Scene, sceneAt } from './crash.ts';

/** Writers that a failover must not stop for good. */
const AT_ONCE = 8;

const urlBy = ({ sentinels, name }: Sentinels): string => urlOf(linkOptions([], {
  address: { topology: 'sentinel', tls: false, hosts: sentinels.map(({ port }) => ({ host: HOST, port })), name, database: 0 }, minReplicas: 1, replicaTimeout: 500, timeout: 2000,
}));

/** Two writers, with what is done to Redis between: they must go on after each, and nothing acknowledged may be missing. */
async function underLoad({ writer, acknowledged, faults }: Scene, acts: readonly (() => Promise<unknown>)[]): Promise<{ readonly faults: string[]; readonly said: string; readonly count: number }> {
  const writers = [writer(AT_ONCE, 1_000_000), writer(AT_ONCE, 1_000_000)];
  const said = writers.map(lines);
  await Promise.all(said.map((one) => one.until('open')));
  for (const act of acts) {
    await setTimeout(200 + Math.random() * 200);
    await act();
    const before = acknowledged().length;
    await until('the writers to go on', () => acknowledged().length >= before + 30).catch((error: unknown) => {
      throw new Error(`${String(error)}: ${said.map((one) => one.text().slice(-600)).join(' … ')}`);
    });
  }
  for (const one of writers) one.kill('SIGKILL');
  await Promise.all(writers.map(exitOf));
  return { faults: await faults(), said: said.map((one) => one.text()).join(''), count: acknowledged().length };
}

if (noRedis !== false) t.plan(0, noRedis);
else {
  t.test('the primary is killed under load: nothing acknowledged is lost, and the writers go on by themselves', { timeout: 60_000 }, async (t) => {
    const sentinels = await startSentinels(t);
    const scene = await sceneAt(t, urlBy(sentinels));
    const { primary } = sentinels;
    const { faults, said, count } = await underLoad(scene, [async () => {
      await primary.kill();
      await until('another primary', async () => (await sentinels.current()) !== primary);
    }]);
    t.same(faults, []);
    t.match(said, /StoreUnavailable/, 'what was under way was told as unknown');
    t.ok(count > 20, `${count} writes were acknowledged`);
  });

  t.test('the primary is made a replica under load, by an operator: the same', { timeout: 60_000 }, async (t) => {
    const sentinels = await startSentinels(t);
    const scene = await sceneAt(t, urlBy(sentinels));
    const { faults, count } = await underLoad(scene, [() => sentinels.failover()]);
    t.same(faults, []);
    t.ok(count > 20, `${count} writes were acknowledged`);
  });

  t.test('the primary stands still under load, and wakes when another one is there: the same', { timeout: 60_000 }, async (t) => {
    const sentinels = await startSentinels(t);
    const scene = await sceneAt(t, urlBy(sentinels));
    const { primary } = sentinels;
    const { faults, count } = await underLoad(scene, [async () => {
      primary.pause();
      await until('another primary', async () => (await sentinels.current()) !== primary);
      primary.resume();
    }]);
    t.same(faults, []);
    t.ok(count > 20, `${count} writes were acknowledged`);
  });
}
