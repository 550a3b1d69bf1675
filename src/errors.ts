/**
 * Every refusal Chancery can give, as one closed set of codes. Codes are stable: clients may act on them and tests assert on them. Each
 * protocol decides on its own wire format (`http/problem.ts` for REST).
 */
export type ErrorCode =
  | 'csr-malformed'
  | 'csr-possession'
  | 'body-invalid'
  | 'query-invalid'
  | 'header-invalid'
  | 'profile-unknown'
  | 'profile-missing'
  | 'unauthenticated'
  | 'forbidden'
  | 'request-refused'
  | 'token-exhausted'
  | 'renewal-refused'
  | 'not-found'
  | 'method-not-allowed'
  | 'not-acceptable'
  | 'request-timeout'
  | 'already-decided'
  | 'already-revoked'
  | 'not-held'
  | 'swarm-root-taken'
  | 'too-many-campaigns'
  | 'not-revocable'
  | 'precondition-failed'
  | 'body-too-large'
  | 'headers-too-large'
  | 'uri-too-long'
  | 'media-type-unsupported'
  | 'idempotency-key-reused'
  | 'rate-limited'
  | 'tls-required'
  | 'unavailable'
  | 'internal';

/** One fault of possibly many: what was wrong, where, and what was expected, in words. */
export interface Fault {
  readonly code: string;
  readonly detail: string;
  /** A JSON pointer, header name or step name. */
  readonly at?: string;
}

export interface RefusedOptions extends ErrorOptions {
  readonly faults?: readonly Fault[];
  /** Seconds after which a retry makes sense. */
  readonly retryAfter?: number;
  /** Path of the resource concerned. */
  readonly instance?: string;
}

/** A refusal with a stable code. `message` is meant for the requester: no secrets, no internals. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly code: ErrorCode;
  readonly faults: readonly Fault[];
  readonly retryAfter: number | undefined;
  readonly instance: string | undefined;

  constructor(code: ErrorCode, detail: string, options: RefusedOptions = {}) {
    super(detail, options);
    this.code = code;
    this.faults = options.faults ?? [];
    this.retryAfter = options.retryAfter;
    this.instance = options.instance;
  }
}
