/** Why a command, or a node's agent, could not do what was asked. Tests assert on the code. */
export type FailureCode =
  /** The command line itself is wrong. */
  | 'usage'
  /** No connection: refused, no such host, no route, connection lost. */
  | 'unreachable'
  /** No reply in time. */
  | 'timeout'
  /** The service's certificate does not chain to the trusted root. */
  | 'untrusted'
  /** The service's certificate is for other host names. */
  | 'wrong-host'
  /** A reply that Chancery would not send: too large, not JSON, members missing. */
  | 'bad-reply'
  /** The service refused with a problem document. */
  | 'refused'
  /** No credentials for a call that requires them. */
  | 'no-credentials'
  /** A file that is missing, unreadable, malformed, or in the way. */
  | 'file'
  /** A request that is still pending when the time allowed for it has passed. */
  | 'waiting'
  /** A command that was run afterwards failed. */
  | 'command-failed'
  /** A check that failed: an audit line, a CRL's signature, one of doctor's checks. */
  | 'check-failed';

export interface FailureOptions extends ErrorOptions {
  /** What to do about it, or what was expected instead: the second half of the line shown to the user. */
  readonly advice?: string;
  /** Further faults, one per line. */
  readonly more?: readonly string[];
}

/** A failure reported to the user in one line: `message` is what went wrong, `advice` what to do. Neither contains a secret. */
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
