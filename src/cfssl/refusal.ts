import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import type { ErrorCode } from '../errors.ts';
import { problemOf, refusedOf } from '../http/problem.ts';
import { failed } from './envelope.ts';

/** A refusal in cfssl's terms. `message` is meant for the client: no secrets, no internals. */
export class CfsslRefusal extends Error {
  override readonly name = 'CfsslRefusal';
  readonly code: number;
  readonly status: number;

  /** @param code the status itself for errors in the call, as in cfssl; otherwise one of cfssl's `errors` (category and reason) */
  constructor(code: number, message: string, options: ErrorOptions & { readonly status?: number } = {}) {
    super(message, options);
    this.code = code;
    this.status = options.status ?? (code < 1000 ? code : 400);
  }
}

/** cfssl's error codes: a category in thousands, plus a reason. */
export const CODE = {
  certificateDecode: 1002,
  certificateParse: 1003,
  certificateSelfSigned: 1100,
  certificateUnknownAuthority: 1220,
  policyViolation: 5300,
  unknownProfile: 5400,
  csrDecode: 9002,
  csrParse: 9003,
  csrBad: 9300,
  storeUnknown: 11_000,
  storeNotFound: 11_200,
} as const;

export const badCall = (message: string, cause?: unknown): CfsslRefusal => new CfsslRefusal(400, message, { cause });
export const violation = (message: string, status = 400): CfsslRefusal => new CfsslRefusal(CODE.policyViolation, message, { status });

/** Refusals of this service that have a code of their own in cfssl; for all others it is their status. */
const CODES: Readonly<Partial<Record<ErrorCode, number>>> = {
  'csr-malformed': CODE.csrParse,
  'csr-possession': CODE.csrBad,
  'profile-unknown': CODE.unknownProfile,
  'request-refused': CODE.policyViolation,
  'token-exhausted': CODE.policyViolation,
  forbidden: CODE.policyViolation,
  'already-revoked': CODE.storeUnknown,
};

/** Default number of seconds after which a 503 may be retried. */
const RETRY_AFTER = 2;

/** What is sent instead of a result. */
export interface Sent {
  readonly status: number;
  readonly code: number;
  readonly message: string;
  readonly retryAfter?: number;
}

/** Any error as it is sent. Temporary ones are a 503 (or 429) for all clients; cfssl's own clients read the envelope rather than the status. */
export function sentFor(error: unknown): Sent {
  if (error instanceof CfsslRefusal) return { status: error.status, code: error.code, message: error.message };
  const refused = refusedOf(error);
  const { status } = problemOf(refused);
  const retryAfter = refused.retryAfter ?? (status === 503 ? RETRY_AFTER : undefined);
  const code = CODES[refused.code];
  return {
    // As in cfssl: 400 for everything with a code of its own.
    status: code === undefined ? status : refused.code === 'forbidden' ? 403 : 400,
    code: code ?? status, message: refused.message, ...(retryAfter === undefined ? {} : { retryAfter }),
  };
}

/** Error handler: sends every error of this scope in cfssl's envelope. */
export function replyError(error: FastifyError | Error, request: FastifyRequest, reply: FastifyReply): void {
  const { status, code, message, retryAfter } = sentFor(error);
  if (refusedOf(error).code === 'internal' && status === 503) request.log.error({ err: error, requestId: request.id }, 'internal fault');
  else if (status === 503) request.log.warn({ err: error, requestId: request.id }, 'not available');
  if (retryAfter !== undefined) reply.header('retry-after', String(Math.max(1, Math.ceil(retryAfter))));
  void reply.code(status).send(failed(code, message));
}
