import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { Refused } from '../../errors.ts';
import type { Authority } from '../../authority/authority.ts';
import type { CrlShelf } from '../../revocation/crl-shelf.ts';
import { shardIn } from '../../revocation/revocation-view.ts';
import type { CrlDocument, CrlHead } from '../../store/crl-store.ts';
import type { App } from '../app.ts';
import type { EarlyRoute } from '../early.ts';
import { hasPrecondition, isUnchanged, refuseUnmet, setHeaders, type Validators } from './conditional.ts';

export interface CrlRoutes {
  readonly authorities: readonly Pick<Authority, 'name' | 'canSign'>[];
  readonly shelf: Pick<CrlShelf, 'get' | 'bytes' | 'pem'>;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Called with each requester of an authority's CRL. */
  readonly polled?: (authority: string, address: string) => void;
}

const DER = 'application/pkix-crl';
const PEM = 'application/x-pem-file';

/** Octets above which a document is sent in pieces: TLS would otherwise encrypt all of it at once. */
const LARGE = 2 ** 20;
const PIECE = 2 ** 17;

const AuthorityParameter = Type.Object({ authority: Type.String({ maxLength: 64 }) }, { additionalProperties: false });
const DocumentParameter = Type.Object({ authority: Type.String({ maxLength: 64 }), document: Type.String({ maxLength: 16 }) }, { additionalProperties: false });

/**
 * `/crl/{authority}.crl` and `.pem`, `/crl/{authority}/delta.crl`, `/crl/{authority}/{shard}.crl`, from memory. A document is served as long as
 * it is in the store, even after the key that signed it has been removed. Range requests get the whole document (RFC 9110 14.2), whose
 * signature tells whether it is complete.
 */
export function crlRoutes(app: App, { authorities, shelf, clock, polled }: CrlRoutes): void {
  const signing = new Map(authorities.map(({ name, canSign }) => [name, canSign]));
  const caching = cacheHeaders(clock);

  const standing = (authority: string, document: CrlDocument): CrlHead => {
    const shelved = shelf.get(authority, document);
    if (shelved !== undefined) return shelved.head;
    const canSign = signing.get(authority);
    if (canSign === undefined) throw new Refused('not-found', `No CRL of an authority ${JSON.stringify(authority)} is published here.`);
    if (document !== 'full') throw new Refused('not-found', `Authority ${authority} publishes no CRL ${document}.`);
    if (canSign) throw new Refused('unavailable', `The CRL of authority ${authority} is not published yet.`, { retryAfter: 2 });
    throw new Refused('not-found', `No CRL of authority ${authority} was published here, and its key is not here.`);
  };

  /** True if the caller already has it, so that 304 suffices. */
  const isKnown = (request: FastifyRequest, reply: FastifyReply, head: CrlHead, pem: boolean): boolean => {
    const validators = validatorsOf(head, pem);
    refuseUnmet(request, validators);
    setHeaders(reply, [...caching(head), 'etag', validators.etag]);
    return isUnchanged(request, validators);
  };

  const send = async (request: FastifyRequest, reply: FastifyReply, authority: string, document: CrlDocument, pem: boolean): Promise<FastifyReply> => {
    const found = await (pem ? shelf.pem(authority, document) : shelf.bytes(authority, document));
    const head = found?.head ?? standing(authority, document);
    // It may have been replaced in the meantime.
    isKnown(request, reply, head, pem);
    const body = found === undefined ? Buffer.alloc(0) : 'pem' in found ? found.pem : found.der;
    reply.header('content-type', pem ? PEM : DER).header('content-length', body.length);
    return reply.send(body.length > LARGE && request.method !== 'HEAD' ? Readable.from(pieces(body)) : body);
  };

  const answer = (request: FastifyRequest, reply: FastifyReply, authority: string, document: CrlDocument, pem: boolean): FastifyReply | Promise<FastifyReply> => {
    const head = standing(authority, document);
    polled?.(authority, request.ip);
    if (isKnown(request, reply, head, pem)) return reply.code(304).send();
    return send(request, reply, authority, document, pem);
  };

  for (const [form, pem, type] of [['crl', false, DER], ['pem', true, PEM]] as const) {
    const schema = {
      operationId: pem ? 'getCrlPem' : 'getCrl', summary: `The CRL of an authority, ${pem ? 'PEM' : 'DER'}`, tags: ['published'], security: [], params: AuthorityParameter,
      response: { 200: { description: 'The full CRL (RFC 5280)', content: { [type]: { schema: {} } } }, 304: { description: 'Unchanged since the caller fetched it' } },
    };
    app.get(`/crl/:authority(^[a-z0-9-]+).${form}`, { schema }, (request, reply) => answer(request, reply, (request.params as { authority: string }).authority, 'full', pem));
  }

  const schema = {
    operationId: 'getCrlDocument', summary: 'The delta CRL of an authority (`delta`), or a shard of its CRL (`<count>-<index>`), DER', tags: ['published'], security: [], params: DocumentParameter,
    response: { 200: { description: 'The delta CRL (RFC 5280 5.2.4), or a CRL with an issuing distribution point (5.2.5)', content: { [DER]: { schema: {} } } }, 304: { description: 'Unchanged since the caller fetched it' } },
  };
  app.get('/crl/:authority(^[a-z0-9-]+)/:document(^[a-z0-9-]+).crl', { schema }, (request, reply) => {
    const { authority, document } = request.params as { authority: string; document: CrlDocument };
    if (document !== 'delta' && shardIn(document) === undefined) throw new Refused('not-found', `There is no CRL ${JSON.stringify(document)}; expected delta, or a shard such as 128-5.`);
    return answer(request, reply, authority, document, false);
  });
}

function* pieces(body: Buffer): Generator<Buffer> {
  for (let from = 0; from < body.length; from += PIECE) yield body.subarray(from, from + PIECE);
}

const validatorsOf = ({ etag, thisUpdate }: CrlHead, pem: boolean): Validators => ({ etag: pem ? etag.replace(/"$/, '-pem"') : etag, lastModified: thisUpdate });

/** The same for DER in memory, unless it is so large that it must be sent in pieces. */
export function earlyCrls({ shelf, clock, polled }: CrlRoutes): EarlyRoute {
  const caching = cacheHeaders(clock);
  return (request) => {
    const [, authority, document = 'full'] = request.method === 'GET' ? DER_PATH.exec(request.url ?? '') ?? [] : [];
    const shelved = authority === undefined ? undefined : shelf.get(authority, document as CrlDocument);
    if (authority === undefined || shelved === undefined || hasPrecondition(request.headers)) return undefined;
    const { head, der } = shelved;
    const isKnown = isUnchanged(request, validatorsOf(head, false));
    if (!isKnown && (der === undefined || der.length > LARGE)) return undefined;
    return () => {
      polled?.(authority, request.socket.remoteAddress ?? '');
      const headers = [...caching(head), 'etag', head.etag];
      return isKnown || der === undefined ? { status: 304, headers } : { status: 200, headers: [...headers, 'content-type', DER], body: der };
    };
  };
}

const DER_PATH = /^\/crl\/([a-z0-9-]{1,64})(?:\/(?!full\.)([a-z0-9-]{1,16}))?\.crl$/;

/**
 * Caching headers. A new CRL may appear at any time, so caches must revalidate every time, and get 304; only if the service is unreachable may
 * they use the CRL until its end. Computed once per second for each of the few documents.
 */
function cacheHeaders(clock: () => number): (head: CrlHead) => readonly string[] {
  let second = 0;
  const made = new Map<string, readonly string[]>();
  return ({ thisUpdate, nextUpdate }) => {
    const now = Math.floor(clock() / 1000);
    if (now !== second) made.clear();
    second = now;
    const key = `${thisUpdate}-${nextUpdate}`;
    let headers = made.get(key);
    if (headers === undefined) {
      const [expires, lastModified] = [new Date(nextUpdate * 1000).toUTCString(), new Date(thisUpdate * 1000).toUTCString()];
      headers = ['cache-control', `public, max-age=${Math.max(0, nextUpdate - now)}, no-cache`, 'expires', expires, 'last-modified', lastModified];
      made.set(key, headers);
    }
    return headers;
  };
}
