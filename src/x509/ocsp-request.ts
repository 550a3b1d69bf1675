import { DerReader } from './der/reader.ts';
import * as tags from './der/tags.ts';
import { walkElement } from './der/walk.ts';
import { X509Error } from './errors.ts';
import { decodeValue, type Extension, readExtensions } from './extension.ts';
import { OID, oidName } from './oids.ts';
import { readSerial } from './serial.ts';

/** Octets: enough for twenty certificates, a long nonce, and a signature with its certificates. */
export const MAX_OCSP_REQUEST = 16_384;
/** Upper bound of certificates per request, since each takes a store lookup. */
export const MAX_OCSP_CERTIFICATES = 20;
/** RFC 9654 2.1: 1 to 128 octets; anything else is malformed. */
const MAX_NONCE = 128;

/** Identifies a certificate: its issuer by two hashes, and its serial number (RFC 6960 4.1.1). */
export interface CertId {
  /** The complete CertID as sent; the response repeats it verbatim. */
  readonly der: Uint8Array;
  /** hashAlgorithm, issuerNameHash and issuerKeyHash as sent, concatenated. */
  readonly issuer: Uint8Array;
  /** Lower-case hex. */
  readonly serial: string;
}

export interface OcspRequest {
  /** 1 to 20. */
  readonly certIds: readonly CertId[];
  readonly nonce: Uint8Array | undefined;
}

/**
 * Parses an OCSPRequest (RFC 6960 4.1.1), allowing no trailing bytes. Results are views of the input. A signature and requestorName are
 * skipped and never trusted, as responses are public. Throws an `X509Error` for anything that is not DER, too long, or of another version,
 * for a nonce that RFC 9654 forbids, and for an unrecognised critical extension.
 */
export function parseOcspRequest(der: Uint8Array): OcspRequest {
  if (der.length > MAX_OCSP_REQUEST) throw new X509Error('too-large', `an OCSP request of ${der.length} octets; at most ${MAX_OCSP_REQUEST} are accepted`);
  const reader = new DerReader(der);
  const request = reader.sequence('OCSPRequest');
  reader.finish('OCSPRequest');
  const tbs = request.sequence('tbsRequest');
  skipSignature(request);
  request.finish('OCSPRequest');

  // X.690 11.5: version 1 is the default and therefore omitted; there is no other.
  if (tbs.is(tags.contextConstructedTag(0))) tbs.fail('unsupported-version', 'tbsRequest has a version written out; only version 1 is accepted, which is not written');
  if (tbs.is(tags.contextConstructedTag(1))) tbs.content(tags.contextConstructedTag(1), 'requestorName');
  const certIds = readRequests(tbs.sequence('requestList'));
  const nonce = nonceOf(readOptionalExtensions(tbs, 2, 'requestExtensions'));
  tbs.finish('tbsRequest');
  return { certIds, nonce };
}

/** Octets of the four SEQUENCE headers around a single CertID, if all lengths are short. */
const PLAIN_HEADERS = 8;

/**
 * If the request has the usual form, a single CertID and nothing else, the bytes in place of that CertID, unparsed; otherwise undefined.
 * They may not be a CertID at all, so the only use is to look up, octet for octet, one that was parsed before.
 */
export function plainCertId(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length < PLAIN_HEADERS || bytes.length > 0x81) return undefined;
  for (let at = 0; at < PLAIN_HEADERS; at += 2) if (bytes[at] !== tags.SEQUENCE || bytes[at + 1] !== bytes.length - at - 2) return undefined;
  return bytes.subarray(PLAIN_HEADERS);
}

/** RFC 6960 4.1.2: skips a Signature including its certificates. */
function skipSignature(request: DerReader): void {
  if (!request.is(tags.contextConstructedTag(0))) return;
  const inside = request.enter(tags.contextConstructedTag(0), 'optionalSignature');
  inside.content(tags.SEQUENCE, 'optionalSignature');
  inside.finish('optionalSignature');
}

function readRequests(list: DerReader): CertId[] {
  if (list.atEnd) list.fail('empty-list', 'requestList is empty; at least one certificate must be asked about');
  const certIds: CertId[] = [];
  while (!list.atEnd) {
    if (certIds.length === MAX_OCSP_CERTIFICATES) list.fail('too-many-elements', `requestList has more than ${MAX_OCSP_CERTIFICATES} certificates`);
    const request = list.sequence('Request');
    certIds.push(readCertId(request));
    refuseCritical(readOptionalExtensions(request, 0, 'singleRequestExtensions'));
    request.finish('Request');
  }
  return certIds;
}

/** Reads a CertID. Any hash algorithm is accepted: the issuer is identified by comparing octets. */
export function readCertId(reader: DerReader): CertId {
  const { bytes } = reader;
  const start = reader.offset;
  const certId = reader.sequence('CertID');
  const der = bytes.subarray(start, reader.offset);
  const issuerStart = certId.offset;
  const algorithm = certId.sequence('hashAlgorithm');
  algorithm.oid('hashAlgorithm');
  if (!algorithm.atEnd) walkElement(algorithm, 'parameters of hashAlgorithm');
  algorithm.finish('hashAlgorithm');
  certId.octetString('issuerNameHash');
  certId.octetString('issuerKeyHash');
  const issuer = bytes.subarray(issuerStart, certId.offset);
  const serial = readSerial(certId, 'serialNumber');
  certId.finish('CertID');
  return { der, issuer, serial };
}

/** `[n] EXPLICIT Extensions OPTIONAL`. */
function readOptionalExtensions(reader: DerReader, n: number, what: string): Extension[] {
  const tag = tags.contextConstructedTag(n);
  if (!reader.is(tag)) return [];
  const inside = reader.enter(tag, what);
  const extensions = readExtensions(inside, what);
  inside.finish(what);
  return extensions;
}

function nonceOf(extensions: readonly Extension[]): Uint8Array | undefined {
  refuseCritical(extensions.filter(({ oid }) => oid !== OID.ocspNonce));
  const found = extensions.find(({ oid }) => oid === OID.ocspNonce);
  return found === undefined ? undefined : decodeNonce(found.value);
}

/** RFC 9654 2.1: `Nonce ::= OCTET STRING(SIZE(1..128))`, inside the extension's own OCTET STRING. Throws an `X509Error`. */
export function decodeNonce(value: Uint8Array): Uint8Array {
  return decodeValue(value, 'nonce', (reader) => {
    const nonce = reader.octetString('nonce');
    if (nonce.length === 0 || nonce.length > MAX_NONCE) reader.fail('bad-extension', `the nonce has ${nonce.length} octets; 1 to ${MAX_NONCE} are accepted (RFC 9654 2.1)`);
    return nonce;
  });
}

/** RFC 6960 4.4: unrecognised extensions are ignored unless critical. */
function refuseCritical(extensions: readonly Extension[]): void {
  const critical = extensions.find((extension) => extension.critical);
  if (critical !== undefined) throw new X509Error('bad-extension', `the request has the critical extension ${oidName(critical.oid)}, which is not understood`);
}
