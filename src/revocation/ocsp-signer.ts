import type { Authority } from '../authority/authority.ts';
import type { SigningKey } from '../authority/keys/signing-key.ts';
import { lintOcspResponse } from '../policy/lints.ts';
import type { Certificate } from '../x509/certificate.ts';
import { assembleOcspResponse, encodeResponseData, responderByKey, responderByName } from '../x509/ocsp-response.ts';

/** Signs for an authority: its delegate's certificate and key (RFC 6960 4.2.2.2). */
export interface OcspSigner {
  readonly certificate: Certificate;
  readonly key: SigningKey;
  /** ResponderID, DER. */
  readonly responderId: Uint8Array;
}

/** Creates a signer that identifies itself in responses by the hash of its key or by its subject. */
export const ocspSigner = (certificate: Certificate, key: SigningKey, named: 'key' | 'name'): OcspSigner =>
  ({ certificate, key, responderId: named === 'key' ? responderByKey(certificate.publicKey) : responderByName(certificate.subject) });

export interface ToBeAnswered {
  readonly authority: Authority;
  /** CertIDs of the request, DER. */
  readonly asked: readonly Uint8Array[];
  /** SingleResponses, DER. */
  readonly responses: readonly Uint8Array[];
  readonly nonce: Uint8Array | undefined;
  /** Seconds since the epoch. */
  readonly producedAt: number;
}

/**
 * Builds, lints and signs a response. The signer's certificate is included, since clients have no other way to obtain it.
 * @returns the OCSPResponse, DER
 * @throws LintError
 */
export async function signAnswer({ certificate, key, responderId }: OcspSigner, { authority, asked, responses, nonce, producedAt }: ToBeAnswered): Promise<Uint8Array> {
  const data = encodeResponseData({ responderId, producedAt, responses, nonce });
  const linted = lintOcspResponse(data, { responder: certificate, authority: authority.certificate, asked, nonce });
  return assembleOcspResponse(linted.bytes, key.algorithm.der, await key.sign(linted), [certificate.der]);
}
