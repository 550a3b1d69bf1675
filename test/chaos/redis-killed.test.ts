import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import { noRedis, startRedis } from '../helpers/redis.ts';
import { linkOptions, urlOf } from '../store/redis-stores.ts';
import { exitOf, killedByChance, lines, sceneAt } from './crash.ts';

if (noRedis !== false) t.plan(0, noRedis);
else {
  t.test('two writers to Redis, killed at moments of chance, lose nothing and tear nothing', { timeout: 100_000 }, async (t) => {
    const { port } = await startRedis(t);
    await killedByChance(t, await sceneAt(t, urlOf(linkOptions([{ host: '127.0.0.1', port }]))));
  });

  t.test('Redis killed under two writers and started again has all that it acknowledged, and they go on', { timeout: 100_000 }, async (t) => {
    const server = await startRedis(t);
    const { writer, faults, acknowledged } = await sceneAt(t, urlOf(linkOptions([{ host: '127.0.0.1', port: server.port }], { timeout: 2000 })));
    const writers = [writer(8, 1_000_000), writer(8, 1_000_000)];
    const said = writers.map(lines);
    await Promise.all(said.map((one) => one.until('open')));
    for (let round = 0; round < 3; round += 1) {
      await setTimeout(100 + Math.random() * 300);
      await server.kill('SIGKILL');
      const before = acknowledged().length;
      await server.start();
      for (let tries = 0; tries < 100 && acknowledged().length < before + 50; tries += 1) await setTimeout(50);
      t.ok(acknowledged().length >= before + 50, 'they went on');
    }
    for (const one of writers) one.kill('SIGKILL');
    await Promise.all(writers.map(exitOf));
    t.same(await faults(), []);
    t.match(said.map((one) => one.text()).join(''), /StoreUnavailable/, 'what was under way was told as unknown');
  });
}
