import { spawnSync } from 'node:child_process';
import t from 'tap';
import { STRACE, exitOf, killedByChance, lines, scene } from './crash.ts';

const traceable = STRACE !== undefined && spawnSync(STRACE, ['-f', '-e', 'trace=none', 'true']).status === 0;
const noTrace = traceable ? false : 'strace is not there or may not trace: apt-get install strace';

t.test('two writers, killed at moments of chance, lose nothing and tear nothing', { timeout: 100_000 }, async (t) => {
  await killedByChance(t, await scene(t));
});

t.test('a writer killed at each of its writes to the disk in turn leaves all or nothing of each operation', { timeout: 100_000, skip: noTrace }, async (t) => {
  const { writer, faults, acknowledged } = await scene(t);
  let ended = false;
  let step = 0;
  while (!ended && step < 100) {
    step += 1;
    const child = writer(5, 1, [STRACE ?? '', '-f', '-qq', '-o', '/dev/null', '-e', `inject=pwrite64,writev,pwritev,fdatasync:signal=KILL:when=${step}`]);
    const said = lines(child);
    await exitOf(child);
    ended = said.text().includes('done');
    t.same(await faults(), [], `killed at write ${step}`);
  }
  t.ok(ended, `${step - 1} writes to the disk, ${acknowledged().length} writes acknowledged`);
  t.ok(step > 10);
});

t.test('a disk that fails once fails the writes under way and no later ones', { timeout: 100_000, skip: noTrace }, async (t) => {
  const failing = { 'the sync': 'fdatasync:error=EIO:when=2', 'a write of pages': 'pwrite64,writev:error=EIO:when=3', 'a full disk': 'pwrite64,writev:error=ENOSPC:when=4..6' };
  for (const [what, fault] of Object.entries(failing)) {
    await t.test(what, async (t) => {
      const { writer, faults, acknowledged } = await scene(t);
      const child = writer(5, 12, [STRACE ?? '', '-f', '-qq', '-o', '/dev/null', '-e', `inject=${fault}`]);
      const said = lines(child);
      await exitOf(child);
      t.match(said.text(), /StoreUnavailable/, 'it was told');
      t.match(said.text(), /done\n$/, 'and the writer went on to its end');
      t.ok(acknowledged().length > 20, `${acknowledged().length} writes acknowledged`);
      t.same(await faults(), []);
    });
  }
});
