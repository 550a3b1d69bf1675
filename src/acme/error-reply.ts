import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { problemOf, PROBLEM_TYPE, refusedOf } from '../http/problem.ts';
import { ACME_ERROR, AcmeError, type AcmeErrorType } from './problem.ts';

/** Refusals of this service as ACME error types; all others are the client's mistake. */
const TYPES: Readonly<Record<string, AcmeErrorType>> = { 'rate-limited': 'rateLimited', unavailable: 'serverInternal', internal: 'serverInternal', forbidden: 'unauthorized' };
/** Default number of seconds after which a 503 may be retried. */
const RETRY_AFTER = 2;

/** Sends every error within this scope as a problem document (RFC 8555 6.7, RFC 9457). */
export function replyError(error: FastifyError | Error, request: FastifyRequest, reply: FastifyReply): void {
  const acme = error instanceof AcmeError ? error : fromHouse(error, request);
  const { retryAfter, headers = {}, subproblems, algorithms } = acme.options;
  for (const [name, value] of Object.entries(headers)) reply.header(name, name === 'link' ? [value, ...linksOf(reply)] : value);
  if (retryAfter !== undefined) reply.header('retry-after', String(Math.max(1, Math.ceil(retryAfter))));
  const body = {
    type: `${ACME_ERROR}${acme.type}`, detail: acme.message, status: acme.status,
    ...(subproblems === undefined ? {} : { subproblems }),
    ...(algorithms === undefined ? {} : { algorithms }),
  };
  // Sent as bytes: to text Fastify would add a charset parameter, which JSON types do not have (RFC 8259 11).
  void reply.code(acme.status).header('content-type', PROBLEM_TYPE).send(Buffer.from(JSON.stringify(body)));
}

function fromHouse(error: unknown, request: FastifyRequest): AcmeError {
  const refused = refusedOf(error);
  if (refused.code === 'internal') request.log.error({ err: refused.cause, requestId: request.id }, 'internal fault');
  const { status } = problemOf(refused);
  const retryAfter = refused.retryAfter ?? (status === 503 ? RETRY_AFTER : undefined);
  return new AcmeError(TYPES[refused.code] ?? 'malformed', refused.message, { status, cause: error, ...(retryAfter === undefined ? {} : { retryAfter }) });
}

const linksOf = (reply: FastifyReply): string[] => [reply.getHeader('link') ?? []].flat().map(String);
