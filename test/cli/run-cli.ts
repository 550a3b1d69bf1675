import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { run } from '../../src/cli/run.ts';

export const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));
/** A command that takes longer has gone wrong. */
const TIME = 30_000;

export interface Transcript {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Milliseconds since the Unix epoch, for a run in this process. */
  readonly now?: () => number;
  /** Who sits at the terminal, for a run in this process. */
  readonly ask?: (question: string) => Promise<string>;
}

/** The surroundings without CHANCERY variables, and without what test runners put into Node. */
export const cleanEnvironment = (): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('CHANCERY_') && !/^NODE_(OPTIONS|V8_COVERAGE)$/.test(name)));

/** Runs the compiled program in a process of its own, without the CHANCERY variables of the surroundings. */
export function runCli(args: readonly string[], { cwd, env = {}, input = '' }: RunOptions = {}): Promise<Transcript> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [MAIN, ...args], { cwd, env: { ...cleanEnvironment(), ...env }, timeout: TIME });
    const out = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => { out.stdout += text; });
    child.stderr.setEncoding('utf8').on('data', (text: string) => { out.stderr += text; });
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, ...out }));
    child.stdin.end(input);
  });
}

/** Runs a command line in this process: the same, but for what a process of its own has (arguments, streams, exit), and much cheaper. */
export async function runHere(args: readonly string[], { env = {}, now = Date.now, ask }: Pick<RunOptions, 'env' | 'now' | 'ask'> = {}): Promise<Transcript> {
  const out = { stdout: '', stderr: '' };
  const status = await run(args, {
    stdout: { write: (text) => { out.stdout += text; } },
    stderr: { write: (text) => { out.stderr += text; } },
    env: { ...cleanEnvironment(), ...env },
    now,
    ...(ask === undefined ? {} : { ask }),
  });
  return { status, ...out };
}
