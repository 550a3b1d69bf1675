import { AuthorityError, faultText } from '../authority/errors.ts';
import { Failure } from '../client/failure.ts';
import { TransferError } from '../transfer/errors.ts';
import type { Context } from './context.ts';
import { painter, printable } from './text.ts';

/** 0: success; 1: failure; 2: wrong usage. */
export type ExitStatus = 0 | 1 | 2;

/** A command failed, and has already reported it. */
export class AlreadyTold extends Error {
  override readonly name = 'AlreadyTold';
}

/**
 * Prints an error on standard error: one line with what was wrong and what to do, then one line for each further fault.
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

// The service's messages are sentences; here they become part of a line.
const withoutStop = (text: string): string => text.replace(/\.$/, '');

/** Another program uses the address, it does not belong to this machine, or the port requires privileges. */
const LISTEN_ADVICE = 'free it, or set another address: listen.https, listen.http, listen.metrics (CHANCERY_LISTEN__HTTPS, and so on)';

/** Converts any error to a Failure: one line with what was wrong, and what to do if that is known. */
export function toFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof AuthorityError) return fromAuthority(error);
  if (error instanceof TransferError) return new Failure('check-failed', error.message, { ...(error.advice === undefined ? {} : { advice: error.advice }), cause: error });
  if (!(error instanceof Error)) return new Failure('check-failed', String(error));
  // Matched by message, because an error from a worker arrives as text.
  if (/^(?:listen|bind) E[A-Z]+/.test(error.message)) return new Failure('check-failed', error.message, { advice: LISTEN_ADVICE, cause: error });
  const { code, path } = error as NodeJS.ErrnoException;
  if (code !== undefined && path !== undefined) return new Failure('file', `${path}: ${FILE_ERRORS[code] ?? code}`, { cause: error });
  // For a write to an open file, Node does not name the path.
  if (code !== undefined && FILE_ERRORS[code] !== undefined) return new Failure('file', `${FILE_ERRORS[code]} (${error.message})`, { cause: error });
  // Errors with many faults (such as the configuration's) have one per line.
  const [first = '', ...more] = error.message.split('\n');
  return new Failure('check-failed', first, { more: more.map((line) => line.trim()), cause: error });
}

/** Faults in the authorities' files, and in the arguments of `init`; the latter are wrong usage. */
function fromAuthority(error: AuthorityError): Failure {
  const usage = error.faults.every((fault) => fault.code === 'option-wrong');
  const lines = error.faults.map((fault) => faultText(usage && fault.at !== undefined ? { ...fault, at: FLAGS[fault.at] ?? fault.at } : fault));
  const code = usage ? 'usage' : 'file';
  return new Failure(code, lines[0] ?? error.message, { more: lines.slice(1), cause: error });
}

/** Options of `init` and `authority roll` whose internal name differs. */
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
  EACCES: 'no permission to read or write',
  EPERM: 'not permitted',
  EISDIR: 'is a folder',
  ENOTDIR: 'is not a folder',
  EEXIST: 'already exists',
  ENOSPC: 'no space left',
  EDQUOT: 'disk quota exceeded',
  EMFILE: 'too many files are open; raise the limit (ulimit -n, LimitNOFILE=)',
  EROFS: 'the file system is read-only',
};
