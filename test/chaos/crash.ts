import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { NOW, token } from '../contracts/store/samples.ts';
import { faultsOf } from './invariants.ts';
import { openByUrl } from './open-store.ts';
import { SHARED_TOKEN } from './workload.ts';
import type { Acknowledged } from './workload.ts';

const WRITER = fileURLToPath(new URL('./writer.js', import.meta.url));

/** A store for writers that are killed, and all that they were told. */
export interface Scene {
  /** Starts a writer, under another program (strace) where one is given. */
  readonly writer: (atOnce: number, rounds: number, under?: readonly string[]) => ChildProcess;
  /** What the writers were told so far. */
  readonly acknowledged: () => Acknowledged[];
  /** Opens the store and compares all that must hold. No writer may be left. */
  readonly faults: () => Promise<string[]>;
}

/** A scene in files. `folder`: where they are made, removed with all in it. */
export async function scene(t: Test, folder = mkdtempSync(join(tmpdir(), 'chancery-crash-'))): Promise<Scene & { readonly path: string; readonly folder: string }> {
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'store');
  return { ...await sceneAt(t, `embedded:${path}`), path, folder };
}

/** Puts the token that the writers share into an empty store. */
export async function sceneAt(t: Test, url: string): Promise<Scene> {
  const store = await openByUrl(url);
  await store.tokens.create(token({ id: SHARED_TOKEN, uses: 1_000_000 }), undefined, [], NOW);
  await store.close();
  const logs: string[] = [];
  const read = (): Acknowledged[] => logs.flatMap((log) => readFileSync(log, 'utf8').split('\n').slice(0, -1)).map((line) => JSON.parse(line) as Acknowledged);
  return {
    writer(atOnce, rounds, under = []) {
      const log = join(mkdtempSync(join(tmpdir(), 'chancery-acknowledged-')), 'log');
      t.teardown(() => rmSync(join(log, '..'), { recursive: true, force: true }));
      logs.push(log);
      const output = openSync(log, 'a');
      const [program, ...parameters] = [...under, process.execPath, WRITER, url, String(atOnce), String(rounds)];
      // One thread in the pool, so that a fault at the n-th call of a thread is a fault at the n-th call.
      const child = spawn(program, parameters, { stdio: ['ignore', output, 'pipe'], env: { ...process.env, UV_THREADPOOL_SIZE: '1' } });
      closeSync(output);
      t.teardown(() => void child.kill('SIGKILL'));
      return child;
    },
    acknowledged: read,
    async faults() {
      const opened = await openByUrl(url);
      try {
        return await faultsOf(opened, read());
      } finally {
        await opened.close();
      }
    },
  };
}

/** Two writers at once, killed at moments of chance, again and again: nothing that was acknowledged may be lost or torn. */
export async function killedByChance(t: Test, { writer, faults, acknowledged }: Scene): Promise<void> {
  for (let round = 0; round < 4; round += 1) {
    const writers = [writer(8, 1_000_000), writer(8, 1_000_000)];
    await Promise.all(writers.map((one) => lines(one).until('open')));
    await setTimeout(50 + Math.random() * 350);
    // First one alone, so that the other one meets a lock whose holder is dead.
    writers[0]?.kill('SIGKILL');
    await setTimeout(50);
    writers[1]?.kill('SIGKILL');
    await Promise.all(writers.map(exitOf));
    t.same(await faults(), [], `round ${round}`);
  }
  t.ok(acknowledged().length > 200, `${acknowledged().length} writes were acknowledged`);
}

export const exitOf = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => (child.exitCode === null && child.signalCode === null ? child.once('exit', () => resolve()) : resolve()));

/** Standard error of a writer, as it comes. */
export function lines(child: ChildProcess): { readonly text: () => string; readonly until: (wanted: string) => Promise<void> } {
  let text = '';
  child.stderr?.setEncoding('utf8').on('data', (more: string) => (text += more));
  return {
    text: () => text,
    until: (wanted) => new Promise((resolve, reject) => {
      const look = (): void => (text.includes(wanted) ? resolve() : undefined);
      child.stderr?.on('data', look);
      child.once('exit', () => (text.includes(wanted) ? resolve() : reject(new Error(`the writer ended without saying ${wanted}: ${text}`))));
      look();
    }),
  };
}

/** False where this machine has no strace, or does not let it trace. */
export const STRACE = ['/usr/bin/strace', '/usr/local/bin/strace', '/bin/strace'].find((path) => existsSync(path));
