import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { FastifyReply, FastifyRequest, RouteHandlerMethod } from 'fastify';
import { Type } from 'typebox';
import { Refused } from '../../errors.ts';
import type { OcspAnswer, OcspResponder } from '../../revocation/ocsp-responder.ts';
import { MAX_OCSP_REQUEST } from '../../x509/ocsp-request.ts';
import { decodeBase64 } from '../../x509/pem.ts';
import { X509Error } from '../../x509/errors.ts';
import type { App } from '../app.ts';
import type { EarlyReply, EarlyRoute } from '../early.ts';
import { isUnchanged, setHeaders } from './conditional.ts';

export interface OcspRoutes {
  /** Keyed by authority name. */
  readonly responders: ReadonlyMap<string, OcspResponder>;
  /** Seconds. */
  readonly maxAge: number;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

const REQUEST = 'application/ocsp-request';
const RESPONSE = 'application/ocsp-response';

/** Characters of a request in a path. RFC 5019 5 limits GET requests to 255; clients that need more use POST. */
const MAX_GET = 4096;

const AuthorityParameter = Type.Object({ authority: Type.String({ maxLength: 64 }) }, { additionalProperties: false });
const GetParameters = Type.Object(
  { authority: Type.String({ maxLength: 64 }), request: Type.String({ description: 'The OCSPRequest, base64 of DER, percent-encoded' }) }, { additionalProperties: false });
const response = { 200: { description: 'The OCSPResponse (RFC 6960), even if it only says why there is no answer', content: { [RESPONSE]: { schema: {} } } } };

/**
 * `/ocsp/{authority}`: RFC 6960 by POST (A.1.1), and by GET for caches (RFC 5019 5). HTTP-level errors get their status and a problem document;
 * errors in the OCSP request itself get an OCSPResponse with status 200.
 */
export function ocspRoutes(app: App, options: OcspRoutes): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(REQUEST, { parseAs: 'buffer' }, (_request, body, done) => done(null, body));

  const responderOf = (request: FastifyRequest): OcspResponder => {
    const { authority } = request.params as { authority: string };
    const responder = options.responders.get(authority);
    if (responder === undefined) throw new Refused('not-found', `There is no OCSP responder of an authority ${JSON.stringify(authority)} here.`);
    return responder;
  };
  const send = (reply: FastifyReply, { status, headers, body }: EarlyReply): FastifyReply => setHeaders(reply.code(status), headers).send(body);

  app.post('/ocsp/:authority', {
    schema: {
      operationId: 'askOcsp', summary: 'Ask whether certificates are revoked', tags: ['published'], security: [], params: AuthorityParameter,
      body: { content: { [REQUEST]: { schema: {} } } }, response,
    },
    bodyLimit: MAX_OCSP_REQUEST,
  }, (request, reply) => then(responderOf(request).answer(Buffer.isBuffer(request.body) ? request.body : NOTHING), (answer) => send(reply, replyToPost(answer))));

  const get: RouteHandlerMethod = (request, reply) =>
    then(responderOf(request).answer(requestInPath(request.url)), (answer) => send(reply, replyToGet(answer, request, options)));
  app.get('/ocsp/:authority/:request(^[\\w%=+-]{1,1024}$)', {
    schema: {
      operationId: 'getOcsp', summary: 'Ask whether a certificate is revoked, through caches', tags: ['published'], security: [], params: GetParameters,
      response: { ...response, 304: { description: 'Unchanged since the caller fetched it' } },
    },
  }, get);
  // The same for any length and any number of slashes: unencoded ones from base64, and surplus ones.
  app.get('/ocsp/:authority/*', { schema: { hide: true } }, get);
}

/** The same as an early route, for whatever a responder can answer by itself. */
export function earlyOcsp(options: OcspRoutes): EarlyRoute {
  return (request) => {
    const { method, url = '', headers } = request;
    if (!url.startsWith(FOLDER)) return undefined;
    const end = url.indexOf('/', FOLDER.length);
    const responder = options.responders.get(url.slice(FOLDER.length, end < 0 ? undefined : end));
    if (responder === undefined) return undefined;
    if (end < 0) {
      const length = Number(headers['content-length']);
      const isPlain = method === 'POST' && headers['content-type'] === REQUEST && length > 0 && length <= MAX_OCSP_REQUEST;
      return isPlain ? () => bodyOf(request).then((body) => responder.answer(body)).then(replyToPost) : undefined;
    }
    const asked = method === 'GET' && url.length <= MAX_GET ? requestInPath(url) : NOTHING;
    return asked === NOTHING ? undefined : () => then(responder.answer(asked), (answer) => replyToGet(answer, request, options));
  };
}

const FOLDER = '/ocsp/';

const bodyOf = (request: IncomingMessage): Promise<Buffer> => new Promise((resolve) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => resolve(chunks.length === 1 ? chunks[0] as Buffer : Buffer.concat(chunks)));
});

const replyToPost = ({ der }: OcspAnswer): EarlyReply => ({ status: 200, headers: ['content-type', RESPONSE, 'cache-control', 'no-store'], body: der });

function replyToGet(answer: OcspAnswer, request: { readonly headers: IncomingHttpHeaders }, { clock, maxAge }: OcspRoutes): EarlyReply {
  const { der, validity } = answer;
  if (validity === undefined) return replyToPost(answer);
  const { etag, thisUpdate, nextUpdate, secondIsShared, expires, lastModified } = validity;
  // RFC 5019 6.2. A cache that supports Cache-Control revalidates after max-age; only older ones use Expires.
  const age = Math.max(0, Math.min(maxAge, nextUpdate - Math.floor(clock() / 1000)));
  const headers = ['content-type', RESPONSE, 'cache-control', `max-age=${age}, public, no-transform, must-revalidate`, 'expires', expires, 'etag', etag, 'last-modified', lastModified];
  return isUnchanged(request, { etag, lastModified: thisUpdate, secondIsShared }) ? { status: 304, headers } : { status: 200, headers, body: der };
}

/** Cached answers are sent at once, without a turn of the event loop. */
const then = <T>(answer: OcspAnswer | Promise<OcspAnswer>, send: (answer: OcspAnswer) => T): T | Promise<T> => (answer instanceof Promise ? answer.then(send) : send(answer));

/** Stands for input that cannot be an OCSPRequest. */
const NOTHING = new Uint8Array(0);

/**
 * The request in `/ocsp/<authority>/<base64>`, as clients send it in practice: percent-encoded or not, preceded by several slashes (RFC 6960
 * A.1.1 appends it to an address that may end in one), with `+` turned into a space on the way, with or without trailing `=`.
 * @throws Refused `uri-too-long`
 */
function requestInPath(url: string): Uint8Array {
  const start = url.indexOf('/', '/ocsp/'.length) + 1;
  const end = url.indexOf('?', start);
  const rest = url.slice(start, end < 0 ? url.length : end);
  if (rest.length > MAX_GET) throw new Refused('uri-too-long', `The request in the path has ${rest.length} characters; expected at most ${MAX_GET}, or POST.`);
  try {
    const text = rest.includes('%') ? decodeURIComponent(rest) : rest;
    const base64 = text.replace(/^\/+/, '').replaceAll(' ', '+').replace(/={1,2}$/, '');
    return decodeBase64(base64.padEnd(Math.ceil(base64.length / 4) * 4, '='));
  } catch (error) {
    if (error instanceof URIError || error instanceof X509Error) return NOTHING;
    throw error;
  }
}
