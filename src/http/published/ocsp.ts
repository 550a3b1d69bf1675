import type { FastifyReply, FastifyRequest, RouteHandlerMethod } from 'fastify';
import { Type } from 'typebox';
import { Refused } from '../../errors.ts';
import type { OcspAnswer, OcspResponder } from '../../revocation/ocsp-responder.ts';
import { MAX_OCSP_REQUEST } from '../../x509/ocsp-request.ts';
import { decodeBase64 } from '../../x509/pem.ts';
import { X509Error } from '../../x509/errors.ts';
import type { App } from '../app.ts';
import { isUnchanged } from './conditional.ts';

export interface OcspRoutes {
  /** By the authority's name. */
  readonly responders: ReadonlyMap<string, OcspResponder>;
  /** Seconds. */
  readonly maxAge: number;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

const REQUEST = 'application/ocsp-request';
const RESPONSE = 'application/ocsp-response';

/** Characters of a request in a path. RFC 5019 5: those by GET have at most 255; whoever needs more uses POST. */
const MAX_GET = 4096;

const AuthorityParameter = Type.Object({ authority: Type.String({ maxLength: 64 }) }, { additionalProperties: false });
const GetParameters = Type.Object({ authority: Type.String({ maxLength: 64 }), request: Type.String({ description: 'The OCSPRequest, base64 of DER, percent-encoded' }) }, { additionalProperties: false });
const response = { 200: { description: 'The OCSPResponse (RFC 6960), also where it only says why there is no answer', content: { [RESPONSE]: { schema: {} } } } };

/**
 * `/ocsp/{authority}`: RFC 6960 by POST (A.1.1), and by GET for caches (RFC 5019 5). Faults of HTTP get their status and a problem; what
 * the OCSP request itself lacks is said by an OCSPResponse with status 200.
 */
export function ocspRoutes(app: App, { responders, maxAge, clock }: OcspRoutes): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(REQUEST, { parseAs: 'buffer' }, (_request, body, done) => done(null, body));

  const responderOf = (request: FastifyRequest): OcspResponder => {
    const { authority } = request.params as { authority: string };
    const responder = responders.get(authority);
    if (responder === undefined) throw new Refused('not-found', `There is no OCSP responder of an authority ${JSON.stringify(authority)} here.`);
    return responder;
  };

  app.post('/ocsp/:authority', {
    schema: {
      operationId: 'askOcsp', summary: 'Ask whether certificates are revoked', tags: ['published'], security: [], params: AuthorityParameter,
      body: { content: { [REQUEST]: { schema: {} } } }, response,
    },
    bodyLimit: MAX_OCSP_REQUEST,
  }, (request, reply) => {
    const send = ({ der }: OcspAnswer): FastifyReply => reply.header('content-type', RESPONSE).header('cache-control', 'no-store').send(der);
    return then(responderOf(request).answer(Buffer.isBuffer(request.body) ? request.body : NOTHING), send);
  });

  const get: RouteHandlerMethod = (request, reply) => {
    const responder = responderOf(request);
    return then(responder.answer(requestInPath(request.url)), (answer) => {
      const { der, validity } = answer;
      reply.header('content-type', RESPONSE);
      if (validity === undefined) return reply.header('cache-control', 'no-store').send(der);
      const { etag, thisUpdate, nextUpdate, secondIsShared, expires, lastModified } = validity;
      // RFC 5019 6.2. A cache that knows Cache-Control asks again after max-age; only older ones go by Expires.
      const age = Math.max(0, Math.min(maxAge, nextUpdate - Math.floor(clock() / 1000)));
      reply.header('cache-control', `max-age=${age}, public, no-transform, must-revalidate`).header('expires', expires)
        .header('etag', etag).header('last-modified', lastModified);
      return isUnchanged(request, { etag, lastModified: thisUpdate, secondIsShared }) ? reply.code(304).send() : reply.send(der);
    });
  };
  app.get('/ocsp/:authority/:request(^[\\w%=+-]{1,1024}$)', {
    schema: {
      operationId: 'getOcsp', summary: 'Ask whether a certificate is revoked, by way of caches', tags: ['published'], security: [], params: GetParameters,
      response: { ...response, 304: { description: 'The answer is the one that the caller has' } },
    },
  }, get);
  // The same, however long it is and with whatever slashes: those of base64 that no one has encoded, and more.
  app.get('/ocsp/:authority/*', { schema: { hide: true } }, get);
}

/** What is kept is answered at once, without a turn of the event loop. */
const then = <T>(answer: OcspAnswer | Promise<OcspAnswer>, send: (answer: OcspAnswer) => T): T | Promise<T> => (answer instanceof Promise ? answer.then(send) : send(answer));

/** What no OCSPRequest is. */
const NOTHING = new Uint8Array(0);

/**
 * The request in `/ocsp/<authority>/<base64>`, as clients really send it: percent-encoded or not, with more slashes before it than one
 * (RFC 6960 A.1.1 joins it to an address that may end in one), with its `+` made a space on the way, with or without `=` at its end.
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
