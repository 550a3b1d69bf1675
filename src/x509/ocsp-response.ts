import * as tags from './der/tags.ts';
import { bitString, contextExplicit, contextPrimitive, elementOf, enumerated, generalizedTime, octetString, oid, sequence } from './der/writer.ts';
import { encodeExtension } from './extension.ts';
import { ocspKeyHash } from './ocsp-cert-id.ts';
import { OID } from './oids.ts';
import type { PublicKey } from './public-key.ts';
import { REVOCATION_REASONS, type RevocationReason } from './revocation-reason.ts';

/** OCSPResponseStatus values (RFC 6960 4.2.1); 4 is unused. */
export const OCSP_STATUSES = { successful: 0, malformedRequest: 1, internalError: 2, tryLater: 3, sigRequired: 5, unauthorized: 6 } as const;
export type OcspStatus = keyof typeof OCSP_STATUSES;

/** The status of one certificate (RFC 6960 2.2). */
export type CertStatus =
  | { readonly status: 'good' }
  /** `at` in seconds since the Unix epoch. */
  | { readonly status: 'revoked'; readonly at: number; readonly reason: RevocationReason }
  | { readonly status: 'unknown' };

export interface SingleResponse {
  /** The CertID as requested. */
  readonly certId: Uint8Array;
  readonly certStatus: CertStatus;
  /** Seconds since the Unix epoch. */
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  /** RFC 6960 4.4.4: certificates that expired before this are no longer known. Included for expired certificates. */
  readonly archiveCutoff?: number | undefined;
}

export interface ResponseDataFields {
  /** As encoded by `responderByKey` or `responderByName`. */
  readonly responderId: Uint8Array;
  /** Seconds since the Unix epoch. */
  readonly producedAt: number;
  /** As encoded by `encodeSingleResponse`. */
  readonly responses: readonly Uint8Array[];
  /** The nonce of the request, if it had one. */
  readonly nonce?: Uint8Array | undefined;
}

/** ResponderID `byKey` (RFC 6960 4.2.1): shorter than most names, and therefore preferred by RFC 5019 2.2.1. */
export const responderByKey = (key: PublicKey): Uint8Array => contextExplicit(2, octetString(ocspKeyHash(key)));

/** ResponderID `byName`, from the subject, DER. */
export const responderByName = (subject: Uint8Array): Uint8Array => contextExplicit(1, subject);

const NOTHING = new Uint8Array(0);
const GOOD = contextPrimitive(0, NOTHING);
const UNKNOWN = contextPrimitive(2, NOTHING);

/** Encodes a SingleResponse (RFC 6960 4.2.1), which can be cached and reused in any response. Throws an `X509Error`. */
export function encodeSingleResponse({ certId, certStatus, thisUpdate, nextUpdate, archiveCutoff }: SingleResponse): Uint8Array {
  const extensions = archiveCutoff === undefined ? [] : [contextExplicit(1, sequence(archiveCutoffExtension(archiveCutoff)))];
  return sequence(certId, encodeStatus(certStatus), generalizedTime(thisUpdate), contextExplicit(0, generalizedTime(nextUpdate)), ...extensions);
}

function encodeStatus(certStatus: CertStatus): Uint8Array {
  if (certStatus.status !== 'revoked') return certStatus.status === 'good' ? GOOD : UNKNOWN;
  const { at, reason } = certStatus;
  // As in a CRL, unspecified is expressed by omitting the reason (RFC 5280 5.3.1).
  const why = reason === 'unspecified' ? [] : [contextExplicit(0, enumerated(REVOCATION_REASONS[reason]))];
  return contextExplicit(1, generalizedTime(at), ...why);
}

const archiveCutoffExtension = (seconds: number): Uint8Array => encodeExtension({ oid: OID.ocspArchiveCutoff, critical: false, value: generalizedTime(seconds) });
const nonceExtension = (nonce: Uint8Array): Uint8Array => encodeExtension({ oid: OID.ocspNonce, critical: false, value: octetString(nonce) });

/** Encodes the ResponseData to be signed (RFC 6960 4.2.1). Its version is the default, and therefore omitted. */
export function encodeResponseData({ responderId, producedAt, responses, nonce }: ResponseDataFields): Uint8Array {
  const extensions = nonce === undefined ? [] : [contextExplicit(1, sequence(nonceExtension(nonce)))];
  return sequence(responderId, generalizedTime(producedAt), elementOf(tags.SEQUENCE, responses), ...extensions);
}

const STATUS_SUCCESSFUL = enumerated(OCSP_STATUSES.successful);
const BASIC = oid(OID.ocspBasic);

/**
 * Encodes the OCSPResponse with a BasicOCSPResponse (RFC 6960 4.2.1) from the signed part, the signature's AlgorithmIdentifier and octets,
 * and the certificates that clients need for verification.
 */
export function assembleOcspResponse(data: Uint8Array, algorithm: Uint8Array, signature: Uint8Array, certificates: readonly Uint8Array[]): Uint8Array {
  const basic = sequence(data, algorithm, bitString(signature), ...(certificates.length === 0 ? [] : [contextExplicit(0, elementOf(tags.SEQUENCE, certificates))]));
  return sequence(STATUS_SUCCESSFUL, contextExplicit(0, sequence(BASIC, octetString(basic))));
}

/** Encodes an OCSPResponse that only states why there is no answer (RFC 6960 2.3). It is unsigned, so nothing must depend on it. */
export const encodeOcspError = (status: Exclude<OcspStatus, 'successful'>): Uint8Array => sequence(enumerated(OCSP_STATUSES[status]));
