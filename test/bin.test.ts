import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { repositoryFile } from './repository.ts';

const BIN = repositoryFile('bin/chancery.mjs');

/** Runs the command with a `node` that tells how it was started. */
function started(t: Test, settings: Readonly<Record<string, string>> = {}): readonly string[] {
  const folder = mkdtempSync(join(tmpdir(), 'chancery-bin-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const node = join(folder, 'node');
  writeFileSync(node, '#!/bin/sh\nprintf \'%s\\n\' "arenas $MALLOC_ARENA_MAX" "$@"\n');
  chmodSync(node, 0o755);
  const { status, stdout, stderr } = spawnSync('sh', [BIN, 'serve', '--data', 'two words'], { encoding: 'utf8', env: { PATH: `${folder}:/usr/bin:/bin`, ...settings } });
  t.equal(status, 0, stderr);
  return stdout.trimEnd().split('\n');
}

t.test('the command starts Node with options that keep its memory small', async (t) => {
  t.same(started(t), ['arenas 2', '--max-semi-space-size=16', BIN, 'serve', '--data', 'two words']);
});

t.test('what an operator has set counts', async (t) => {
  t.same(started(t, { NODE_OPTIONS: '--max-semi-space-size=8', MALLOC_ARENA_MAX: '4' }), ['arenas 4', BIN, 'serve', '--data', 'two words']);
});

t.test('what the shell is told is nothing to Node', async (t) => {
  const { status, stderr } = spawnSync(process.execPath, ['--check', BIN], { encoding: 'utf8' });
  t.equal(status, 0, stderr);
});
