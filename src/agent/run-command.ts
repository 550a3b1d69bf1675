import { spawn } from 'node:child_process';
import { Failure } from '../client/failure.ts';

export interface CommandOptions {
  /** Send all of its output to standard error; otherwise it shares ours. */
  readonly quiet: boolean;
  /** The advice given if it fails. */
  readonly advice: string;
  /** Milliseconds after which it is terminated, with everything that it started. */
  readonly limit?: number;
}

/** Milliseconds between asking a command to terminate and killing it. */
const GRACE = 2000;

/** Runs a command in a shell. Throws Failure `command-failed`. */
export function runCommand(command: string, environment: Readonly<Record<string, string>>, { quiet, advice, limit }: CommandOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    // With a limit it gets its own process group, so that whatever the shell started is terminated too.
    const child = spawn(command, { shell: true, detached: limit !== undefined, stdio: ['ignore', quiet ? 2 : 'inherit', 'inherit'], env: { ...process.env, ...environment } });
    const failed = (how: string, cause?: unknown): void => {
      clearTimers();
      reject(new Failure('command-failed', `the command '${command}' failed (${how})`, { advice, cause }));
    };
    const kill = (signal: NodeJS.Signals): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, signal);
      } catch {
        // It has ended in the meantime.
      }
    };
    const timers = limit === undefined ? [] : [setTimeout(() => kill('SIGTERM'), limit), setTimeout(() => kill('SIGKILL'), limit + GRACE)];
    const clearTimers = (): void => timers.forEach((timer) => clearTimeout(timer));
    child.on('error', (error) => failed(error.message, error));
    child.on('close', (status, signal) => {
      if (status === 0) {
        clearTimers();
        resolve();
      } else failed(signal === null ? `exit status ${status}` : `ended by ${signal}`);
    });
  });
}
