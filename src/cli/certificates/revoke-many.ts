import { setTimeout as sleep } from 'node:timers/promises';
import type { ChanceryClient } from '../../client/chancery-client.ts';
import { Failure } from '../../client/failure.ts';
import { ProblemFailure } from '../../client/problem.ts';
import type { CertificateReply } from '../../client/replies.ts';
import { type ConnectionOptions, withClient } from '../connection.ts';
import type { Context } from '../context.ts';
import { startProgress } from '../progress.ts';
import { toFailure } from '../report-failure.ts';
import { writeResult } from '../result.ts';
import { printable } from '../text.ts';

/** The criteria for selecting certificates. */
export interface Selection {
  readonly requester?: string;
  readonly profile?: string;
  readonly name?: string;
  /** ISO 8601. */
  readonly issuedBefore?: string;
  readonly issuedAfter?: string;
}

export const isEmpty = ({ requester, profile, name, issuedBefore, issuedAfter }: Selection): boolean =>
  [requester, profile, name, issuedBefore, issuedAfter].every((value) => value === undefined);

interface Options extends ConnectionOptions, Selection {
  readonly reason: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly concurrency: number;
}

interface Outcome {
  readonly matching: number;
  readonly profiles: Readonly<Record<string, number>>;
  readonly dryRun: boolean;
  revoked: number;
  already: number;
  failed: number;
}

const PAGE = 500;
/** Attempts for each certificate if the service does not answer, or asks to slow down. */
const TRIES = 5;
/** After this many failures the remaining certificates are left alone. */
const MOST_FAILED = 20;
const SHOWN = 10;

/** Revokes every selected certificate that is still valid. Throws Failure if any is left. */
export async function revokeMany(context: Context, options: Options): Promise<void> {
  await withClient(context, options, async (client) => {
    const chosen = await choose(context, client, options);
    const outcome: Outcome = { matching: chosen.length, profiles: countBy(chosen), dryRun: options.dryRun === true, revoked: 0, already: 0, failed: 0 };
    if (options.json !== true) context.stderr.write(summary(chosen, outcome, options.reason));
    const end = (): void => writeResult(context, options.json, outcome, () => words(outcome, options.reason));
    if (chosen.length === 0 || outcome.dryRun) return end();
    await confirm(context, chosen.length, options);
    const problem = await revokeAll(context, client, chosen, options, outcome);
    end();
    const left = outcome.matching - outcome.revoked - outcome.already;
    if (left > 0) throw new Failure('check-failed', `${left} of ${outcome.matching} certificates are not revoked${problem === undefined ? '' : `: ${problem.message}`}`, {
      advice: 'run the same command again for the rest',
    });
  });
}

async function choose(context: Context, client: ChanceryClient, { requester, profile, name, issuedBefore, issuedAfter }: Selection): Promise<CertificateReply[]> {
  const chosen: CertificateReply[] = [];
  const progress = startProgress(context, 'looking');
  // Revoking our own client certificate would make the remaining calls fail; revoking the service's own would stop it. Both can be revoked by serial.
  const isSpared = ({ serial, requester: by }: CertificateReply): boolean => serial === client.serial || (by?.kind === 'service' && profile === undefined);
  const isWithin = ({ issuedAt }: CertificateReply): boolean =>
    (issuedBefore === undefined || Date.parse(issuedAt) < Date.parse(issuedBefore)) && (issuedAfter === undefined || Date.parse(issuedAt) >= Date.parse(issuedAfter));
  try {
    let cursor: string | undefined;
    do {
      const page = await client.listCertificates({ status: 'valid', requester, profile, name, limit: PAGE, cursor });
      // The encoded certificates are not needed: for a million of them they would take a gigabyte.
      for (const found of page.items) if (isWithin(found) && !isSpared(found)) chosen.push({ ...found, certificate: '', chain: [] });
      cursor = page.next;
      progress.update(`${chosen.length} found`);
    } while (cursor !== undefined);
    return chosen;
  } finally {
    progress.end();
  }
}

async function confirm(context: Context, count: number, { yes, reason }: Options): Promise<void> {
  if (yes === true) return;
  if (context.ask === undefined) throw new Failure('usage', 'there is no terminal to ask on', { advice: 'look with --dry-run first, then give --yes' });
  const answer = await context.ask(`To revoke ${count} with the reason ${reason}, type ${count}: `);
  if (answer.trim() !== String(count)) throw new Failure('check-failed', 'nothing was revoked', { advice: `type the number ${count} to continue` });
}

/** Returns the last failure, if any. */
async function revokeAll(context: Context, client: ChanceryClient, chosen: readonly CertificateReply[], { reason, concurrency }: Options, outcome: Outcome): Promise<Failure | undefined> {
  const progress = startProgress(context, 'revoking');
  let next = 0;
  let stop = false;
  let problem: Failure | undefined;
  const halt = (): void => { stop = true; };
  process.once('SIGINT', halt);
  const work = async (): Promise<void> => {
    for (let one = chosen[next++]; one !== undefined && !stop; one = chosen[next++]) {
      try {
        outcome[await revokeOne(client, one.serial, reason)] += 1;
      } catch (error) {
        problem = toFailure(error);
        outcome.failed += 1;
        stop ||= outcome.failed >= MOST_FAILED || isHopeless(error);
      }
      progress.update('revoking', outcome.revoked + outcome.already, outcome.matching);
    }
  };
  try {
    await Promise.all(Array.from({ length: concurrency }, work));
    return problem;
  } finally {
    process.removeListener('SIGINT', halt);
    progress.end();
  }
}

async function revokeOne(client: ChanceryClient, serial: string, reason: string): Promise<'revoked' | 'already'> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await client.revokeCertificate(serial, reason);
      return 'revoked';
    } catch (error) {
      if (error instanceof ProblemFailure && error.problemCode === 'already-revoked') return 'already';
      if (attempt === TRIES || !isTransient(error)) throw error;
      await sleep(error instanceof ProblemFailure && error.retryAfter !== undefined ? error.retryAfter * 1000 : 500 * 2 ** attempt);
    }
  }
}

const isTransient = (error: unknown): boolean =>
  (error instanceof ProblemFailure ? [429, 503].includes(error.status) : error instanceof Failure && ['unreachable', 'timeout'].includes(error.code));

/** Whether all other certificates would fail in the same way. */
const isHopeless = (error: unknown): boolean =>
  isTransient(error) || (error instanceof ProblemFailure && [401, 403].includes(error.status)) || (error instanceof Failure && ['untrusted', 'wrong-host', 'no-credentials'].includes(error.code));

function countBy(chosen: readonly CertificateReply[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { profile } of chosen) counts[profile] = (counts[profile] ?? 0) + 1;
  return counts;
}

function summary(chosen: readonly CertificateReply[], { matching, profiles }: Outcome, reason: string): string {
  if (matching === 0) return 'There are no such certificates that are valid.\n';
  const lines = chosen.slice(0, SHOWN).map(({ serial, names, requester }) => `  ${serial}  ${names.join(', ')}  (${requester?.kind ?? ''} ${requester?.name ?? ''})`);
  const rest = matching > SHOWN ? [`  and ${matching - SHOWN} more`] : [];
  const kinds = Object.entries(profiles).map(([profile, count]) => `${count} ${profile}`).join(', ');
  return [`${matching} valid ${matching === 1 ? 'certificate' : 'certificates'} (${kinds}), to be revoked with the reason ${reason}:`, ...lines, ...rest].map(printable).join('\n') + '\n';
}

function words({ matching, dryRun, revoked, already }: Outcome, reason: string): string {
  if (matching === 0) return '';
  if (dryRun) return 'Nothing was revoked (--dry-run).\n';
  return `${revoked} ${reason === 'certificateHold' ? 'put on hold' : 'revoked'}${already === 0 ? '' : `, ${already} were so already`}.\n`;
}
