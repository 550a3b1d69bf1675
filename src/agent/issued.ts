import { type KeyObject, X509Certificate } from 'node:crypto';
import { Failure } from '../client/failure.ts';
import type { RequestReply } from '../client/replies.ts';

/** A certificate that was received and found to be the one requested. */
export interface Issued {
  readonly serial: string;
  readonly profile: string;
  /** The certificate followed by its issuers, without the root: PEM. */
  readonly pem: string;
  /** OIDs. */
  readonly extendedKeyUsage: readonly string[];
  /** Milliseconds since the Unix epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
}

const MOST_CHAIN = 10;

/**
 * Checks an issued certificate before it replaces another: it must certify our key, and chain to the root.
 * Throws Failure `bad-reply`.
 */
export function checkIssued(reply: RequestReply, key: KeyObject, rootPem: string): Issued {
  const texts = [reply.certificate, ...(reply.chain ?? [])].filter((text) => text !== undefined);
  if (reply.certificate === undefined || texts.length > MOST_CHAIN) throw bad('the service sent no certificate, or too many');
  const chain = texts.map((text, index) => (index === 0 ? parse(text) : known(text)));
  const root = known(rootPem);
  const [leaf] = chain as [X509Certificate];
  if (!leaf.checkPrivateKey(key)) throw bad('the certificate that the service sent is for another key');
  chain.forEach((certificate, index) => {
    const issuer = chain[index + 1] ?? root;
    // The chain may include the self-signed root itself.
    const trusted = certificate.fingerprint256 === root.fingerprint256 || (certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey));
    if (!trusted) throw bad(`the certificate that the service sent does not lead to the root (${root.subject.replaceAll('\n', ', ')})`);
  });
  return {
    serial: leaf.serialNumber.toLowerCase(),
    profile: reply.profile,
    pem: chain.map((certificate) => certificate.toString()).join(''),
    extendedKeyUsage: leaf.keyUsage ?? [],
    ...lifeOf(leaf),
  };
}

/** The validity period of a certificate, milliseconds since the Unix epoch. */
export const lifeOf = (certificate: X509Certificate): { readonly notBefore: number; readonly notAfter: number } =>
  ({ notBefore: Date.parse(certificate.validFrom), notAfter: Date.parse(certificate.validTo) });

/** The same issuers come with every certificate, and parsing them would take longer than anything else here. */
const issuers = new Map<string, X509Certificate>();
const MOST_ISSUERS = 16;

function known(pem: string): X509Certificate {
  const found = issuers.get(pem);
  if (found !== undefined) return found;
  if (issuers.size >= MOST_ISSUERS) issuers.clear();
  const certificate = parse(pem);
  issuers.set(pem, certificate);
  return certificate;
}

function parse(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw bad('the service sent something that is not a certificate', error);
  }
}

const bad = (message: string, cause?: unknown): Failure => new Failure('bad-reply', message, { advice: 'nothing was replaced', cause });
