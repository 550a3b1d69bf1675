import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Daemon, daemon } from '../../src/agent/daemon/daemon.ts';
import { buildCertificationRequest, sortNames } from '../../src/agent/csr.ts';
import { writeEnrolled } from '../../src/agent/enrolled.ts';
import type { Connect } from '../../src/agent/renew-certificate.ts';
import type { Tell } from '../../src/agent/tell.ts';
import { Failure } from '../../src/client/failure.ts';
import type { RequestReply } from '../../src/client/replies.ts';
import { loadConfig } from '../../src/config/load.ts';
import { parseDuration } from '../../src/config/duration.ts';
import { chainsOf, requestView, secondsToIso } from '../../src/http/rest/request-view.ts';
import { identifyByClientCertificate } from '../../src/identity/client-certificate.ts';
import { initialise } from '../../src/initialise.ts';
import { issue } from '../../src/issuance/issue.ts';
import { renew } from '../../src/issuance/renew.ts';
import type { RequestRecord } from '../../src/issuance/request.ts';
import { FULL_GRANT } from '../../src/policy/grant.ts';
import { renewalAdviser } from '../../src/renewal-service.ts';
import { openCore } from '../../src/open-core.ts';
import { parseCertificate } from '../../src/x509/certificate.ts';
import { decodePem } from '../../src/x509/pem.ts';

export const HOUR = 3_600_000;

/** A clock that goes from one thing that is waited for to the next: whoever has nothing to do until then is not waited for. */
export function simulatedTime(begin: number) {
  let now = begin;
  let busy = 0;
  const waiting: { readonly time: number; readonly wake: () => void }[] = [];
  let idle: (() => void) | undefined;

  const sleepUntil = (time: number, signal: AbortSignal): Promise<void> => new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const aborted = (): void => {
      waiting.splice(waiting.indexOf(one), 1);
      one.wake();
    };
    const one = {
      time,
      wake: () => {
        signal.removeEventListener('abort', aborted);
        busy += 1;
        resolve();
      },
    };
    // Kept in order, the next one last.
    let [low, high] = [0, waiting.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((waiting[middle]?.time ?? 0) > time) low = middle + 1;
      else high = middle;
    }
    waiting.splice(low, 0, one);
    signal.addEventListener('abort', aborted);
    busy -= 1;
    if (busy === 0) idle?.();
  });
  return {
    now: () => now,
    sleepUntil,
    /** To be told before something begins to run that will sleep. */
    begins: () => { busy += 1; },
    /** Lets time go on until then. A few who wake within the same seconds work at once, as they do in the world. */
    runUntil: async (end: number): Promise<void> => {
      for (;;) {
        if (busy > 0) await new Promise<void>((resolve) => { idle = resolve; });
        idle = undefined;
        const next = waiting.at(-1);
        if (next === undefined || next.time >= end) break;
        for (let together = 0; together < 8; together++) {
          const one = waiting.at(-1);
          if (one === undefined || one.time > next.time + 10_000 || one.time >= end) break;
          waiting.pop();
          now = Math.max(now, one.time);
          one.wake();
        }
      }
      now = Math.max(now, end);
    },
  };
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface FleetOptions {
  readonly nodes: number;
  /** Of each certificate, such as `24h`. */
  readonly validity: string;
  /** When a node is enrolled, milliseconds from the beginning. */
  readonly enrolledAt: (node: number, random: () => number) => number;
  /** From when to when the service does not answer, milliseconds from the beginning. */
  readonly outages: readonly (readonly [from: number, to: number])[];
  readonly seed: number;
}

/** Nodes that run the real daemon, with files of their own, against one real service (all but its sockets), in simulated time. */
export async function startFleet({ nodes, validity, enrolledAt, outages, seed }: FleetOptions) {
  // Flushes to a disk would be all that is measured.
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'chancery-fleet-'));
  const begin = Math.floor(Date.now() / 1000) * 1000;
  const time = simulatedTime(begin);
  const config = loadConfig({ env: { CHANCERY_DATA: join(folder, 'data'), CHANCERY_LISTEN__HTTP: 'off' }, folder });
  await initialise({ mode: 'internal', httpBase: 'http://ca.example.com' }, config, time.now);
  const core = await openCore(config, time.now);
  const { issuance } = core.issuanceAt(undefined, () => {});
  const adviceOn = renewalAdviser(core);
  const chainOf = chainsOf(core.authorities.all);
  const root = readFileSync(join(folder, 'data', 'root.pem'), 'latin1');
  const random = seeded(seed);

  const renewals: { readonly at: number; readonly left: number }[] = [];
  const polls: number[] = [];
  let turnedAway = 0;
  const answering = (): void => {
    if (!outages.some(([from, to]) => time.now() >= begin + from && time.now() < begin + to)) return;
    turnedAway += 1;
    throw new Failure('unreachable', 'service not reachable (connection refused)');
  };

  const connect: Connect = ({ url, credentials }) => ({
    url,
    close: () => {},
    getRequest: () => Promise.reject(new Error('nothing waits here')),
    renewalInfo: async (serial) => {
      answering();
      polls.push(time.now() - begin);
      const advice = await adviceOn(await recordOf(serial));
      return { suggestedWindow: { start: secondsToIso(advice.start), end: secondsToIso(advice.end) }, retryAfter: advice.askAgain };
    },
    renew: async ({ csr, validity: asked = validity }) => {
      answering();
      if (credentials.kind !== 'certificate') throw new Error('no certificate was shown');
      const shown = parseCertificate(decodePem(credentials.certificate, 'CERTIFICATE')[0] ?? new Uint8Array());
      const renewed = await recordOf(shown.serial);
      const identity = identifyByClientCertificate(shown.der, renewed, time.now());
      renewals.push({ at: time.now() - begin, left: shown.notAfter * 1000 - time.now() });
      const [der = new Uint8Array()] = decodePem(csr, 'CERTIFICATE REQUEST');
      return requestView(await renew(issuance, { identity, renewed, csr: der, validity: parseDuration(asked) }), chainOf) as RequestReply;
    },
  });
  const recordOf = async (serial: string): Promise<RequestRecord> => {
    const record = await core.store.certificates.get(serial);
    if (record === undefined) throw new Error(`there is no certificate ${serial}`);
    return record;
  };

  const told: string[] = [];
  const tell: Tell = (level, event) => void told.push(`${level} ${event}`);
  const daemons: Daemon[] = [];
  const folderOf = (node: number): string => join(folder, 'nodes', String(node));

  const startNode = async (node: number): Promise<void> => {
    const name = `node${node}.example.com`;
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const record = await issue(issuance, {
      identity: { kind: 'api-key', name: 'setup', proof: 'the test', grant: FULL_GRANT, scopes: [] }, csr: buildCertificationRequest(pair, sortNames([name])),
      profile: 'node', validity: parseDuration(validity),
    });
    const reply = requestView(record, chainOf);
    mkdirSync(folderOf(node), { recursive: true });
    writeFileSync(join(folderOf(node), 'key.pem'), pair.privateKey.export({ format: 'pem', type: 'pkcs8' }));
    writeFileSync(join(folderOf(node), 'cert.pem'), [reply.certificate, ...(reply.chain ?? [])].join(''));
    writeFileSync(join(folderOf(node), 'ca.pem'), root);
    writeEnrolled(folderOf(node), [{ url: 'https://ca.example.com', profile: 'node', names: [name], keyType: 'P-256', validity, key: ['key.pem'], certificate: ['cert.pem'], ca: 'ca.pem' }]);
    time.begins();
    const one = daemon({ now: time.now, random: seeded(seed * 100_003 + node), tell, connect, run: () => Promise.resolve(), sleepUntil: time.sleepUntil, looked: () => {} });
    one.keep([{ folder: folderOf(node), url: undefined, profile: undefined, exec: undefined, reuseKey: false, enrolling: undefined }]);
    daemons.push(one);
  };

  const arrivals = Array.from({ length: nodes }, (_, node) => ({ node, at: enrolledAt(node, random) })).sort((a, b) => a.at - b.at);
  return {
    core, begin, renewals, polls, told,
    turnedAway: () => turnedAway,
    runUntil: async (end: number): Promise<void> => {
      while ((arrivals[0]?.at ?? Infinity) < end) {
        const { node, at } = arrivals.shift() ?? { node: 0, at: 0 };
        await time.runUntil(begin + at);
        await startNode(node);
      }
      await time.runUntil(begin + end);
    },
    /** When the certificate of each node ends, milliseconds from the beginning. */
    ends: () => daemons.map((_, node) => Date.parse(new X509Certificate(readFileSync(join(folderOf(node), 'cert.pem'))).validTo) - begin),
    stop: async (): Promise<void> => {
      const stopping = daemons.map((one) => one.stop());
      await Promise.all(stopping);
      await core.store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** How many of these times fall into each hour. */
export function perHour(times: readonly number[], hours: number): readonly number[] {
  const counts = Array.from({ length: hours }, () => 0);
  for (const at of times) counts[Math.min(hours - 1, Math.floor(at / HOUR))] = (counts[Math.min(hours - 1, Math.floor(at / HOUR))] ?? 0) + 1;
  return counts;
}
