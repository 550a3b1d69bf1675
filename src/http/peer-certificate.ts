import type { TLSSocket } from 'node:tls';
import type { FastifyRequest } from 'fastify';

/** The certificate presented in the TLS handshake, which proves possession of its key. Nothing else about it has been checked. */
export interface PeerCertificate {
  readonly der: Uint8Array;
  /** Lower-case hex. */
  readonly serial: string;
}

/** Cached per connection, since TLS asks only once. Whether the certificate is still valid is checked with each call. */
const presentedBySocket = new WeakMap<object, PeerCertificate | 'none'>();

/** The certificate presented on the call's connection; undefined if there is none. */
export function peerCertificate(request: FastifyRequest): PeerCertificate | undefined {
  const socket = request.raw.socket as Partial<TLSSocket> & object;
  const known = presentedBySocket.get(socket);
  if (known !== undefined) return known === 'none' ? undefined : known;
  const certificate = socket.getPeerX509Certificate?.();
  const presented = certificate === undefined ? undefined : { der: new Uint8Array(certificate.raw), serial: certificate.serialNumber.toLowerCase() };
  presentedBySocket.set(socket, presented ?? 'none');
  return presented;
}
