import { openByUrl } from './open-store.ts';
import { WORK } from './workload.ts';

/**
 * A writer to be killed: `writer.js <url> <how many at once> <rounds>`. Each line on standard output is a write that was acknowledged.
 * A failed write is told on standard error, and the writer goes on.
 */
const [, , url = '', atOnce = '1', rounds = '1'] = process.argv;
const store = await openByUrl(url);
process.stderr.write('open\n');
await Promise.all(Array.from({ length: Number(atOnce) }, async (_, lane) => {
  for (let round = 0; round < Number(rounds); round += 1) {
    await WORK[(lane + round) % WORK.length]?.(store).catch((error: unknown) => void process.stderr.write(`${String(error)}\n`));
  }
}));
await store.close();
process.stderr.write('done\n');
