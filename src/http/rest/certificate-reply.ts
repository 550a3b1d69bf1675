import type { FastifyReply, FastifyRequest } from 'fastify';
import { Refused } from '../../errors.ts';
import { encodePem } from '../../x509/pem.ts';
import { negotiate } from '../negotiation.ts';

/** Media types in which a certificate can be requested, the default first. */
export const CERTIFICATE_TYPES = ['application/json', 'application/pem-certificate-chain', 'application/x-pem-file', 'application/pkix-cert'] as const;
export type CertificateType = (typeof CERTIFICATE_TYPES)[number];

/** @throws Refused `not-acceptable` */
export function certificateType(request: FastifyRequest): CertificateType {
  const type = negotiate(request.headers.accept, CERTIFICATE_TYPES);
  if (type === undefined) throw new Refused('not-acceptable', `None of the types in Accept is offered; expected ${CERTIFICATE_TYPES.join(', ')}.`);
  return type;
}

/** OpenAPI of a response that is `schema` in JSON, and the bare certificate in the other types. */
export const certificateReply = (description: string, schema: string): object => ({
  description: `${description}; depending on \`Accept\`, only the certificate: PEM with its chain, PEM, or DER`,
  content: { 'application/json': { schema: { $ref: schema } }, ...Object.fromEntries(CERTIFICATE_TYPES.slice(1).map((type) => [type, { schema: {} }])) },
});

/** The same for 202, when there is no certificate yet. */
export const waitingReply = (schema: string): object => ({
  description: 'A step waits. `Location` says where to ask again, `Retry-After` when. No body if `Accept` excludes JSON, so that no JSON ends up in a certificate file',
  content: { 'application/json': { schema: { $ref: schema } } },
});

/** Whether the caller accepts JSON if there is no certificate to send. */
export const takesJson = (request: FastifyRequest): boolean => negotiate(request.headers.accept, ['application/json']) !== undefined;

/** Sends the certificate in the requested type: PEM with its chain, PEM alone, or DER. */
export function sendCertificate(reply: FastifyReply, type: Exclude<CertificateType, 'application/json'>, certificate: Uint8Array, chain: readonly string[]): FastifyReply {
  reply.header('content-type', type);
  switch (type) {
    case 'application/pkix-cert': return reply.send(Buffer.from(certificate));
    case 'application/x-pem-file': return reply.send(encodePem('CERTIFICATE', certificate));
    case 'application/pem-certificate-chain': return reply.send([encodePem('CERTIFICATE', certificate), ...chain].join(''));
  }
}
