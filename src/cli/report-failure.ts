import { AuthorityError, faultText } from '../authority/errors.ts';
import { Failure } from '../client/failure.ts';
import { TransferError } from '../transfer/errors.ts';
import type { Context } from './context.ts';
import { painter, printable } from './text.ts';

/** 0: done; 1: it failed; 2: wrong usage. */
export type ExitStatus = 0 | 1 | 2;

/** A command failed, and whoever ran in it said so itself. */
export class AlreadyTold extends Error {
  override readonly name = 'AlreadyTold';
}

/**
 * Tells an error on standard error: one line of what was wrong and what to do, then one line for each further fault.
 * Returns the exit status.
 */
export function reportFailure(context: Context, error: unknown): ExitStatus {
  if (error instanceof AlreadyTold) return 1;
  const paint = painter(context, 'stderr');
  const failure = toFailure(error);
  const what = [failure.message, failure.advice].filter((part) => part !== undefined).map((part) => printable(withoutStop(part))).join('; ');
  context.stderr.write(`${paint('red', 'chancery:')} ${what}\n`);
  for (const fault of failure.more) context.stderr.write(`  ${printable(fault)}\n`);
  return failure.code === 'usage' ? 2 : 1;
}

// Messages of the service are sentences; here they are parts of a line.
const withoutStop = (text: string): string => text.replace(/\.$/, '');

/** Another program has the address, it is none of this machine, or its port is kept for root. */
const LISTEN_ADVICE = 'free it, or set another address: listen.https, listen.http, listen.metrics (CHANCERY_LISTEN__HTTPS, and so on)';

/** Any error as a Failure: one line of what was wrong, with what to do where that is known. */
export function toFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof AuthorityError) return fromAuthority(error);
  if (error instanceof TransferError) return new Failure('check-failed', error.message, { ...(error.advice === undefined ? {} : { advice: error.advice }), cause: error });
  if (!(error instanceof Error)) return new Failure('check-failed', String(error));
  // By its message: that of a worker comes as text.
  if (/^(?:listen|bind) E[A-Z]+/.test(error.message)) return new Failure('check-failed', error.message, { advice: LISTEN_ADVICE, cause: error });
  const { code, path } = error as NodeJS.ErrnoException;
  if (code !== undefined && path !== undefined) return new Failure('file', `${path}: ${FILE_ERRORS[code] ?? code}`, { cause: error });
  // Of a write to a file that is open already Node does not say where.
  if (code !== undefined && FILE_ERRORS[code] !== undefined) return new Failure('file', `${FILE_ERRORS[code]} (${error.message})`, { cause: error });
  // Errors that name many faults (the configuration's) do so line by line.
  const [first = '', ...more] = error.message.split('\n');
  return new Failure('check-failed', first, { more: more.map((line) => line.trim()), cause: error });
}

/** Faults of the authorities' files, and of what `init` was told: the latter is wrong usage. */
function fromAuthority(error: AuthorityError): Failure {
  const usage = error.faults.every((fault) => fault.code === 'option-wrong');
  const lines = error.faults.map((fault) => faultText(usage && fault.at !== undefined ? { ...fault, at: FLAGS[fault.at] ?? fault.at } : fault));
  const code = usage ? 'usage' : 'file';
  return new Failure(code, lines[0] ?? error.message, { more: lines.slice(1), cause: error });
}

/** Options of `init` and `authority roll` that go by another name inside. */
const FLAGS: Readonly<Record<string, string>> = {
  algorithm: '--algorithm',
  subject: '--subject',
  lifetime: '--lifetime',
  rootSubject: '--root-subject',
  issuingSubject: '--issuing-subject',
  rootLifetime: '--root-lifetime',
  issuingLifetime: '--issuing-lifetime',
  pathLength: '--path-length',
  httpBase: '--public-url',
  crlUrls: '--crl-url',
  issuerUrls: '--issuer-url',
  ocspUrls: '--ocsp-url',
  'nameConstraints.permitted': '--permit',
  'nameConstraints.excluded': '--exclude',
};

const FILE_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  EACCES: 'no right to read or write',
  EPERM: 'not permitted',
  EISDIR: 'is a folder',
  ENOTDIR: 'is no folder',
  EEXIST: 'is there already',
  ENOSPC: 'no space left',
  EDQUOT: 'no space left of the quota',
  EMFILE: 'too many files are open; raise the limit (ulimit -n, LimitNOFILE=)',
  EROFS: 'the file system is read-only',
};
