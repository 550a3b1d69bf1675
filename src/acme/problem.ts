import type { Identifier } from './validators/validator.ts';

/** Error types of RFC 8555 6.7, RFC 9773 7.4 and the profiles draft, each with its HTTP status. */
const STATUS = {
  accountDoesNotExist: 400,
  alreadyReplaced: 409,
  alreadyRevoked: 400,
  badCSR: 400,
  badNonce: 400,
  badPublicKey: 400,
  badRevocationReason: 400,
  badSignatureAlgorithm: 400,
  caa: 403,
  compound: 403,
  connection: 400,
  dns: 400,
  externalAccountRequired: 403,
  incorrectResponse: 403,
  invalidContact: 400,
  invalidProfile: 400,
  malformed: 400,
  orderNotReady: 403,
  rateLimited: 429,
  rejectedIdentifier: 403,
  serverInternal: 500,
  tls: 400,
  unauthorized: 403,
  unsupportedContact: 400,
  unsupportedIdentifier: 400,
  userActionRequired: 403,
} as const;

export type AcmeErrorType = keyof typeof STATUS;

export const ACME_ERROR = 'urn:ietf:params:acme:error:';

/** A subproblem, or a problem contained in an object (RFC 8555 6.7.1): JSON as sent. */
export interface AcmeProblem {
  readonly type: string;
  readonly detail: string;
  readonly status?: number;
  readonly identifier?: Identifier;
  readonly subproblems?: readonly AcmeProblem[];
}

export interface AcmeErrorOptions extends ErrorOptions {
  readonly status?: number;
  readonly subproblems?: readonly AcmeProblem[];
  /** Seconds. */
  readonly retryAfter?: number;
  readonly algorithms?: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
}

/** A refusal in ACME terms. `message` is meant for the client: no secrets, no internals. */
export class AcmeError extends Error {
  override readonly name = 'AcmeError';
  readonly type: AcmeErrorType;
  readonly options: AcmeErrorOptions;

  constructor(type: AcmeErrorType, detail: string, options: AcmeErrorOptions = {}) {
    super(detail, options);
    this.type = type;
    this.options = options;
  }

  get status(): number {
    return this.options.status ?? STATUS[this.type];
  }
}

/** A problem in the form used within protocol objects. */
export const problemIn = (type: AcmeErrorType, detail: string, more: Pick<AcmeProblem, 'identifier' | 'subproblems'> = {}): AcmeProblem =>
  ({ type: `${ACME_ERROR}${type}`, detail, status: STATUS[type], ...more });

export const malformed = (detail: string, cause?: unknown): AcmeError => new AcmeError('malformed', detail, { cause });
export const notFound = (what: string): AcmeError => new AcmeError('malformed', `There is no such ${what}.`, { status: 404 });
export const badPublicKey = (detail: string, cause?: unknown): AcmeError => new AcmeError('badPublicKey', detail, { cause });
export const badSignatureAlgorithm = (detail: string, algorithms: readonly string[]): AcmeError => new AcmeError('badSignatureAlgorithm', detail, { algorithms });
export const unauthorized = (detail: string, status = 403): AcmeError => new AcmeError('unauthorized', detail, { status });
