import { sweepAside } from '../authority/durable-file.ts';
import { openClient } from '../client/chancery-client.ts';
import { Failure } from '../client/failure.ts';
import { advisedAt } from './daemon/schedule.ts';
import type { Surroundings } from './enroll.ts';
import { type Enrolled, readEnrolled, writeEnrolled } from './enrolled.ts';
import { type Present, type RenewalOptions, readPresent, renewalUnderWay, renewCertificate } from './renew-certificate.ts';
import { askAdvice } from './renewal-info.ts';

export interface RenewOptions extends RenewalOptions {
  /** Before it is due. */
  readonly force: boolean;
  /** Which of the folder's; all where absent. */
  readonly which?: Which;
}

/** One certificate of the folder after a look at it. Times in milliseconds since the Unix epoch. */
export interface Renewal {
  readonly certificate: string;
  readonly profile: string;
  readonly names: readonly string[];
  readonly serial: string;
  readonly renewed: boolean;
  readonly notAfter: number;
  /** When two thirds of its life are over, or sooner where the service wants that. */
  readonly due: number;
}

const DUE_SHARE = 2 / 3;

/** Renews what `enroll` wrote into the folder and is due, one certificate after the other. Throws Failure. */
export async function renew(options: RenewOptions, surroundings: Surroundings): Promise<readonly Renewal[]> {
  const enrolled = readEnrolled(options.folder).filter(options.which ?? all);
  if (enrolled.length === 0) throw new Failure('file', `nothing was enrolled into ${options.folder}`, { advice: 'give the folder with --out, or begin with \'chancery enroll\'' });
  sweepAside(options.folder);
  const renewals: Renewal[] = [];
  for (const one of enrolled) renewals.push(await renewOne(options, one, surroundings));
  return renewals;
}

/** Which of a folder's certificates are meant. */
export type Which = (enrolled: Enrolled) => boolean;
const all: Which = () => true;

/** Whether the command that follows a renewal is still owed: its renewal is done, and it has not ended well since. */
export const commandOwed = (folder: string, which: Which = all): boolean => readEnrolled(folder).some((enrolled) => enrolled.commandDue === true && which(enrolled));

/** Notes that the command ended well. */
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
    throw new Failure('refused', `${present.path} ended ${new Date(present.notAfter).toISOString()}, so that it cannot renew itself any more`, {
      advice: 'enroll again with a new token and --force',
    });
  }
  const issued = await renewCertificate(options, enrolled, present, surroundings, openClient);
  return { ...about, serial: issued.serial, renewed: true, notAfter: issued.notAfter, due: twoThirds(issued) };
}

const twoThirds = ({ notBefore, notAfter }: Pick<Present, 'notBefore' | 'notAfter'>): number => notBefore + (notAfter - notBefore) * DUE_SHARE;

/** At two thirds of its life; sooner where the service can be asked and wants that. */
async function dueAt({ folder, url }: RenewOptions, enrolled: Enrolled, present: Present, { now }: Surroundings): Promise<number> {
  const due = twoThirds(present);
  if (now() >= due) return due;
  try {
    return advisedAt(due, await askAdvice(folder, url, enrolled, present, openClient), present.serial);
  } catch (error) {
    // Nothing depends on it: it is asked again with the next look.
    if (error instanceof Failure) return due;
    throw error;
  }
}
