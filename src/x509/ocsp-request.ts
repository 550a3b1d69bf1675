import { DerReader } from './der/reader.ts';
import * as tags from './der/tags.ts';
import { walkElement } from './der/walk.ts';
import { X509Error } from './errors.ts';
import { decodeValue, type Extension, readExtensions } from './extensions.ts';
import { OID, oidName } from './oids.ts';
import { readSerial } from './serial.ts';

/** Octets of a request: twenty certificates, a long nonce, and the signature and certificates of those who sign. */
export const MAX_OCSP_REQUEST = 16_384;
/** Certificates asked about at once. Each one is a look into the store, so it is bounded. */
export const MAX_OCSP_CERTIFICATES = 20;
/** RFC 9654 2.1: 1 to 128 octets; more, or none, is malformed. */
const MAX_NONCE = 128;

/** Which certificate is meant: its issuer by two hashes, and its serial number (RFC 6960 4.1.1). */
export interface CertId {
  /** The whole CertID, as it was sent: the answer repeats it octet for octet. */
  readonly der: Uint8Array;
  /** hashAlgorithm, issuerNameHash and issuerKeyHash, as they were sent, one after the other. */
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
 * Reads an OCSPRequest (RFC 6960 4.1.1) and nothing behind it. Views of the input. A signature and a requestor's name are passed
 * over and believed in nothing: what is answered is public. Throws an `X509Error` for anything that is not DER, too long, of
 * another version, with a nonce that RFC 9654 forbids, or with a critical extension that is not understood.
 */
export function parseOcspRequest(der: Uint8Array): OcspRequest {
  if (der.length > MAX_OCSP_REQUEST) throw new X509Error('too-large', `an OCSP request of ${der.length} octets; at most ${MAX_OCSP_REQUEST} are taken`);
  const reader = new DerReader(der);
  const request = reader.sequence('OCSPRequest');
  reader.finish('OCSPRequest');
  const tbs = request.sequence('tbsRequest');
  skipSignature(request);
  request.finish('OCSPRequest');

  // X.690 11.5: version 1 is the default, so it is not written; there is no other.
  if (tbs.is(tags.contextConstructedTag(0))) tbs.fail('unsupported-version', 'tbsRequest has a version written out; version 1 is taken, which is not');
  if (tbs.is(tags.contextConstructedTag(1))) tbs.content(tags.contextConstructedTag(1), 'requestorName');
  const certIds = readRequests(tbs.sequence('requestList'));
  const nonce = nonceOf(readOptionalExtensions(tbs, 2, 'requestExtensions'));
  tbs.finish('tbsRequest');
  return { certIds, nonce };
}

/** Octets of the four SEQUENCE headers around a request's only CertID, where all lengths are short. */
const PLAIN_HEADERS = 8;

/**
 * Where a request is nothing but one CertID, as nearly all are: what stands in the CertID's place, unread. Undefined for any other. It
 * may be no CertID at all, so it is good for one thing: to find, octet for octet, one that was read before.
 */
export function plainCertId(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length < PLAIN_HEADERS || bytes.length > 0x81) return undefined;
  for (let at = 0; at < PLAIN_HEADERS; at += 2) if (bytes[at] !== tags.SEQUENCE || bytes[at + 1] !== bytes.length - at - 2) return undefined;
  return bytes.subarray(PLAIN_HEADERS);
}

/** RFC 6960 4.1.2: a Signature, its certificates included, whose inside is of no use here. */
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

/** Reads a CertID. The hashes may be by any algorithm: whether they are those of an issuer is told by comparing octets. */
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
    if (nonce.length === 0 || nonce.length > MAX_NONCE) reader.fail('bad-extension', `the nonce has ${nonce.length} octets; 1 to ${MAX_NONCE} are taken (RFC 9654 2.1)`);
    return nonce;
  });
}

/** RFC 6960 4.4: what is not known is passed over, unless it is critical. */
function refuseCritical(extensions: readonly Extension[]): void {
  const critical = extensions.find((extension) => extension.critical);
  if (critical !== undefined) throw new X509Error('bad-extension', `the request has the critical extension ${oidName(critical.oid)}, which is not understood`);
}
