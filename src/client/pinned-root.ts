import { X509Certificate, createHash } from 'node:crypto';
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import { under } from './address.ts';
import { exchange } from './exchange.ts';
import { Failure } from './failure.ts';

/** The largest list of roots accepted from a service that is not trusted yet, in bytes. */
const MOST_ROOTS = 256 * 1024;
const MOST_CHAIN = 10;
const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/**
 * Fetches the root certificate (PEM) whose SHA-256 is `digest` from a service that is not trusted yet: no secret is sent, and nothing
 * in the reply is trusted except the certificate with exactly this digest. The caller must connect anew, trusting this root alone,
 * before sending a secret.
 * Throws Failure: `untrusted` if the service presents no such certificate; unreachable, timeout, bad-reply.
 */
export async function fetchPinnedRoot(url: URL, digest: string): Promise<string> {
  const found = (await presentedCertificates(under(url, '/ca/roots.pem'))).find((der) => sha256(der) === digest);
  if (found === undefined) {
    throw new Failure('untrusted', `${url.origin} presents no root certificate with the digest that the token names`, {
      advice: 'this is another service, or someone is intercepting the connection; check --url, or ask the operator for a new token',
    });
  }
  return new X509Certificate(found).toString();
}

// The chain of the handshake, and the published roots: a service need not send its root in the handshake (RFC 8446 section 4.4.2).
async function presentedCertificates(url: URL): Promise<Uint8Array[]> {
  const chain: Uint8Array[] = [];
  const reply = await exchange({
    method: 'GET',
    url,
    agent: false,
    tls: { rejectUnauthorized: false },
    mostReply: MOST_ROOTS,
    onSocket: (socket) => chain.push(...handshakeChain(socket as TLSSocket)),
  });
  return [...chain, ...(reply.body.toString('latin1').match(PEM_CERTIFICATE) ?? []).map(pemBody)];
}

function handshakeChain(socket: TLSSocket): Uint8Array[] {
  const chain: Uint8Array[] = [];
  let certificate: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (certificate?.raw !== undefined && chain.length < MOST_CHAIN) {
    chain.push(certificate.raw);
    // The last certificate of the chain is its own issuer.
    certificate = certificate.issuerCertificate === certificate ? undefined : certificate.issuerCertificate;
  }
  return chain;
}

const pemBody = (pem: string): Uint8Array => Buffer.from(pem.replaceAll(/-----[A-Z ]+-----/g, ''), 'base64');
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
