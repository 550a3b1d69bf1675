import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));
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
}

/** Runs the compiled program in a process of its own, without the CHANCERY variables of the surroundings. */
export function runCli(args: readonly string[], { cwd, env = {}, input = '' }: RunOptions = {}): Promise<Transcript> {
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('CHANCERY_') && name !== 'NODE_V8_COVERAGE' && name !== 'NODE_OPTIONS'));
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [MAIN, ...args], { cwd, env: { ...clean, ...env }, timeout: TIME });
    const out = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => { out.stdout += text; });
    child.stderr.setEncoding('utf8').on('data', (text: string) => { out.stderr += text; });
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, ...out }));
    child.stdin.end(input);
  });
}
