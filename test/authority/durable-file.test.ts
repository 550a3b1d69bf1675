import t from 'tap';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { makeFolder, PUBLIC, removeDurably, renameDurably, SECRET, sweepAside, writeAside, writeDurably } from '../../src/authority/durable-file.ts';
import { makeOld } from '../helpers/folder.ts';

t.test('a file is replaced whole, with its mode, and nothing stays beside it', async (t) => {
  const folder = t.testdir({ file: 'before' });
  const path = join(folder, 'file');
  writeDurably(path, 'after', SECRET);
  t.equal(readFileSync(path, 'utf8'), 'after');
  t.equal(statSync(path).mode & 0o777, 0o600);
  writeDurably(path, Uint8Array.of(1, 2, 3), PUBLIC);
  t.same([...readFileSync(path)], [1, 2, 3]);
  t.same(readdirSync(folder), ['file']);
});

t.test('where it cannot be written, what was there stays, and nothing else does', async (t) => {
  const folder = t.testdir({ file: {} });
  t.throws(() => writeDurably(join(folder, 'file'), 'x', PUBLIC));
  t.throws(() => writeDurably(join(folder, 'missing', 'file'), 'x', PUBLIC), { code: 'ENOENT' });
  t.same(readdirSync(folder), ['file']);
});

t.test('folders are made for their owner alone, with those above them', async (t) => {
  const folder = t.testdir();
  makeFolder(join(folder, 'a', 'b'));
  makeFolder(join(folder, 'a', 'b'));
  for (const path of ['a', 'a/b']) t.equal(statSync(join(folder, path)).mode & 0o777, 0o700);
});

t.test('where no folder can be made, it is said why, and not tried for ever', { skip: process.platform !== 'linux' }, async (t) => {
  t.throws(() => makeFolder('/proc/chancery/data'), { code: 'ENOENT', path: '/proc/chancery' });
});

t.test('a folder does not take the place of one that holds something', async (t) => {
  const folder = t.testdir({ new: { file: '1' }, old: { file: '2' } });
  t.throws(() => renameDurably(join(folder, 'new'), join(folder, 'old')));
  mkdirSync(join(folder, 'empty'));
  renameDurably(join(folder, 'new'), join(folder, 'empty'));
  t.equal(readFileSync(join(folder, 'empty', 'file'), 'utf8'), '1');
});

t.test('removing what is not there is no error', async (t) => {
  const path = join(t.testdir(), 'file');
  writeFileSync(path, 'x');
  removeDurably(path);
  removeDurably(path);
  t.throws(() => statSync(path), { code: 'ENOENT' });
});

t.test('what a killed process left on its way goes with the next write, what is under way stays, and nothing of anybody else goes', async (t) => {
  const folder = t.testdir({ '.chancery-notes.tmp': '', '.0123456789abcdef.tmp': '' });
  const [left, live] = [writeAside(folder, 'a key', SECRET), writeAside(folder, 'another', SECRET)];
  t.equal(statSync(left).mode & 0o777, 0o600);
  for (const name of readdirSync(folder)) if (join(folder, name) !== live) makeOld(join(folder, name));
  writeDurably(join(folder, 'file'), 'x', PUBLIC);
  t.same(readdirSync(folder).sort(), ['.0123456789abcdef.tmp', basename(live), '.chancery-notes.tmp', 'file'].sort());
  sweepAside(join(folder, 'missing'));
});
