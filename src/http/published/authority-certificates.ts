import type { Authority } from '../../authority/authority.ts';
import { sha256 } from '../../digest.ts';
import { encodePem } from '../../x509/pem.ts';
import type { App } from '../app.ts';
import { isNotModified } from './conditional.ts';

const PEM = 'application/x-pem-file';
const MAX_AGE = 3600;

interface Document {
  readonly path: string;
  readonly type: string;
  readonly body: Buffer;
  /** Seconds since the epoch. */
  readonly lastModified: number;
}

/** `/ca/…`: the authorities' certificates, alone and as chain and roots. */
export function authorityCertificateRoutes(app: App, { authorities, issuing }: { readonly authorities: readonly Authority[]; readonly issuing: Authority }): void {
  for (const document of documents(authorities, issuing)) {
    const etag = `"${sha256(document.body).slice(0, 32)}"`;
    app.get(document.path, { schema: { summary: `Certificates: ${document.path}`, tags: ['published'], security: [] } }, (request, reply) => {
      reply.header('cache-control', `public, max-age=${MAX_AGE}`);
      if (isNotModified(request, reply, { etag, lastModified: document.lastModified })) return reply.code(304).send();
      return reply.header('content-type', document.type).send(document.body);
    });
  }
}

function documents(authorities: readonly Authority[], issuing: Authority): Document[] {
  const pem = (...certificates: readonly Uint8Array[]): Buffer => Buffer.from(certificates.map((der) => encodePem('CERTIFICATE', der)).join(''));
  const since = Math.max(...authorities.map(({ certificate }) => certificate.notBefore));
  return [
    ...authorities.flatMap(({ name, der, certificate: { notBefore } }) => [
      { path: `/ca/${name}.crt`, type: 'application/pkix-cert', body: Buffer.from(der), lastModified: notBefore },
      { path: `/ca/${name}.pem`, type: PEM, body: pem(der), lastModified: notBefore },
    ]),
    { path: '/ca/roots.pem', type: PEM, body: pem(...unique(authorities.map(({ root }) => root))), lastModified: since },
    // In mode self-signed nothing is above the issuing authority: the chain is the authority itself.
    { path: '/ca/chain.pem', type: 'application/pem-certificate-chain', body: pem(...(issuing.leafChain.length > 0 ? issuing.leafChain : [issuing.der])), lastModified: since },
  ];
}

const unique = (certificates: readonly Uint8Array[]): Uint8Array[] =>
  certificates.filter((der, index) => certificates.findIndex((other) => Buffer.compare(other, der) === 0) === index);
