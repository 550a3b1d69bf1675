import { readFileSync } from 'node:fs';
import { sweepAside } from '../../authority/durable-file.ts';
import { Failure } from '../../client/failure.ts';
import { isoTime } from '../../iso-time.ts';
import { enroll } from '../enroll.ts';
import { type Enrolled, readEnrolled } from '../enrolled.ts';
import { commandDone, commandOwed } from '../renew.ts';
import { type Attempts, attempts } from './attempts.ts';
import { coveredBy, type Enrolling, type Entry } from './entry.ts';
import { type KeptCertificate, keptCertificate, said, type Status } from './kept-certificate.ts';
import type { KeeperSurroundings } from './surroundings.ts';

/** Keeps one entry's certificates renewed. */
export interface Keeper {
  /** Does what is due. Returns when to look again, in milliseconds since the Unix epoch. Never rejects. */
  readonly look: () => Promise<number>;
  readonly status: () => readonly Status[];
}

/** Milliseconds; paces attempts where there is no certificate whose expiry would set a deadline. */
const ROOM = 1.5 * 3_600_000;

export function keeper(entry: Entry, surroundings: KeeperSurroundings): Keeper {
  const { folder, exec, enrolling } = entry;
  const { now, tell, run } = surroundings;
  const covers = coveredBy(entry);
  const [enrollingAttempts, running, reading] = [attempts(surroundings), attempts(surroundings), attempts(surroundings)];
  const kept = new Map<string, KeptCertificate>();
  let last = 0;

  const failed = (event: string, what: string) => (failure: Failure, again: number): void =>
    tell('error', event, `${folder}: ${what}: ${said(failure)}; next attempt ${isoTime(again)}`, { folder, code: failure.code, next: isoTime(again) });

  const enrollNow = async ({ tokenFile, ...options }: Enrolling, force: boolean): Promise<void> => {
    const token = readFileSync(tokenFile, 'utf8').trim();
    const enrolments = await enroll({ ...options, token, profile: entry.profile, folder, wait: 0, force, reuseKey: false, commandFollows: exec !== undefined }, { now, onProgress: () => {} });
    for (const { certificate, serial, notAfter } of enrolments) {
      tell('info', 'enrolled', `${certificate.join(', ')} is in place; it expires ${isoTime(notAfter)}`, { folder, serial, notAfter: isoTime(notAfter) });
    }
  };

  /** Attempts something that is due. Returns when to retry if it failed. */
  const when = async (attempt: Attempts, work: () => Promise<void>, event: string, what: string): Promise<number> => {
    if (now() >= attempt.notBefore()) await attempt.attempt(work, now() + ROOM, failed(event, what));
    return attempt.notBefore() === 0 ? now() : attempt.notBefore();
  };

  const attend = async (enrolled: Enrolled): Promise<number> => {
    const file = enrolled.certificate[0] ?? '';
    const one = kept.get(file) ?? keptCertificate(entry, surroundings);
    kept.set(file, one);
    // With a token at hand, an expired certificate is enrolled anew.
    if (enrolling !== undefined && one.ended(enrolled)) return when(enrollingAttempts, () => enrollNow(enrolling, true), 'enroll-failed', 'an expired certificate could not be enrolled again');
    return one.look(enrolled);
  };

  const lookAtAll = async (): Promise<number> => {
    sweepAside(folder);
    const covered = readEnrolled(folder).filter(covers);
    for (const file of kept.keys()) if (!covered.some(({ certificate }) => certificate[0] === file)) kept.delete(file);
    // Each certificate determines when: by its own plan, or to ask the service again.
    let next = Infinity;
    if (covered.length === 0) {
      if (enrolling === undefined) throw new Failure('file', `nothing was enrolled in ${folder}`, { advice: 'enroll with \'chancery enroll\'' });
      next = await when(enrollingAttempts, () => enrollNow(enrolling, false), 'enroll-failed', 'could not be enrolled');
    }
    for (const enrolled of covered) next = Math.min(next, await attend(enrolled));
    if (exec !== undefined && commandOwed(folder, covers)) {
      const command = async (): Promise<void> => {
        await run(exec, folder);
        commandDone(folder, covers);
        tell('info', 'command', `${folder}: '${exec}' succeeded`, { folder });
      };
      next = Math.min(next, await when(running, command, 'command-failed', 'the certificate is renewed, but what follows it failed'));
    }
    return next;
  };

  return {
    look: async () => {
      // If the clock was set back, waiting for a time it showed before would take too long.
      if (now() < last) for (const one of [enrollingAttempts, running, ...kept.values()]) one.forget();
      last = now();
      let next = 0;
      const good = await reading.attempt(async () => { next = await lookAtAll(); }, now() + ROOM, failed('failed', 'its certificates could not be checked'));
      return good ? next : reading.notBefore();
    },
    status: () => [...kept.values()].flatMap((one) => one.status() ?? []),
  };
}
