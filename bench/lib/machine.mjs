// What Linux reports about processes, and how long this disk takes to sync.
import { execFileSync } from 'node:child_process';
import { closeSync, fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Clock ticks per second in /proc/<pid>/stat. */
const TICKS = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** CPU time that a process has used, in all its threads, in user and kernel mode, in microseconds. */
export function cpuOf(pid) {
  // The name, in parentheses, may contain anything; utime and stime are fields 14 and 15.
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /s, '').split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1e6) / TICKS;
}

/** Resident memory in megabytes: now; of that, the process's own, and mapped files, whose pages the kernel can reclaim; and the peak since the start. */
export function memoryOf(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const of = (name) => Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024);
  return { now: of('VmRSS'), own: of('RssAnon'), files: of('RssFile'), most: of('VmHWM') };
}

/** The cores that this process may use. */
export function cores() {
  const list = /Cpus_allowed_list:\s+(.+)/.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0';
  return list.split(',').flatMap((range) => {
    const [from, to = from] = range.split('-').map(Number);
    return Array.from({ length: to - from + 1 }, (_, n) => from + n);
  });
}

/** The median time to write 16 KiB durably, in milliseconds. */
export function diskSync(folder) {
  const file = openSync(join(folder, 'sync'), 'w');
  const page = Buffer.alloc(16_384, 1);
  const times = Array.from({ length: 300 }, (_, n) => {
    const from = performance.now();
    writeSync(file, page, 0, page.length, (n % 64) * page.length);
    fdatasyncSync(file);
    return performance.now() - from;
  }).sort((a, b) => a - b);
  closeSync(file);
  return times[150];
}
