import type { SignatureAlgorithm } from './algorithms.ts';
import { DerReader } from './der/reader.ts';
import * as tags from './der/tags.ts';
import { contextExplicit, elementOf, integer, sequence, time } from './der/writer.ts';
import type { DistinguishedName } from './distinguished-name.ts';
import { X509Error } from './errors.ts';
import { type Extension, readExtensions } from './extension.ts';
import { type PublicKey, readSubjectPublicKeyInfo } from './public-key.ts';
import { encodeSerial, readSerial } from './serial.ts';
import { assembleSigned, checkSameAlgorithm, readAnyAlgorithm, readIssuerName, readName, readSigned } from './signed.ts';

/** Octets. The largest certificates in use, with hundreds of names, have 30,000. */
const MAX_CERTIFICATE = 1 << 18;

/** The contents of a certificate; each byte array is a complete DER element. */
export interface TbsFields {
  /** Hex, positive, at most 20 octets. */
  readonly serial: string;
  /** AlgorithmIdentifier. */
  readonly signatureAlgorithm: Uint8Array;
  /** The issuer certificate's subject, octet for octet. */
  readonly issuer: Uint8Array;
  /** Seconds since the Unix epoch; notAfter is inclusive. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly subject: Uint8Array;
  /** SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  readonly extensions: readonly Uint8Array[];
}

/** A parsed TBSCertificate. Byte arrays are views of the DER that was read. */
export interface TbsCertificate {
  /** The TBSCertificate. */
  readonly tbs: Uint8Array;
  /** Lower-case hex, whole octets; `00` if another CA used zero. */
  readonly serial: string;
  /** The AlgorithmIdentifier as encoded. */
  readonly algorithm: Uint8Array;
  /** The algorithm it denotes; undefined if Chancery does not support it, such as SHA-1 in the self-signature of an old root. */
  readonly signatureAlgorithm: SignatureAlgorithm | undefined;
  /** The Name, DER. */
  readonly issuer: Uint8Array;
  readonly issuerName: DistinguishedName;
  /** Seconds since the Unix epoch; notAfter is inclusive. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** The Name, DER. */
  readonly subject: Uint8Array;
  readonly subjectName: DistinguishedName;
  readonly publicKey: PublicKey;
  /** All extensions, known or not, with their values undecoded. */
  readonly extensions: readonly Extension[];
}

export interface Certificate extends TbsCertificate {
  readonly der: Uint8Array;
  readonly signature: Uint8Array;
}

/** Version 3 is encoded as 2 (RFC 5280 4.1.2.1). */
const VERSION_3 = contextExplicit(0, integer(2));

/** Encodes a TBSCertificate (RFC 5280 4.1), version 3. Throws an `X509Error` for a serial or time that cannot be encoded. */
export function encodeTbsCertificate(fields: TbsFields): Uint8Array {
  return sequence(
    VERSION_3,
    encodeSerial(fields.serial),
    fields.signatureAlgorithm,
    fields.issuer,
    encodeValidity(fields.notBefore, fields.notAfter),
    fields.subject,
    fields.publicKey,
    contextExplicit(3, elementOf(tags.SEQUENCE, fields.extensions)),
  );
}

let lastValidity = { notBefore: 0, notAfter: 0, der: sequence(time(0), time(0)) };

/** Validity (RFC 5280 4.1.2.5). Encoding two times costs as much as the rest of the certificate, and consecutive certificates often share them. */
function encodeValidity(notBefore: number, notAfter: number): Uint8Array {
  if (notBefore !== lastValidity.notBefore || notAfter !== lastValidity.notAfter) {
    lastValidity = { notBefore, notAfter, der: sequence(time(notBefore), time(notAfter)) };
  }
  return lastValidity.der;
}

/** Encodes the certificate (RFC 5280 4.1) from its TBSCertificate, the same AlgorithmIdentifier again, and the signature's octets. */
export const assembleCertificate = assembleSigned;

/**
 * Parses a certificate, allowing no trailing bytes. Throws an `X509Error` for anything that is not DER or not version 3, or whose key type
 * is unsupported.
 */
export function parseCertificate(der: Uint8Array): Certificate {
  checkSize(der);
  const { tbs, body, algorithm, signature } = readSigned(der, 'certificate');
  const fields = readTbs(body, tbs);
  checkSameAlgorithm(fields.algorithm, algorithm);
  return { ...fields, der, signature };
}

/** Parses a TBSCertificate by the same rules. Throws an `X509Error`. */
export function parseTbsCertificate(tbs: Uint8Array): TbsCertificate {
  checkSize(tbs);
  const reader = new DerReader(tbs);
  const body = reader.sequence('tbsCertificate');
  reader.finish('tbsCertificate');
  return readTbs(body, tbs);
}

function checkSize(der: Uint8Array): void {
  if (der.length > MAX_CERTIFICATE) throw new X509Error('too-large', `a certificate of ${der.length} octets; at most ${MAX_CERTIFICATE} are accepted`);
}

function readTbs(body: DerReader, tbs: Uint8Array): TbsCertificate {
  readVersion(body);
  const serial = readSerial(body, 'serialNumber');
  const { algorithm, signatureAlgorithm } = readAnyAlgorithm(body);
  const issuer = readIssuerName(body);
  const validity = body.sequence('validity');
  const notBefore = validity.time('notBefore');
  const notAfter = validity.time('notAfter');
  validity.finish('validity');
  const subject = readName(body, 'subject');
  const publicKey = readSubjectPublicKeyInfo(body);
  // RFC 5280 4.1.2.8: no conforming CA writes the unique identifiers [1] and [2] that could come first, so they are refused.
  const extensions = body.atEnd ? [] : readExplicitExtensions(body, tags.contextConstructedTag(3));
  body.finish('tbsCertificate');
  return {
    tbs, serial, algorithm, signatureAlgorithm, notBefore, notAfter, publicKey, extensions,
    issuer: issuer.der, issuerName: issuer.name, subject: subject.der, subjectName: subject.name,
  };
}

/** RFC 5280 4.1.2.1: must be version 3, as is any certificate with extensions. */
function readVersion(body: DerReader): void {
  const tag = tags.contextConstructedTag(0);
  if (!body.is(tag)) body.fail('unsupported-version', 'the certificate is of version 1; version 3 is accepted');
  const inside = body.enter(tag, 'version');
  const number = inside.smallInteger('version');
  inside.finish('version');
  if (number !== 2) body.fail('unsupported-version', `the certificate has version number ${number}; version 3, which is number 2, is accepted`);
}

function readExplicitExtensions(body: DerReader, tag: number): Extension[] {
  const inside = body.enter(tag, 'extensions');
  const extensions = readExtensions(inside, 'extensions');
  inside.finish('extensions');
  return extensions;
}
