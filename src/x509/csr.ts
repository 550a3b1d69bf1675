import { readSignatureAlgorithm, type SignatureAlgorithm } from './algorithms.ts';
import { DerReader } from './der/reader.ts';
import { walkElement } from './der/walk.ts';
import * as tags from './der/tags.ts';
import { compareBytes } from './der/writer.ts';
import { commonNameOf, type DistinguishedName, readDistinguishedName } from './distinguished-name.ts';
import { X509Error } from './errors.ts';
import { type Extension, readExtensions } from './extension.ts';
import { decodeSubjectAltName } from './extensions.ts';
import type { GeneralName } from './general-name.ts';
import { looksLikeAddress } from './ip-address.ts';
import { OID, oidName } from './oids.ts';
import { type PublicKey, readSubjectPublicKeyInfo } from './public-key.ts';
import { checkAlgorithmFits, verifySignature } from './signature.ts';

/** A well-formed PKCS #10 request (RFC 2986). Its signature is checked separately, by `verifyPossession`. */
export interface CertificationRequest {
  readonly der: Uint8Array;
  /** CertificationRequestInfo: the signed bytes. */
  readonly tbs: Uint8Array;
  readonly subject: DistinguishedName;
  readonly commonName?: string;
  readonly publicKey: PublicKey;
  /** Requested subject alternative names, normalised, without duplicates; empty if there are none. */
  readonly names: readonly GeneralName[];
  /** The other requested extensions, with their values undecoded. */
  readonly extensions: readonly Extension[];
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
}

/** Ample for 1,000 names, or for an RSA key of 16,384 bits. */
const MAX_CSR_OCTETS = 65_536;

/** Attributes irrelevant to the certificate: their encoding is checked and their contents ignored. All others are refused. */
const PASSED_OVER: ReadonlySet<string> = new Set([
  OID.challengePassword,
  OID.unstructuredName,
  OID.friendlyName,
  OID.microsoftOsVersion,
  OID.microsoftEnrolmentCsp,
  OID.microsoftRequestClientInfo,
]);

interface Requested {
  readonly names: readonly GeneralName[];
  readonly extensions: readonly Extension[];
}

/**
 * v1, encoded as 0, is the only version (RFC 2986 4.1). Ruby programs, including its ACME client, use the number of a version 3
 * certificate instead. The version is covered by the signature, and nothing depends on it.
 */
const VERSION_BY_MISTAKE = 2;

const NOTHING: Requested = { names: [], extensions: [] };

/** Parses a CSR strictly, without verifying its signature. Throws an `X509Error` naming the first fault. */
export function parseCertificationRequest(der: Uint8Array): CertificationRequest {
  if (der.length > MAX_CSR_OCTETS) throw new X509Error('too-large', `the CSR has ${der.length} octets; at most ${MAX_CSR_OCTETS} are accepted`);
  const reader = new DerReader(der);
  const request = reader.sequence('CertificationRequest');
  reader.finish('CertificationRequest');

  const start = request.offset;
  const info = request.sequence('CertificationRequestInfo');
  const tbs = der.subarray(start, request.offset);
  const version = info.smallInteger('version');
  if (version !== 0 && version !== VERSION_BY_MISTAKE) info.fail('unsupported-version', `the version is ${version}; only v1 (0) exists (RFC 2986 4.1)`);
  const subject = readDistinguishedName(info, 'subject');
  const publicKey = readSubjectPublicKeyInfo(info);
  const requested = readAttributes(info);
  info.finish('CertificationRequestInfo');

  const signatureAlgorithm = readSignatureAlgorithm(request, 'signatureAlgorithm');
  checkAlgorithmFits(signatureAlgorithm, publicKey);
  const signature = request.bitString('signature');
  if (signature.length === 0) request.fail('bad-signature', 'the signature is empty');
  request.finish('CertificationRequest');

  const commonName = commonNameOf(subject);
  if (commonName === undefined) return { der, tbs, subject, publicKey, ...requested, signatureAlgorithm, signature };
  // BR 7.1.4.2.2: it must repeat one of the names, in exactly the same form; others may be read as different addresses.
  if (looksLikeAddress(commonName) && !requested.names.some(({ kind, value }) => kind === 'ip' && value === commonName)) {
    throw new X509Error('common-name-is-address', `the common name ${commonName} looks like an IP address but is not in the subjectAltName, where addresses belong`);
  }
  return { der, tbs, subject, commonName, publicKey, ...requested, signatureAlgorithm, signature };
}

/**
 * Proof of possession: verifies that the CSR is signed with its own key. Expensive for large RSA keys, so check size and exponent first.
 * Throws `bad-signature`, or `bad-key` for a point off its curve.
 */
export const verifyPossession = (csr: CertificationRequest): void => verifySignature(csr, csr.publicKey);

/** Attributes (RFC 2986 4.1, RFC 2985 5.4): only known ones, each at most once. */
function readAttributes(info: DerReader): Requested {
  const attributes = info.enter(tags.contextConstructedTag(0), 'attributes');
  const seen: string[] = [];
  let previous: Uint8Array | undefined;
  let requested = NOTHING;
  while (!attributes.atEnd) {
    const start = attributes.offset;
    const attribute = attributes.sequence('attribute');
    const encoded = attributes.bytes.subarray(start, attributes.offset);
    const type = attribute.oid('attribute type');
    if (seen.includes(type)) attribute.fail('duplicate-attribute', `the attribute ${oidName(type)} occurs twice`);
    seen.push(type);
    if (type === OID.extensionRequest) requested = readExtensionRequest(attribute);
    else if (PASSED_OVER.has(type)) passOver(attribute, type);
    else attribute.fail('unsupported-attribute', `the attribute ${oidName(type)} is not accepted; expected ${[OID.extensionRequest, ...PASSED_OVER].map(oidName).join(', ')}`);
    attribute.finish('attribute');
    // X.690 11.6: a SET OF must be sorted.
    if (previous !== undefined && compareBytes(previous, encoded) > 0) attributes.fail('not-sorted', 'the attributes are not in the order that DER demands of a SET OF', start);
    previous = encoded;
  }
  return requested;
}

function passOver(attribute: DerReader, type: string): void {
  const values = attribute.set(oidName(type));
  if (values.atEnd) values.fail('empty-list', `${oidName(type)} has no value`);
  while (!values.atEnd) walkElement(values, oidName(type));
}

/** A SET of exactly one Extensions (RFC 2985 5.4.2: SINGLE VALUE). */
function readExtensionRequest(attribute: DerReader): Requested {
  const values = attribute.set('values of extensionRequest');
  const all = readExtensions(values, 'extensionRequest');
  if (!values.atEnd) values.fail('duplicate-attribute', 'extensionRequest has more than one value');
  const san = all.find(({ oid }) => oid === OID.subjectAltName);
  if (san === undefined) return { names: [], extensions: all };
  return { names: decodeSubjectAltName(san.value), extensions: all.filter((extension) => extension !== san) };
}
