import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import { temporaryFolder } from '../helpers/folder.ts';
import { HOST, noRedis, type RedisServer, startRedis } from '../helpers/redis.ts';
import { linkOptions, urlOf } from '../store/redis-stores.ts';
import { exitOf, lines, sceneAt, STRACE } from './crash.ts';

const traceable = STRACE !== undefined && spawnSync(STRACE, ['-f', '-e', 'trace=none', 'true']).status === 0;
const skip = noRedis !== false ? noRedis : traceable ? false : 'strace is not there or may not trace: apt-get install strace';

/**
 * How long the append-only file was at its last sync that ended, by the trace: what a power cut leaves. Killing the process would leave
 * more, as the kernel keeps the pages.
 */
function syncedLength(trace: string): { readonly file: string; readonly length: number; readonly written: number } {
  const began = new Map<string, string>();
  let descriptor = '';
  let file = '';
  let [written, synced, asked] = [0, 0, 0];
  for (const line of readFileSync(trace, 'utf8').split('\n')) {
    const [, thread = '', rest = ''] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    if (rest.endsWith('<unfinished ...>')) {
      began.set(thread, rest.replace('<unfinished ...>', ''));
      // Only what was written before it began is covered.
      if (rest.startsWith('fdatasync') || rest.startsWith('fsync')) asked = written;
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>/.test(rest);
    const text = rest.replace(/^<\.\.\. \w+ resumed>/, () => began.get(thread) ?? '');
    const opened = /^openat\(.*"([^"]*\.incr\.aof)".*= (\d+)$/.exec(text);
    if (opened !== null) [file, descriptor, written, synced] = [opened[1] ?? '', opened[2] ?? '', 0, 0];
    const [, call = '', on = ''] = /^(\w+)\((\d+)/.exec(text) ?? [];
    if (on !== descriptor) continue;
    if (call === 'write') written += Math.max(0, Number(/= (-?\d+)/.exec(text)?.[1] ?? 0));
    if ((call === 'fdatasync' || call === 'fsync') && text.endsWith(' = 0')) synced = resumed ? asked : written;
  }
  return { file, length: synced, written };
}

/** Two writers on a server that is traced, the power cut, and what is there when it is back. */
async function powerCut(t: Parameters<typeof startRedis>[0], appendfsync: string): Promise<{ readonly server: RedisServer; readonly trace: string }> {
  const trace = join(temporaryFolder(), 'trace');
  const under = [STRACE ?? '', '-f', '-qq', '-s', '200', '-o', trace, '-e', 'trace=openat,write,fdatasync,fsync'];
  const server = await startRedis(t, { settings: { appendfsync, 'auto-aof-rewrite-percentage': '0' }, under });
  return { server, trace };
}

t.test('after a power cut all that was acknowledged is there', { skip, timeout: 100_000 }, async (t) => {
  const { server, trace } = await powerCut(t, 'always');
  const { writer, faults, acknowledged } = await sceneAt(t, urlOf(linkOptions([{ host: HOST, port: server.port }], { timeout: 2000 })));
  const writers = [writer(8, 1_000_000), writer(8, 1_000_000)];
  await Promise.all(writers.map((one) => lines(one).until('open')));
  await setTimeout(1500 + Math.random() * 500);
  await server.kill();
  for (const one of writers) one.kill('SIGKILL');
  await Promise.all(writers.map(exitOf));
  await setTimeout(100);
  const { file, length, written } = syncedLength(trace);
  t.ok(length > 0 && length <= written, `${length} of ${written} octets were on the disk`);
  cutBack(server, file, length);
  await server.start();
  t.ok(acknowledged().length > 50, `${acknowledged().length} writes were acknowledged`);
  t.same(await faults(), []);
});

t.test('the same with appendfsync everysec loses much, which is why it is refused', { skip, timeout: 100_000 }, async (t) => {
  const { server, trace } = await powerCut(t, 'everysec');
  const { writer, faults, acknowledged } = await sceneAt(t, urlOf(linkOptions([{ host: HOST, port: server.port }], { timeout: 2000, allowVolatile: true })));
  const one = writer(8, 1_000_000);
  await lines(one).until('open');
  // Half a second after a sync, as it syncs each second.
  let before = syncedLength(trace).length;
  for (let tries = 0; tries < 200 && syncedLength(trace).length === before; tries += 1) await setTimeout(10);
  before = acknowledged().length;
  while (acknowledged().length < before + 20) await setTimeout(5);
  await server.kill();
  one.kill('SIGKILL');
  await exitOf(one);
  await setTimeout(100);
  const { file, length } = syncedLength(trace);
  cutBack(server, file, length);
  await server.start();
  const lost = (await faults()).filter((fault) => fault.includes('was acknowledged as'));
  t.ok(lost.length > 0, `${lost.length} of ${acknowledged().length} acknowledged writes are lost`);
});

function cutBack(server: RedisServer, file: string, length: number): void {
  const folder = join(server.folder, 'appendonlydir');
  const name = readdirSync(folder).find((one) => file.endsWith(one) && one.endsWith('.incr.aof'));
  if (name === undefined) throw new Error(`no ${file} in ${readdirSync(folder).join()}`);
  truncateSync(join(folder, name), length);
}
