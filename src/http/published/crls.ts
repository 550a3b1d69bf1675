import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { Refused } from '../../errors.ts';
import type { Authority } from '../../authority/authority.ts';
import type { CrlStore, PublishedCrl } from '../../store/store.ts';
import { encodePem } from '../../x509/pem.ts';
import type { App } from '../app.ts';
import { isNotModified } from './conditional.ts';

export interface CrlRoutes {
  readonly authorities: readonly Pick<Authority, 'name' | 'canSign'>[];
  readonly store: CrlStore;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

const PEM = 'application/x-pem-file';

const AuthorityParameter = Type.Object({ authority: Type.String({ maxLength: 64 }) }, { additionalProperties: false });

interface Served {
  readonly etag: string;
  readonly der: Buffer;
  /** Made when it is first asked for: it is rarely, and a large CRL takes long to encode. */
  pem?: string;
  readonly crl: PublishedCrl;
}

/**
 * `/crl/{authority}.crl` and `.pem`. Every process serves the same bytes, which come from the store; the head is looked up
 * at each call, the bytes only when it has changed. A CRL is served for as long as it is in the store, also when the key that
 * signed it has been taken away.
 */
export function crlRoutes(app: App, { authorities, store, clock }: CrlRoutes): void {
  const cache = new Map<string, Served>();
  const known = new Set(authorities.map(({ name }) => name));
  const signing = new Set(authorities.filter(({ canSign }) => canSign).map(({ name }) => name));

  const current = async (authority: string): Promise<Served> => {
    const head = await store.head(authority, 'full');
    const cached = cache.get(authority);
    if (head !== undefined && cached?.etag === head.etag) return cached;
    const crl = await store.current(authority, 'full');
    if (crl === undefined) {
      if (signing.has(authority)) throw new Refused('unavailable', `The CRL of authority ${authority} is not published yet.`, { retryAfter: 2 });
      throw new Refused('not-found', `No CRL of authority ${authority} was published here, and its key is not here.`);
    }
    const der = Buffer.from(crl.der);
    const served: Served = { etag: crl.etag, der, crl };
    cache.set(authority, served);
    return served;
  };

  const send = async (request: FastifyRequest, reply: FastifyReply, authority: string, pem: boolean): Promise<FastifyReply> => {
    const served = await current(authority);
    const { nextUpdate, thisUpdate, etag } = served.crl;
    // A new CRL may come at any time: caches ask again at once, and get 304. Only when nobody answers may they go on until the end.
    const left = Math.max(0, nextUpdate - Math.floor(clock() / 1000));
    reply.header('cache-control', `public, max-age=${left}, no-cache`).header('expires', new Date(nextUpdate * 1000).toUTCString());
    const validators = pem ? { etag: etag.replace(/"$/, '-pem"'), lastModified: thisUpdate } : { etag, lastModified: thisUpdate };
    if (isNotModified(request, reply, validators)) return reply.code(304).send();
    return reply.header('content-type', pem ? PEM : 'application/pkix-crl').send(pem ? (served.pem ??= encodePem('X509 CRL', served.der)) : served.der);
  };

  for (const [form, pem, type] of [['crl', false, 'application/pkix-crl'], ['pem', true, PEM]] as const) {
    const schema = {
      operationId: pem ? 'getCrlPem' : 'getCrl', summary: `The CRL of an authority, ${pem ? 'PEM' : 'DER'}`, tags: ['published'], security: [], params: AuthorityParameter,
      response: { 200: { description: 'The full CRL (RFC 5280)', content: { [type]: { schema: {} } } }, 304: { description: 'It is the one that the caller has' } },
    };
    app.get(`/crl/:authority(^[a-z0-9-]+).${form}`, { schema }, (request, reply) => {
      const { authority } = request.params as { authority: string };
      if (!known.has(authority)) throw new Refused('not-found', `No CRL of an authority ${JSON.stringify(authority)} is published here.`);
      return send(request, reply, authority, pem);
    });
  }
}
