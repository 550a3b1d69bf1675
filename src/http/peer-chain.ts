import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { FastifyRequest } from 'fastify';

/** Certificates that are taken of a connection; who presents more is told so. */
const MOST = 16;

/** The certificates that the caller presented in TLS, its own first, DER; empty where there are none. A resumed session shows the first alone. */
export function peerChain(request: FastifyRequest): readonly Uint8Array[] {
  const chain: Uint8Array[] = [];
  let next: X509Certificate | undefined = (request.raw.socket as Partial<TLSSocket>).getPeerX509Certificate?.();
  while (next !== undefined && chain.length < MOST) {
    chain.push(new Uint8Array(next.raw));
    next = next.issuerCertificate;
  }
  return chain;
}
