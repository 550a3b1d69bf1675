/** Why a command, or a node's agent, could not do what was asked. Tests assert on the code. */
export type FailureCode =
  /** Wrong usage: the command line itself. */
  | 'usage'
  /** No answer: refused, no such host, no route, connection lost. */
  | 'unreachable'
  /** No answer in time. */
  | 'timeout'
  /** The other side's certificate does not lead to the root that is trusted. */
  | 'untrusted'
  /** The other side's certificate is for other host names. */
  | 'wrong-host'
  /** An answer that is no answer of Chancery: too large, not JSON, members missing. */
  | 'bad-reply'
  /** The service refused, with a problem document. */
  | 'refused'
  /** No credentials for a call that needs them. */
  | 'no-credentials'
  /** A file that is missing, unreadable, malformed, or in the way. */
  | 'file'
  /** A request that still waits when the time for it is over. */
  | 'waiting'
  /** A command run afterwards ended badly. */
  | 'command-failed'
  /** Something checked and found wrong: an audit line, a CRL's signature, a doctor's check. */
  | 'check-failed';

export interface FailureOptions extends ErrorOptions {
  /** What to do about it, or what was expected instead: the second half of the line that a person reads. */
  readonly advice?: string;
  /** Further faults, one line each. */
  readonly more?: readonly string[];
}

/** A failure told to a person in one line: `message` is what was wrong, `advice` what to do. Neither holds a secret. */
export class Failure extends Error {
  override readonly name: string = 'Failure';
  readonly code: FailureCode;
  readonly advice: string | undefined;
  readonly more: readonly string[];

  constructor(code: FailureCode, message: string, options: FailureOptions = {}) {
    super(message, options);
    this.code = code;
    this.advice = options.advice;
    this.more = options.more ?? [];
  }
}
