import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import type { StandingChange } from '../../src/agent/crl/hear-events.ts';
import { type ToldFile, toldFile } from '../../src/docker/crl/told-file.ts';
import { temporaryFolder } from '../helpers/folder.ts';

const change = (serial: string, at: number, more: Partial<StandingChange> = {}): StandingChange => ({ authority: 'issuing', serial, status: 'revoked', at, ...more });

interface Scene {
  readonly path: string;
  readonly said: string[];
  readonly open: () => ToldFile;
  readonly kept: () => readonly string[];
}

function scene(): Scene {
  const path = join(temporaryFolder('told'), 'told.jsonl');
  const said: string[] = [];
  const open = (): ToldFile => toldFile(path, (level, event, message) => void said.push(`${level} ${event} ${message}`));
  return { path, said, open, kept: () => open().kept().map(({ serial }) => serial) };
}

const lines = (path: string): number => readFileSync(path, 'utf8').split('\n').length - 1;

t.test('what is added is kept at the end of the turn, until a CRL from later says it', async (t) => {
  const { path, said, open, kept } = scene();
  const file = open();
  t.same(file.kept(), []);
  file.add(change('0a', 100));
  file.add(change('0b', 200));
  file.add(change('0b', 200, { authority: 'other' }));
  t.notOk(existsSync(path));
  await turn();
  t.same(kept(), ['0a', '0b', '0b']);
  t.equal(statSync(path).mode & 0o777, 0o600);
  file.settle([{ authority: 'issuing', thisUpdate: 104 }]);
  t.same(kept(), ['0a', '0b', '0b'], 'clocks may differ by some seconds');
  file.settle([{ authority: 'issuing', thisUpdate: 105 }]);
  t.same(kept(), ['0b', '0b']);
  t.equal(lines(path), 2, 'the file does not only grow');
  file.settle([{ authority: 'issuing', thisUpdate: 1000 }]);
  file.settle([{ authority: 'other', thisUpdate: 1000 }]);
  t.same(kept(), []);
  t.equal(lines(path), 0);
  t.same(said, []);
});

t.test('where two authorities have one name, both of their CRLs must be from later', async (t) => {
  const { open, kept } = scene();
  const file = open();
  file.add(change('0a', 100));
  file.flush();
  file.settle([{ authority: 'issuing', thisUpdate: 1000 }, { authority: 'issuing', thisUpdate: undefined }]);
  file.settle([{ authority: 'issuing', thisUpdate: 104 }, { authority: 'issuing', thisUpdate: 1000 }]);
  t.same(kept(), ['0a'], 'another one says nothing of it');
  file.settle([{ authority: 'issuing', thisUpdate: 105 }, { authority: 'issuing', thisUpdate: 1000 }]);
  t.same(kept(), []);
});

t.test('a release takes back what was told, also after a start', async (t) => {
  const { open, kept } = scene();
  const file = open();
  file.add(change('0a', 100, { status: 'held' }));
  file.flush();
  t.same(kept(), ['0a']);
  file.add(change('0a', 101, { status: 'released' }));
  file.flush();
  t.same(kept(), []);
});

t.test('a line that is damaged is told, takes nothing with it, and is gone after the next write', async (t) => {
  const { path, said, open, kept } = scene();
  const file = open();
  file.add(change('0a', 100));
  file.flush();
  appendFileSync(path, '{"authority":"issuing","serial":"0');
  const second = open();
  t.same(second.kept().map(({ serial }) => serial), ['0a']);
  t.match(said, [/^warn state .*a line is damaged/]);
  second.add(change('0c', 101));
  second.flush();
  t.equal(lines(path), 2);
  t.same(kept(), ['0a', '0c'], 'what came after is not joined to it');
  t.equal(said.length, 1);
  for (const bad of ['null', '[]', '{"authority":"x","serial":"xyz","status":"revoked","at":1}', '{"authority":"x","serial":"0a","status":"good","at":1}', '{"authority":"x","serial":"0a","status":"held"}']) {
    writeFileSync(path, `${bad}\n`);
    t.same(kept(), [], bad);
  }
});

t.test('a disk that refuses takes nothing back from what is known, and the next write makes up for it', async (t) => {
  const { path, said, open, kept } = scene();
  const file = open();
  mkdirSync(path);
  file.add(change('0a', 100));
  file.flush();
  t.match(said, [/^error state .*cannot be written/]);
  rmSync(path, { recursive: true });
  file.add(change('0b', 100));
  file.flush();
  t.same(kept(), ['0a', '0b']);
});
