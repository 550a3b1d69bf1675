import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { FastifyRequest } from 'fastify';

/** Certificates accepted from a connection; longer chains are refused. */
const MOST = 16;

/** The certificates presented in TLS, leaf first, DER; empty if there are none. A resumed session only shows the leaf. */
export function peerChain(request: FastifyRequest): readonly Uint8Array[] {
  const chain: Uint8Array[] = [];
  let next: X509Certificate | undefined = (request.raw.socket as Partial<TLSSocket>).getPeerX509Certificate?.();
  while (next !== undefined && chain.length < MOST) {
    chain.push(new Uint8Array(next.raw));
    next = next.issuerCertificate;
  }
  return chain;
}
