import { isIP, type Socket } from 'node:net';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { CallFailed } from './call-failed.ts';

export interface TlsOptions {
  /** Server name indication (RFC 6066 3); omitted for an address. */
  readonly serverName: string;
  readonly protocols: readonly string[];
  /**
   * If set, the peer must present a certificate for the name or address under one of these roots; the system's if `ca` is undefined.
   */
  readonly trust?: { readonly ca: string | undefined };
}

/**
 * TLS over an open connection. Without `trust` the peer is not authenticated: validation is meant to find out, and reveals no secrets. Throws CallFailed
 * `tls`, and the reason of `signal` if that fires.
 */
export const openTls = (socket: Socket, { serverName, protocols, trust }: TlsOptions, signal: AbortSignal): Promise<TLSSocket> => new Promise((resolve, reject) => {
  const options: ConnectionOptions = {
    socket, ALPNProtocols: [...protocols], minVersion: 'TLSv1.2',
    ...(trust === undefined ? { rejectUnauthorized: false, checkServerIdentity: () => undefined } : { rejectUnauthorized: true, host: serverName, ...(trust.ca === undefined ? {} : { ca: trust.ca }) }),
    ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
  };
  const secure = connect(options);
  secure.disableRenegotiation();
  const stop = (): void => settle(() => reject(signal.reason as Error));
  const fail = (error?: Error & { readonly code?: string }): void =>
    settle(() => reject(new CallFailed('tls', `TLS with ${serverName}: ${reason(error)}`, { cause: error, again: error?.code === undefined || error.code === 'ECONNRESET' })));
  const settle = (how: () => void): void => {
    signal.removeEventListener('abort', stop);
    how();
    socket.destroy();
    secure.destroy();
  };
  secure.on('error', fail);
  secure.once('close', () => fail());
  if (signal.aborted) return stop();
  signal.addEventListener('abort', stop, { once: true });
  secure.once('secureConnect', () => {
    signal.removeEventListener('abort', stop);
    secure.removeAllListeners('close');
    secure.off('error', fail);
    secure.on('error', () => undefined);
    resolve(secure);
  });
});

/** OpenSSL's messages are meant for us; these are for the other side. */
function reason(error: (Error & { readonly code?: string }) | undefined): string {
  const alert = /(?:ssl|tls)(?:v[0-9.]+)? alert ([a-z ]+)/i.exec(error?.message ?? '')?.[1];
  if (alert !== undefined) return `the server sent the alert "${alert.trim()}"`;
  return REASONS[error?.code ?? ''] ?? 'the handshake failed';
}

const REASONS: Readonly<Record<string, string>> = {
  '': 'the server closed the connection during the handshake',
  ECONNRESET: 'the server closed the connection during the handshake',
  EPROTO: 'what the server sent is not TLS',
  ERR_SSL_WRONG_VERSION_NUMBER: 'what the server sent is not TLS',
  ERR_SSL_NO_APPLICATION_PROTOCOL: 'the server did not accept the protocol',
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: 'the server did not accept the protocol',
  ...Object.fromEntries(['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'UNABLE_TO_GET_ISSUER_CERT', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'SELF_SIGNED_CERT_IN_CHAIN', 'DEPTH_ZERO_SELF_SIGNED_CERT']
    .map((code) => [code, 'the server\'s certificate leads to none of the roots that are trusted'])),
  CERT_HAS_EXPIRED: 'the server\'s certificate has expired',
  CERT_NOT_YET_VALID: 'the server\'s certificate is not valid yet',
  ERR_TLS_CERT_ALTNAME_INVALID: 'the server\'s certificate is for other names',
};
