import { Type } from 'typebox';
import type { Authority } from '../../authority/authority.ts';
import { sha256 } from '../../digest.ts';
import { Refused } from '../../errors.ts';
import { encodePem } from '../../x509/pem.ts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { App } from '../app.ts';
import { isNotModified } from './conditional.ts';

const DER = 'application/pkix-cert';
const PEM = 'application/x-pem-file';
const CHAIN = 'application/pem-certificate-chain';
const MAX_AGE = 3600;

interface Document {
  readonly type: string;
  readonly body: Buffer;
  readonly etag: string;
  /** Seconds since the epoch. */
  readonly lastModified: number;
}

const AuthorityParameter = Type.Object({ authority: Type.String({ maxLength: 64 }) }, { additionalProperties: false });

/** `/ca/…`: the authorities' certificates, individually, as a chain, and the roots. */
export function authorityCertificateRoutes(app: App, { authorities, issuing }: { readonly authorities: readonly Authority[]; readonly issuing: Authority }): void {
  const latest = Math.max(...authorities.map(({ certificate }) => certificate.notBefore));
  const named = (of: (authority: Authority) => Document): ReadonlyMap<string, Document> => new Map(authorities.map((authority) => [authority.name, of(authority)]));
  const forms = [
    { form: 'crt', operationId: 'getAuthorityCertificate', type: DER, documents: named(({ der, certificate }) => document(DER, Buffer.from(der), certificate.notBefore)) },
    { form: 'pem', operationId: 'getAuthorityCertificatePem', type: PEM, documents: named(({ der, certificate }) => document(PEM, pem(der), certificate.notBefore)) },
  ];
  for (const { form, operationId, type, documents } of forms) {
    const schema = { operationId, summary: `An authority's certificate, ${form === 'crt' ? 'DER' : 'PEM'}`, tags: ['published'], security: [], params: AuthorityParameter, response: responses(type) };
    app.get(`/ca/:authority(^[a-z0-9-]+).${form}`, { schema }, (request, reply) => {
      const { authority } = request.params as { authority: string };
      const found = documents.get(authority);
      if (found === undefined) throw new Refused('not-found', `There is no authority ${JSON.stringify(authority)}.`);
      return send(request, reply, found);
    });
  }
  const roots = document(PEM, pem(...unique(authorities.map(({ root }) => root))), latest);
  app.get('/ca/roots.pem', { schema: { operationId: 'getRoots', summary: 'The roots, PEM', tags: ['published'], security: [], response: responses(PEM) } }, (request, reply) => send(request, reply, roots));
  // In self-signed mode nothing is above the issuing authority: the chain is the authority itself.
  const chain = document(CHAIN, pem(...(issuing.leafChain.length > 0 ? issuing.leafChain : [issuing.der])), latest);
  app.get('/ca/chain.pem', { schema: { operationId: 'getChain', summary: 'The chain that accompanies a certificate, PEM, without the root', tags: ['published'], security: [], response: responses(CHAIN) } }, (request, reply) => send(request, reply, chain));
}

function send(request: FastifyRequest, reply: FastifyReply, { type, body, etag, lastModified }: Document): FastifyReply {
  reply.header('cache-control', `public, max-age=${MAX_AGE}`);
  if (isNotModified(request, reply, { etag, lastModified })) return reply.code(304).send();
  return reply.header('content-type', type).send(body);
}

const responses = (type: string): object => ({ 200: { description: 'The certificates', content: { [type]: { schema: {} } } }, 304: { description: 'Unchanged since the caller fetched them' } });

const document = (type: string, body: Buffer, lastModified: number): Document => ({ type, body, etag: `"${sha256(body).slice(0, 32)}"`, lastModified });

const pem = (...certificates: readonly Uint8Array[]): Buffer => Buffer.from(certificates.map((der) => encodePem('CERTIFICATE', der)).join(''));

const unique = (certificates: readonly Uint8Array[]): Uint8Array[] =>
  certificates.filter((der, index) => certificates.findIndex((other) => Buffer.compare(other, der) === 0) === index);
