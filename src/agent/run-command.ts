import { spawn } from 'node:child_process';
import { Failure } from '../client/failure.ts';

/**
 * Runs a command in the shell. Its output goes where ours goes, or (with `quiet`) all of it to standard error.
 * Throws Failure `command-failed`.
 */
export function runCommand(command: string, environment: Readonly<Record<string, string>>, quiet: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, { shell: true, stdio: ['ignore', quiet ? 2 : 'inherit', 'inherit'], env: { ...process.env, ...environment } });
    child.on('error', (error) => reject(failed(command, error.message, error)));
    child.on('close', (status, signal) => {
      if (status === 0) resolve();
      else reject(failed(command, signal === null ? `exit status ${status}` : `ended by ${signal}`));
    });
  });
}

const failed = (command: string, how: string, cause?: unknown): Failure =>
  new Failure('command-failed', `the command '${command}' failed (${how})`, { advice: 'the certificate is renewed; the next renew runs the command again', cause });
