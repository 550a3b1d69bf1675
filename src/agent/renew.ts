import { sweepAside } from '../authority/durable-file.ts';
import { openClient } from '../client/chancery-client.ts';
import { Failure } from '../client/failure.ts';
import { advisedAt } from './daemon/schedule.ts';
import type { Surroundings } from './enroll.ts';
import { type Enrolled, readEnrolled, writeEnrolled } from './enrolled.ts';
import { type Present, type RenewalOptions, readPresent, renewalUnderWay, renewCertificate } from './renew-certificate.ts';
import { askAdvice } from './renewal-info.ts';

export interface RenewOptions extends RenewalOptions {
  /** Renew even if not due. */
  readonly force: boolean;
  /** Selects among the folder's certificates; all if absent. */
  readonly which?: Which;
}

/** One certificate of the folder after a check. Times in milliseconds since the Unix epoch. */
export interface Renewal {
  readonly certificate: string;
  readonly profile: string;
  readonly names: readonly string[];
  readonly serial: string;
  readonly renewed: boolean;
  readonly notAfter: number;
  /** When two thirds of its life are over, or earlier on the service's advice. */
  readonly due: number;
}

const DUE_SHARE = 2 / 3;

/** Renews the due certificates that `enroll` wrote to the folder, one after another. Throws Failure. */
export async function renew(options: RenewOptions, surroundings: Surroundings): Promise<readonly Renewal[]> {
  const enrolled = readEnrolled(options.folder).filter(options.which ?? all);
  if (enrolled.length === 0) throw new Failure('file', `nothing was enrolled in ${options.folder}`, { advice: 'give the folder with --out, or begin with \'chancery enroll\'' });
  sweepAside(options.folder);
  const renewals: Renewal[] = [];
  for (const one of enrolled) renewals.push(await renewOne(options, one, surroundings));
  return renewals;
}

/** Selects among a folder's certificates. */
export type Which = (enrolled: Enrolled) => boolean;
const all: Which = () => true;

/** Whether the command that follows a renewal is still owed: the renewal is done, and the command has not succeeded since. */
export const commandOwed = (folder: string, which: Which = all): boolean => readEnrolled(folder).some((enrolled) => enrolled.commandDue === true && which(enrolled));

/** Records that the command succeeded. */
export const commandDone = (folder: string, which: Which = all): void =>
  writeEnrolled(folder, readEnrolled(folder).flatMap(({ commandDue, ...enrolled }) => (commandDue === true && which(enrolled) ? [enrolled] : [])));

async function renewOne(options: RenewOptions, enrolled: Enrolled, surroundings: Surroundings): Promise<Renewal> {
  const { folder } = options;
  const present = readPresent(folder, enrolled);
  const about = { certificate: present.path, profile: enrolled.profile, names: enrolled.names };
  const underWay = renewalUnderWay(folder, present);
  if (!options.force && underWay === undefined) {
    const due = await dueAt(options, enrolled, present, surroundings);
    if (surroundings.now() < due) return { ...about, serial: present.serial, renewed: false, notAfter: present.notAfter, due };
  }
  if (underWay?.answer === undefined && surroundings.now() > present.notAfter) {
    throw new Failure('refused', `${present.path} expired ${new Date(present.notAfter).toISOString()}, so it can no longer renew itself`, {
      advice: 'enroll again with a new token and --force',
    });
  }
  const issued = await renewCertificate(options, enrolled, present, surroundings, openClient);
  return { ...about, serial: issued.serial, renewed: true, notAfter: issued.notAfter, due: twoThirds(issued) };
}

const twoThirds = ({ notBefore, notAfter }: Pick<Present, 'notBefore' | 'notAfter'>): number => notBefore + (notAfter - notBefore) * DUE_SHARE;

/** At two thirds of its life, or earlier if the service can be asked and advises it. */
async function dueAt({ folder, url }: RenewOptions, enrolled: Enrolled, present: Present, { now }: Surroundings): Promise<number> {
  const due = twoThirds(present);
  if (now() >= due) return due;
  try {
    return advisedAt(due, await askAdvice(folder, url, enrolled, present, openClient), present.serial);
  } catch (error) {
    // Advice is optional: it is asked for again at the next check.
    if (error instanceof Failure) return due;
    throw error;
  }
}
