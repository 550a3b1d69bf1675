import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openEmbeddedStore } from '../../src/store/embedded/store.ts';
import { backup, type Progress } from '../../src/transfer/backup.ts';
import { NOW, draft } from '../contracts/store/samples.ts';
import { temporaryFolder } from '../helpers/folder.ts';

type Run = (progress?: Progress) => ReturnType<typeof backup>;

async function prepared(t: Test): Promise<{ readonly file: string; readonly run: Run }> {
  const folder = temporaryFolder('twice');
  const store = await openEmbeddedStore({ path: join(folder, 'store') });
  t.teardown(() => store.close());
  await store.audit.append([draft('authority.created', 'root')]);
  const file = join(folder, 'store.backup');
  return { file, run: (progress = () => undefined) => backup({ source: { store, authorities: ['root'] }, file, program: 'test', id: 'one', clock: () => NOW, progress }) };
}

t.test('a backup into whose file another one writes ends, and goes on when it is given again', async (t) => {
  const { file, run } = await prepared(t);
  let calls = 0;
  await t.rejects(run(() => { if (++calls === 3) appendFileSync(`${file}.partial`, 'what another one writes'); }), { code: 'in-use' });
  t.notOk(existsSync(file));
  t.match(await run(), { resumed: true, lines: 1 });
  t.ok(existsSync(file));
});

t.test('a backup that another one has finished is not written into', async (t) => {
  const { file, run } = await prepared(t);
  let calls = 0;
  await t.rejects(run(() => { if (++calls === 3) renameSync(`${file}.partial`, file); }), { code: 'in-use' });
});

t.test('what has come to be there meanwhile is not overwritten, and the backup is whole under its other name', async (t) => {
  const { file, run } = await prepared(t);
  await t.rejects(run(() => writeFileSync(file, 'somebody else\'s')), { code: 'in-use', advice: /the complete backup is in/ });
  t.equal(readFileSync(file, 'utf8'), 'somebody else\'s');
  t.ok(existsSync(`${file}.partial`));
});

t.test('of two that begin at once, what is there in the end is whole', async (t) => {
  const { file, run } = await prepared(t);
  const outcomes = await Promise.allSettled([run(), run()]);
  t.ok(outcomes.some(({ status }) => status === 'rejected'));
  if (!existsSync(file)) await run();
  t.ok(existsSync(file));
});
