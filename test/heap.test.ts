import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const HEAP = join(dirname(fileURLToPath(import.meta.url)), '..', 'src', 'heap.js');

/** Megabytes that a process's heap has at most in which 30 MB live, and objects come and go that live long enough to become old. */
function most(first: string): number {
  const program = `
    ${first}
    const lives = Array.from({ length: 500_000 }, (_, n) => ({ n, at: [n] }));
    globalThis.gc();
    const queue = new Array(40_000).fill(null);
    let most = 0;
    for (let n = 0; n < 2_000_000; n++) {
      queue[n % queue.length] = { n, at: [n, n, n, n] };
      if (n % 20_000 === 0) most = Math.max(most, process.memoryUsage().heapUsed);
    }
    console.log(Math.round(most / 2 ** 20), lives.length);`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', '--max-semi-space-size=1', '--input-type=module', '-e', program], { encoding: 'utf8' });
  if (stdout === '') throw new Error(stderr);
  return Number(stdout.split(' ')[0]);
}

const IS_BOUND = Number(process.versions.node.split('.')[0]) >= 22;

t.test('the heap stays near what lives in it, but on Node 20, which is left to its own limits', async (t) => {
  const [small, large] = [most(`(await import(${JSON.stringify(HEAP)})).keepHeapSmall();`), most('')];
  t.comment(`${small} MB, by V8's own limits ${large} MB`);
  if (IS_BOUND) t.ok(small < large * 0.85, `${small} MB are less than ${large}`);
  else t.ok(small > large * 0.85, `${small} MB are as much as ${large}`);
});
