import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { type RunOptions, type Transcript, MAIN, cleanEnvironment, runCli, runHere } from './run-cli.ts';
import { temporaryFolder } from '../helpers/folder.ts';

const START = 60_000;

export interface RunningService {
  readonly data: string;
  readonly https: string;
  readonly http: string;
  /** Runs a command line in this process, told of the data folder and the address. */
  readonly cli: (args: readonly string[], options?: Pick<RunOptions, 'env' | 'ask'>) => Promise<Transcript>;
  /** The same in a process of its own. */
  readonly program: (args: readonly string[]) => Promise<Transcript>;
  readonly stop: () => Promise<number | null>;
  /** Ends it at once, as a power cut does. */
  readonly kill: () => Promise<void>;
}

/** Makes authorities with `init`, and runs `serve` on free ports. */
export async function startService(init: readonly string[] = [], settings: Readonly<Record<string, string>> = {}): Promise<RunningService> {
  const data = join(temporaryFolder('cli'), 'data');
  const made = await runCli(['init', '--data', data, ...init]);
  if (made.status !== 0) throw new Error(`init failed: ${made.stderr}`);
  return serve(data, settings);
}

/** Runs `serve`, on free ports where nothing else is said; `settings` are variables of the environment. */
export async function serve(data: string, settings: Readonly<Record<string, string>> = {}): Promise<RunningService> {
  const env = {
    ...cleanEnvironment(), CHANCERY_LISTEN__HTTPS: '127.0.0.1:0', CHANCERY_LISTEN__HTTP: '127.0.0.1:0', CHANCERY_LISTEN__METRICS: 'off', CHANCERY_LOG__LEVEL: 'warn', ...settings,
  };
  const child = spawn(process.execPath, [MAIN, 'serve', '--data', data, '--json'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const { https, http } = await ready(child);
  const told = { CHANCERY_DATA: data, CHANCERY_URL: https };
  return {
    data, https, http,
    cli: (args, options = {}) => runHere(args, { ...options, env: { ...told, ...options.env } }),
    program: (args) => runCli(args, { env: told }),
    stop: () => new Promise((resolve) => {
      child.once('close', resolve);
      child.kill('SIGTERM');
    }),
    kill: () => new Promise((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) return resolve();
      // Not its close: workers that outlive it for a moment hold its streams.
      child.once('exit', () => resolve());
      child.kill('SIGKILL');
    }),
  };
}

function ready(child: ChildProcess): Promise<{ readonly https: string; readonly http: string }> {
  return new Promise((resolve, reject) => {
    let text = '';
    let said = '';
    let isReady = false;
    const late = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`the service was not ready within ${START} ms: ${said}`));
    }, START);
    child.stderr?.on('data', (part: Buffer) => { said += String(part); });
    child.once('close', (status) => reject(new Error(`the service ended with ${status} before it was ready: ${said}`)));
    child.stdout?.on('data', (part: Buffer) => {
      text += String(part);
      const line = text.split('\n').find((each) => each.includes('"ready"'));
      // A development authority tells more behind that line, perhaps while it is being stopped already.
      if (line === undefined || isReady) return;
      isReady = true;
      clearTimeout(late);
      child.removeAllListeners('close');
      resolve((JSON.parse(line) as { ready: { https: string; http: string } }).ready);
    });
  });
}
