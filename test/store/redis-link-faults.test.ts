import { spawnSync } from 'node:child_process';
import { mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { temporaryFolder } from '../helpers/folder.ts';
import { startProxy } from '../helpers/proxy.ts';
import { HOST, noRedis, startRedis, until } from '../helpers/redis.ts';
import { get, healed, KEY, linked, refused, SET, write } from './redis-linked.ts';

if (noRedis !== false) t.plan(0, noRedis);

t.test('a call to a server that is slow ends in time, and what comes after goes well', async (t) => {
  const server = await startRedis(t);
  const { link } = await linked(t, [server]);
  await write(link, 'before');
  server.pause();
  await Promise.all([
    refused(t, () => write(link, 'unknown'), /no answer within 2 s.*trying again settles/),
    refused(t, () => get(link), /no answer within 2 s/),
    refused(t, () => link.ping(), /no answer within 2 s/),
  ]);
  await refused(t, () => write(link, 'later'), /Redis/);
  server.resume();
  await healed(link);
  t.equal(await server.cli('GET', `${KEY}:count`), '3', 'nothing was sent twice, and nothing that was given up before it was sent was run');
});

t.test('a server that pauses for less than the limit costs nothing but time', async (t) => {
  const server = await startRedis(t);
  const { link, states } = await linked(t, [server]);
  server.pause();
  const all = Promise.all(Array.from({ length: 20 }, () => write(link, 'x')));
  await new Promise((resolve) => setTimeout(resolve, 1500));
  server.resume();
  t.same(await all, Array.from({ length: 20 }, (_, n) => n + 1));
  t.equal(states.length, 1);
});

t.test('a server that is gone is told at once, and found again when it is back', async (t) => {
  const server = await startRedis(t);
  const { link, states } = await linked(t, [server]);
  await write(link, 'kept');
  await server.kill();
  await refused(t, () => write(link, 'x'), /ECONNREFUSED|has ended/, 1500);
  await new Promise((resolve) => setTimeout(resolve, 1200));
  await refused(t, () => write(link, 'x'), /ECONNREFUSED/, 50);
  await refused(t, () => get(link), /ECONNREFUSED/, 50);
  await refused(t, () => link.ping(), /ECONNREFUSED/, 50);
  await server.start();
  await healed(link);
  t.equal(await server.cli('GET', `${KEY}:count`), '2');
  t.same(states.map(({ usable }) => usable), [true, false, false, true], 'told when it ended, and why it does not come back, once');
});

t.test('a server that is loading its files is waited for', async (t) => {
  const server = await startRedis(t, { settings: { 'loading-process-events-interval-bytes': '1024' } });
  const { link, states } = await linked(t, [server]);
  await server.cli('DEBUG', 'POPULATE', '2000');
  await server.cli('BGREWRITEAOF');
  await until('the file to be rewritten', async () => (await server.cli('INFO', 'persistence')).includes('aof_rewrite_in_progress:0'));
  await server.kill();
  await server.startOnly({ 'key-load-delay': '2000' });
  await until('its word that it is loading', () => states.some((state) => !state.usable && state.reason.includes('it is loading its files')));
  await refused(t, () => write(link, 'x'), /it is loading its files \(LOADING/, 1200);
  await refused(t, () => linked(t, [server], { timeout: 700 }), /it is loading its files/, 2000);
  await healed(link, 15_000);
});

t.test('a primary that becomes a replica is not written to, and is again when it is promoted', async (t) => {
  const [server, other] = [await startRedis(t), await startRedis(t)];
  const { link } = await linked(t, [server]);
  await server.cli('REPLICAOF', HOST, String(other.port));
  await refused(t, () => until('nothing', () => write(link, 'x').then(() => false)), /it is a replica/);
  await new Promise((resolve) => setTimeout(resolve, 1100));
  await refused(t, () => get(link), /it is a replica, not the primary/, 50);
  await refused(t, () => linked(t, [server], { timeout: 300 }), /it is a replica, not the primary/, 1600);
  await server.cli('REPLICAOF', 'NO', 'ONE');
  await healed(link);
});

for (const [setting, bad, good] of [['maxmemory-policy', 'allkeys-lru', 'noeviction'], ['appendfsync', 'everysec', 'always']] as const) {
  t.test(`a server by which ${setting} is made ${bad} while it is used is left within seconds, also where the system's clock was set back`, { timeout: 60_000 }, async (t) => {
    const server = await startRedis(t);
    const { link, states } = await linked(t, [server]);
    await write(link, 'before');
    const { now } = Date;
    Date.now = () => now() - 3_600_000;
    t.teardown(() => { Date.now = now; });
    await server.set(setting, bad);
    await until('it to be left', () => states.some(({ usable }) => !usable), 8000);
    t.match(states.at(-1), { reason: new RegExp(`may lose what it has acknowledged: ${setting} is ${bad}, must be ${good}`) });
    await refused(t, () => write(link, 'x'), /may lose what it has acknowledged/, 100);
    await server.set(setting, good);
    await healed(link);
  });
}

t.test('where the system\'s clock is set back, calls end in time all the same', async (t) => {
  const server = await startRedis(t);
  const { link } = await linked(t, [server]);
  await write(link, 'before');
  await server.kill();
  const { now } = Date;
  t.teardown(() => { Date.now = now; });
  const call = refused(t, () => write(link, 'x'), /ECONNREFUSED|has ended/, 1500);
  Date.now = () => now() - 3_600_000;
  await Promise.all([call, refused(t, () => write(link, 'x'), /ECONNREFUSED|has ended/, 1500)]);
});

t.test('with memory full writes are told so, reads go on', async (t) => {
  const server = await startRedis(t);
  const { link, states } = await linked(t, [server]);
  await write(link, 'before');
  await server.set('maxmemory', '1');
  await refused(t, () => write(link, 'x'), /its memory is full \(maxmemory\) \(OOM/, 100);
  await refused(t, () => link.ping(), /its memory is full/, 100);
  t.equal(await get(link), 'before');
  await server.set('maxmemory', '0');
  await healed(link);
  t.equal(states.length, 1, 'the connection was good all the time');
});

t.test('with a disk that fails writes are told so, reads go on', async (t) => {
  const server = await startRedis(t, { settings: { save: '3600 1' } });
  const { link } = await linked(t, [server]);
  await write(link, 'before');
  const snapshot = async (status: string): Promise<void> => {
    await server.cli('BGSAVE');
    await until(`the snapshot to end ${status}`, async () => /rdb_bgsave_in_progress:0/.test(await server.cli('INFO', 'persistence')) && (await server.cli('INFO', 'persistence')).includes(`rdb_last_bgsave_status:${status}`));
  };
  mkdirSync(join(server.folder, 'dump.rdb'));
  await snapshot('err');
  await refused(t, () => write(link, 'x'), /it cannot write to its disk \(MISCONF/, 100);
  await refused(t, () => link.ping(), /it cannot write to its disk/, 100);
  t.equal(await get(link), 'before');
  rmdirSync(join(server.folder, 'dump.rdb'));
  await snapshot('ok');
  await healed(link);
});

t.test('a disk that is full ends a durable Redis; with room it is started again, and all heals', {
  skip: process.getuid?.() === 0 ? false : 'only root can make a small disk',
}, async (t) => {
  const folder = temporaryFolder();
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'chancery-test', folder]).status !== 0) {
    t.comment('skipped: this machine does not let tests mount');
    return;
  }
  t.teardown(() => spawnSync('umount', [folder]));
  const server = await startRedis(t, { settings: { dir: folder } });
  const { link } = await linked(t, [server]);
  const value = 'x'.repeat(100_000);
  let written = 0;
  await refused(t, async () => {
    for (;;) {
      await link.evaluate(SET, [`${KEY}:${written}`], [value]);
      written += 1;
    }
  }, /has ended|ECONNRESET|ECONNREFUSED/, 5000);
  t.ok(written > 5, `${written} were written`);
  t.equal(spawnSync('mount', ['-o', 'remount,size=20m', folder]).status, 0);
  await server.start();
  await healed(link);
  for (let n = 0; n < written; n += 1) t.equal(await server.cli('STRLEN', `${KEY}:${n}`), '100000');
});

t.test('too few replicas by the server\'s own rule', async (t) => {
  const server = await startRedis(t);
  const { link } = await linked(t, [server]);
  await server.set('min-replicas-to-write', '1');
  await refused(t, () => write(link, 'x'), /it has too few replicas \(min-replicas-to-write\)/, 100);
  await server.set('min-replicas-to-write', '0');
  await healed(link);
  t.equal(await server.cli('GET', `${KEY}:count`), '1');
});

t.test('a script of somebody else that does not end', async (t) => {
  const server = await startRedis(t, { settings: { 'busy-reply-threshold': '100' } });
  const { link } = await linked(t, [server]);
  await write(link, 'before');
  const endless = server.cli('EVAL', 'while true do end', '0').catch((error: unknown) => String(error));
  await new Promise((resolve) => setTimeout(resolve, 50));
  await refused(t, () => write(link, 'x'), /a script or function is holding it up \(BUSY/, 500);
  await refused(t, () => get(link), /BUSY/, 200);
  await refused(t, () => link.ping(), /BUSY/, 200);
  await server.cli('SCRIPT', 'KILL');
  t.match(await endless, /killed/);
  await healed(link);
});

t.test('a connection that is cut in the middle of a command: unknown, at once, and not sent again', async (t) => {
  const server = await startRedis(t);
  const proxy = await startProxy(t, server.port);
  const { link } = await linked(t, [proxy]);
  t.equal(await write(link, 'one'), 1);
  proxy.cutAtAnswer();
  await Promise.all([1, 2, 3].map(() => refused(t, () => write(link, 'two'), /trying again settles/, 300)));
  proxy.mend();
  await healed(link);
  t.equal(await server.cli('GET', `${KEY}:count`), '5', 'each was run once, and one more healed it');
  proxy.cut();
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.equal(await write(link, 'three'), 6, 'a call that finds its connection gone waits for the next one');
});

t.test('a network that swallows everything', async (t) => {
  const server = await startRedis(t);
  const proxy = await startProxy(t, server.port);
  const { link } = await linked(t, [proxy]);
  await write(link, 'one');
  proxy.swallow();
  await Promise.all([refused(t, () => write(link, 'two'), /no answer within 2 s/), refused(t, () => get(link), /no answer/)]);
  await refused(t, () => linked(t, [proxy], { timeout: 300 }), /no answer within 0.3 s/, 1600);
  proxy.mend();
  await healed(link);
  t.equal(await server.cli('GET', `${KEY}:count`), '2');
});

t.test('calls that wait while there is no server are bounded in time', async (t) => {
  const server = await startRedis(t);
  const { link } = await linked(t, [server]);
  await server.kill();
  const begin = Date.now();
  const all = await Promise.allSettled(Array.from({ length: 20_000 }, () => get(link)));
  t.ok(all.every(({ status }) => status === 'rejected'));
  t.ok(Date.now() - begin < 4000, `${Date.now() - begin} ms`);
});
