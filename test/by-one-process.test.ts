import { join } from 'node:path';
import t from 'tap';
import { byOneProcess } from '../src/by-one-process.ts';
import { openEmbeddedStore } from '../src/store/embedded/store.ts';
import { temporaryFolder } from './helpers/folder.ts';

t.test('of several that find it due one makes it, and none goes on before it is made', async (t) => {
  const store = await openEmbeddedStore({ path: join(temporaryFolder(), 'store') });
  t.teardown(() => store.close());
  let made = 0;
  const once = () => byOneProcess({
    leases: store.leases, name: 'work', clock: Date.now, isDue: async () => made === 0,
    make: async () => {
      await new Promise((resolve) => setTimeout(resolve, 150));
      made += 1;
    },
  });
  await Promise.all([once(), once(), once(), once()].map(async (each) => {
    await each;
    t.equal(made, 1);
  }));
});

t.test('who fails lets go, and the next one makes it', async (t) => {
  const store = await openEmbeddedStore({ path: join(temporaryFolder(), 'store') });
  t.teardown(() => store.close());
  let made = false;
  const run = (make: () => Promise<void>): Promise<void> => byOneProcess({ leases: store.leases, name: 'work', clock: Date.now, isDue: async () => !made, make });
  await t.rejects(run(async () => { throw new Error('planted'); }), { message: 'planted' });
  await run(async () => void (made = true));
  t.ok(made);
});
