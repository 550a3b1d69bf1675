// Processes and temporary folders that are cleaned up when the benchmark ends.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folders = new Set();
const children = new Set();

process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});
for (const [signal, status] of [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]]) process.once(signal, () => process.exit(status));

/** A folder that is removed when the benchmark ends, however it ends. */
export function temporaryFolder(parent = process.env.CHANCERY_BENCH_FOLDER ?? tmpdir()) {
  const folder = mkdtempSync(join(parent, 'chancery-bench-'));
  folders.add(folder);
  return folder;
}

/** A child process pinned to one core, which ends with the benchmark. */
export function spawnOn(core, command, args, options = {}) {
  // taskset replaces itself by the command, so the child's pid is the command's.
  const child = spawn('taskset', ['-c', String(core), command, ...args], { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

/** Terminates a child, and resolves once it has exited. */
export function stop(child, within = 20_000) {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), within);
    child.once('exit', () => {
      clearTimeout(timer);
      resolve();
    });
    child.kill('SIGTERM');
  });
}

/** Collects everything that a child writes to a stream. */
export function gather(stream) {
  const gathered = { text: '' };
  stream?.setEncoding('utf8').on('data', (text) => (gathered.text += text));
  return gathered;
}
