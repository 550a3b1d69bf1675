import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { type ErrorCode, type Fault, Refused } from '../errors.ts';
import { BadCursor, StoreUnavailable } from '../store/store.ts';
import { JsonError } from '../strict-json.ts';

/** A problem document (RFC 9457), with every fault that was found. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance?: string;
  readonly errors?: readonly Fault[];
}

export const PROBLEM_TYPE = 'application/problem+json';

/** Status and title for each code: HTTP statuses are chosen nowhere else. */
const STATUS: Readonly<Record<ErrorCode, readonly [number, string]>> = {
  'csr-malformed': [400, 'The CSR is malformed'],
  'csr-possession': [400, 'The CSR does not prove possession of its key'],
  'body-invalid': [400, 'The body is invalid'],
  'query-invalid': [400, 'The query is invalid'],
  'header-invalid': [400, 'A header is invalid'],
  'profile-unknown': [400, 'The profile is unknown'],
  'profile-missing': [400, 'The profile is missing'],
  unauthenticated: [401, 'Authentication failed'],
  forbidden: [403, 'Not allowed'],
  'request-refused': [403, 'The request is refused'],
  'token-exhausted': [403, 'The token is used up'],
  'renewal-refused': [403, 'The renewal is refused'],
  'tls-required': [403, 'TLS is required'],
  'not-found': [404, 'Not found'],
  'method-not-allowed': [405, 'Method not allowed'],
  'not-acceptable': [406, 'Not acceptable'],
  'request-timeout': [408, 'The request took too long'],
  'already-decided': [409, 'Already decided'],
  'already-revoked': [409, 'Already revoked'],
  'not-held': [409, 'Not on hold'],
  'swarm-root-taken': [409, 'The root is registered for another swarm'],
  'too-many-campaigns': [409, 'Too many campaigns'],
  'not-revocable': [409, 'Cannot be revoked here'],
  'precondition-failed': [412, 'Precondition failed'],
  'body-too-large': [413, 'The body is too large'],
  'uri-too-long': [414, 'The path is too long'],
  'media-type-unsupported': [415, 'Unsupported media type'],
  'idempotency-key-reused': [422, 'The Idempotency-Key was used for something else'],
  'rate-limited': [429, 'Too many requests'],
  'headers-too-large': [431, 'The headers are too large'],
  unavailable: [503, 'Not available now'],
  internal: [503, 'Internal fault'],
};

/** Default number of seconds after which a 503 may be retried. */
const RETRY_AFTER = 5;

/** @param occurrence the instance to state if the refusal has none of its own */
export function problemOf({ code, message, faults, instance }: Refused, occurrence?: string): Problem {
  const [status, title] = STATUS[code];
  const which = instance ?? occurrence;
  return {
    type: `urn:chancery:error:${code}`, title, status, detail: message,
    ...(which === undefined ? {} : { instance: which }),
    ...(faults.length === 0 ? {} : { errors: faults }),
  };
}

/** Sends a refusal with the headers that belong to it. */
export function sendProblem(reply: FastifyReply, refused: Refused): FastifyReply {
  // RFC 9457 3.1.5: identifies this occurrence, unless a stored request does; the log and `x-request-id` have the same id.
  const problem = problemOf(refused, `urn:uuid:${reply.request.id}`);
  if (refused.code === 'unauthenticated') reply.header('www-authenticate', 'Bearer realm="chancery"');
  const retryAfter = refused.retryAfter ?? (problem.status === 503 ? RETRY_AFTER : undefined);
  if (retryAfter !== undefined) reply.header('retry-after', String(Math.max(1, Math.ceil(retryAfter))));
  // Sent as bytes: to text Fastify would add a charset parameter, which JSON types do not have (RFC 8259 11).
  return reply.code(problem.status).header('content-type', PROBLEM_TYPE).header('cache-control', 'no-store').send(Buffer.from(JSON.stringify(problem)));
}

/** Fastify's own errors, by its code. */
const FASTIFY_CODES: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['body-too-large', 'The body is larger than this call accepts.'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['media-type-unsupported', 'The Content-Type is not one that this call accepts.'],
  FST_ERR_CTP_EMPTY_TYPE: ['media-type-unsupported', 'The Content-Type is missing.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['body-invalid', 'The body\'s length differs from its Content-Length.'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['body-invalid', 'The body is empty; expected JSON.'],
  FST_ERR_BAD_URL: ['query-invalid', 'The path is not a valid URL path.'],
  FST_ERR_ASYNC_CONSTRAINT: ['not-found', 'There is nothing here.'],
  FST_ERR_MAX_PARAM_LENGTH: ['not-found', 'There is nothing here.'],
};

/** Converts every error that reaches the edge to a refusal; unknown errors become `internal`, without revealing their message. */
export function refusedOf(error: unknown): Refused {
  if (error instanceof Refused) return error;
  if (error instanceof StoreUnavailable) return new Refused('unavailable', 'The store is not answering now; sending the request again settles its outcome.', { cause: error, retryAfter: 2 });
  if (error instanceof BadCursor) {
    return new Refused('query-invalid', 'The cursor is refused: not a cursor of this listing.', { cause: error, faults: [{ code: 'cursor', detail: 'not a cursor of this listing', at: '/cursor' }] });
  }
  if (error instanceof JsonError) return new Refused('body-invalid', `The body is not valid JSON: ${error.message}`, { cause: error });
  const { code, validation, validationContext } = error as Partial<FastifyError>;
  if (validation !== undefined) return invalid(validation, validationContext);
  const known = code !== undefined && Object.hasOwn(FASTIFY_CODES, code) ? FASTIFY_CODES[code] : undefined;
  if (known !== undefined) return new Refused(known[0], known[1], { cause: error });
  return new Refused('internal', 'Something went wrong here; it has been logged.', { cause: error });
}

/** Error handler for Fastify. */
export function errorHandler(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const fault = refusedOf(error);
  const refused = fault.code === 'media-type-unsupported' ? typeRefusal(fault, request) : fault;
  if (refused.code === 'internal') request.log.error({ err: refused.cause, requestId: request.id }, 'internal fault');
  else if (refused.code === 'unavailable') request.log.warn({ err: refused.cause ?? refused, requestId: request.id }, 'not available');
  void sendProblem(reply, refused);
}

/** The refusal with the type that was sent and those that the call takes: curl sends one that nobody chose. */
function typeRefusal(cause: Refused, { headers, routeOptions }: FastifyRequest): Refused {
  const { content = { 'application/json': {} } } = (routeOptions.schema?.body ?? {}) as { readonly content?: object };
  const sent = headers['content-type'];
  const what = sent === undefined ? 'The Content-Type is missing' : `The Content-Type ${JSON.stringify(sent.slice(0, 100))} is not one that this call accepts`;
  return new Refused('media-type-unsupported', `${what}; expected ${Object.keys(content).join(', ')}.`, { cause });
}

const BODY = ['body-invalid', 'The body is'] as const;
const PLACES: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  body: BODY, querystring: ['query-invalid', 'The query is'], headers: ['header-invalid', 'The headers are'], params: ['not-found', 'The path is'],
};

function invalid(validation: NonNullable<FastifyError['validation']>, place = 'body'): Refused {
  const faults = validation.map(({ instancePath, keyword, message, params }): Fault => ({
    code: keyword, at: instancePath === '' ? '/' : instancePath, detail: `${message ?? 'is invalid'}${detailOf(params)}`,
  }));
  const said = faults.map(({ at, detail }) => `${at ?? ''} ${detail}`).join('; ');
  const [code, subject] = PLACES[place] ?? BODY;
  return new Refused(code, `${subject} invalid: ${said}`, { faults });
}

function detailOf(params: Record<string, unknown>): string {
  if (typeof params['additionalProperty'] === 'string') return `: ${JSON.stringify(params['additionalProperty'].slice(0, 64))}`;
  if (Array.isArray(params['allowedValues'])) return `: ${params['allowedValues'].join(', ')}`;
  return '';
}
