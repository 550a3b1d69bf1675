import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { cpuOf, memoryOf } from './machine.mjs';
import { gather, spawnOn } from './workplace.mjs';

const SCRIPT = fileURLToPath(new URL('load.lua', import.meta.url));

/**
 * Loads a server for some seconds with one CSR after another, and returns what both sides used.
 * @param {{ pid: number, url: string, member: string, status: number, authorization?: string }} target
 * @param {{ csrs: string, samples: string, connections: number, seconds: number, core: number }} load
 * @returns certificates issued per second, latencies in milliseconds, and CPU microseconds per certificate
 * @throws Error if a reply was not a certificate, a connection broke, or there were too few CSRs
 */
export async function load({ pid, url, member, status, authorization }, { csrs, samples, connections, seconds, core }) {
  const before = cpuOf(pid);
  const wrk = spawnOn(core, 'wrk', [
    '--threads', '1', '--connections', String(connections), '--duration', `${seconds}s`, '--timeout', '10s', '--script', SCRIPT, url,
    '--', csrs, member, String(status), samples, ...(authorization === undefined ? [] : [authorization]),
  ]);
  const out = gather(wrk.stdout);
  const errors = gather(wrk.stderr);
  const [code] = await once(wrk, 'close');
  const used = cpuOf(pid) - before;
  const line = out.text.trimEnd().split('\n').at(-1) ?? '';
  if (code !== 0 || !line.startsWith('{')) throw new Error(`wrk ended with status ${code}\n${errors.text}${out.text}`);
  const { requests, microseconds, p50, p99, worst, wrong, again, broken } = JSON.parse(line);
  if (wrong + broken > 0) throw new Error(`${url}: of ${requests} answers ${wrong} were no certificate, and ${broken} connections broke or timed out\n${errors.text}`);
  if (again > 0) throw new Error(`${url}: there were too few CSRs for ${requests} answers; expected --csrs ${Math.ceil(requests * 1.2)} or more`);
  return { issued: requests, perSecond: (requests * 1e6) / microseconds, p50: p50 / 1000, p99: p99 / 1000, worst: worst / 1000, cpu: used / requests, memory: memoryOf(pid).now };
}
