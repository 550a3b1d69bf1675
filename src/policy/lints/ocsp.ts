import type { Certificate } from '../../x509/certificate.ts';
import { equalBytes } from '../../x509/der/writer.ts';
import { certIdIssuers, ocspKeyHash } from '../../x509/ocsp-cert-id.ts';
import { parseResponseData, type ResponseData } from '../../x509/ocsp-response-reader.ts';
import { OID, oidName } from '../../x509/oids.ts';
import type { Lint } from './lint.ts';
import { type ReadCertificate, readIssuer, readValues } from './read-values.ts';
import { authorityKeyIdentifierFault, issuerNameFault } from './signing.ts';

export interface OcspContext {
  /** Certificate of the responder, to which the authority has delegated. */
  readonly responder: Certificate;
  readonly authority: Certificate;
  /** CertIDs of the request, DER: the response must cover these, in this order. */
  readonly asked: readonly Uint8Array[];
  /** Nonce of the request; the response must contain the same one, or none if there was none. */
  readonly nonce: Uint8Array | undefined;
}

/** An OCSP response about to be signed, its signer, and what was requested. */
export interface OcspSubject extends Pick<OcspContext, 'asked' | 'nonce'>, Delegation {
  readonly tbs: ResponseData;
}

/** What stays the same from response to response. */
interface Delegation {
  readonly responder: ReadCertificate;
  readonly authority: ReadCertificate;
  readonly keyHash: Uint8Array;
  /** All encodings by which a CertID may identify the authority. */
  readonly issuers: readonly Uint8Array[];
}

const DELEGATIONS = new WeakMap<Certificate, Delegation>();

/** Parses the bytes of a response. Throws an `X509Error`. */
export function readOcsp(bytes: Uint8Array, { responder, authority, asked, nonce }: OcspContext): OcspSubject {
  let delegation = DELEGATIONS.get(responder);
  if (delegation === undefined || delegation.authority.tbs !== authority) {
    delegation = { responder: readValues(responder), authority: readIssuer(authority), keyHash: ocspKeyHash(responder.publicKey), issuers: certIdIssuers(authority.subject, authority.publicKey) };
    DELEGATIONS.set(responder, delegation);
  }
  return { ...delegation, tbs: parseResponseData(bytes), asked, nonce };
}

/** Lints for OCSP responses, beyond what the strict parser has checked. */
export const OCSP_LINTS: readonly Lint<OcspSubject>[] = [
  {
    name: 'ocsp-responder-delegated',
    citation: 'RFC 6960 4.2.2.2',
    fault: ({ responder, authority }) => responder.values.extendedKeyUsage?.includes(OID.OCSPSigning) !== true
      ? 'the responder\'s certificate is not for OCSP signing' : issuerNameFault(responder.tbs, authority) ?? authorityKeyIdentifierFault(responder.values.authorityKeyIdentifier, authority),
  },
  {
    name: 'ocsp-responder-key-usage',
    citation: 'RFC 5280 4.2.1.3, 4.2.1.12',
    fault: ({ responder: { values } }) => values.keyUsage === undefined || values.keyUsage.includes('digitalSignature') ? undefined : "the responder's key usage lacks digitalSignature",
  },
  {
    name: 'ocsp-responder-id',
    citation: 'RFC 6960 4.2.2.3',
    fault: ({ tbs: { responderId }, responder, keyHash }) => {
      const own = 'name' in responderId ? equalBytes(responderId.name, responder.tbs.subject) : equalBytes(responderId.keyHash, keyHash);
      return own ? undefined : 'the responder identifier is not that of the signer';
    },
  },
  {
    name: 'ocsp-produced-by-valid-responder',
    citation: 'RFC 6960 4.2.2.2',
    fault: ({ tbs: { producedAt }, responder: { tbs } }) => producedAt < tbs.notBefore || producedAt > tbs.notAfter ? "the answer is made outside the validity of the responder's certificate" : undefined,
  },
  {
    name: 'ocsp-times',
    citation: 'RFC 6960 2.4, RFC 5019 2.2.4',
    fault: ({ tbs: { producedAt, responses }, responder: { tbs: signer } }) => {
      for (const { thisUpdate, nextUpdate } of responses) {
        if (thisUpdate > producedAt) return 'thisUpdate is after producedAt';
        if (nextUpdate === undefined) return 'there is no nextUpdate';
        if (nextUpdate < thisUpdate) return 'nextUpdate is before thisUpdate';
        if (nextUpdate > signer.notAfter) return "nextUpdate is after the end of the responder's certificate";
      }
      return undefined;
    },
  },
  {
    name: 'ocsp-as-asked',
    citation: 'RFC 6960 4.2.2.3',
    fault: ({ tbs: { responses }, asked }) => responses.length === 0 || responses.length !== asked.length || responses.some(({ certId }, index) => !equalBytes(certId.der, asked[index] as Uint8Array))
      ? 'the answer is not about the certificates that were asked about' : undefined,
  },
  {
    name: 'ocsp-authoritative',
    citation: 'RFC 6960 2.2, 4.2.2.2',
    fault: ({ tbs: { responses }, issuers }) => responses.some(({ certId, certStatus }) => certStatus.status !== 'unknown' && !issuers.some((issuer) => equalBytes(issuer, certId.issuer)))
      ? 'the answer is about a certificate of another issuer' : undefined,
  },
  {
    name: 'ocsp-no-removal',
    citation: 'RFC 5280 5.3.1',
    fault: ({ tbs: { responses } }) => responses.some(({ certStatus }) => certStatus.status === 'revoked' && certStatus.reason === 'removeFromCRL') ? 'the reason removeFromCRL is for delta CRLs only' : undefined,
  },
  {
    name: 'ocsp-archive-cutoff',
    citation: 'RFC 6960 4.4.4',
    fault: ({ tbs: { responses, producedAt } }) => responses.some(({ archiveCutoff = producedAt }) => archiveCutoff > producedAt) ? 'the archive cutoff is in the future' : undefined,
  },
  {
    name: 'ocsp-nonce-as-asked',
    citation: 'RFC 9654 2.1',
    fault: ({ tbs, nonce }) => (nonce === undefined || tbs.nonce === undefined ? nonce === tbs.nonce : equalBytes(nonce, tbs.nonce)) ? undefined : 'the nonce is not the one of the request',
  },
  {
    name: 'ocsp-extensions-known',
    citation: 'RFC 6960 4.4',
    fault: ({ tbs: { extensions, responses } }) => {
      const unknown = extensions.find(({ oid, critical }) => critical || oid !== OID.ocspNonce)
        ?? responses.flatMap((one) => one.extensions).find(({ oid, critical }) => critical || oid !== OID.ocspArchiveCutoff);
      return unknown === undefined ? undefined : `there is an extension ${oidName(unknown.oid)}${unknown.critical ? ', critical' : ''}, which no answer has there`;
    },
  },
];
