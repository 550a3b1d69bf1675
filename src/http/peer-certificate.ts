import type { TLSSocket } from 'node:tls';
import type { FastifyRequest } from 'fastify';

/** The certificate that a client presented in the handshake; that it has the key, TLS has proved. Whose it is, nobody has looked at yet. */
export interface PeerCertificate {
  readonly der: Uint8Array;
  /** Lower-case hex. */
  readonly serial: string;
}

/** Of a connection, not of a call: TLS asks once. Whether it still counts is asked at each call. */
const presentedBySocket = new WeakMap<object, PeerCertificate | 'none'>();

/** What was presented on the call's connection; undefined where nothing was. */
export function peerCertificate(request: FastifyRequest): PeerCertificate | undefined {
  const socket = request.raw.socket as Partial<TLSSocket> & object;
  const known = presentedBySocket.get(socket);
  if (known !== undefined) return known === 'none' ? undefined : known;
  const certificate = socket.getPeerX509Certificate?.();
  const presented = certificate === undefined ? undefined : { der: new Uint8Array(certificate.raw), serial: certificate.serialNumber.toLowerCase() };
  presentedBySocket.set(socket, presented ?? 'none');
  return presented;
}
