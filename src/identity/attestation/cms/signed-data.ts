import { hash } from 'node:crypto';
import { SIGNATURE_ALGORITHMS, type SignatureAlgorithm } from '../../../x509/algorithms.ts';
import { DerReader } from '../../../x509/der/reader.ts';
import * as tags from '../../../x509/der/tags.ts';
import { walkElement } from '../../../x509/der/walk.ts';
import { equalBytes } from '../../../x509/der/writer.ts';
import { X509Error } from '../../../x509/errors.ts';
import { OID, oidName } from '../../../x509/oids.ts';
import type { PublicKey } from '../../../x509/public-key.ts';
import { readSerial } from '../../../x509/serial.ts';
import { verifySignature } from '../../../x509/signature.ts';
import { derFromBer } from './der-from-ber.ts';

/** Octets allowed for a document with its signature and a few certificates. */
const MOST_OCTETS = 48 * 1024;
const MOST_CERTIFICATES = 8;

/** RFC 5652 4, 5.1, 11.1, 11.2. */
const DATA = '1.2.840.113549.1.7.1';
const SIGNED_DATA = '1.2.840.113549.1.7.2';
const CONTENT_TYPE = '1.2.840.113549.1.9.3';
const MESSAGE_DIGEST = '1.2.840.113549.1.9.4';

const DIGESTS: Readonly<Record<string, 'sha256' | 'sha384' | 'sha512'>> = { [OID.sha256]: 'sha256', [OID.sha384]: 'sha384', [OID.sha512]: 'sha512' };

/** The signer as identified by a SignerInfo (RFC 5652 5.3). */
export type SignerId = { readonly issuer: Uint8Array; readonly serial: string } | { readonly keyId: Uint8Array };

/** SignedData (RFC 5652 5.1) with a single signer. Nothing is verified yet. */
export interface SignedData {
  /** The signed content; undefined if it is detached. */
  readonly content: Uint8Array | undefined;
  /** DER, untrusted. */
  readonly certificates: readonly Uint8Array[];
  readonly signer: SignerId;
  readonly digest: 'sha256' | 'sha384' | 'sha512';
  /** The signed attributes, which the signature covers in place of the content, as a SET OF. */
  readonly attributes: Uint8Array | undefined;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
}

/** Parses BER or DER, allowing no trailing bytes. Throws an `X509Error`. */
export function parseSignedData(ber: Uint8Array): SignedData {
  if (ber.length > MOST_OCTETS) throw new X509Error('too-large', `the signed data has ${ber.length} octets; at most ${MOST_OCTETS} are accepted`);
  const outer = new DerReader(derFromBer(ber));
  const info = outer.sequence('ContentInfo');
  outer.finish('ContentInfo');
  if (info.oid('contentType') !== SIGNED_DATA) info.fail('unexpected-tag', 'it is not signed data (RFC 5652 5.1)');
  const explicit = info.enter(tags.contextConstructedTag(0), 'content');
  info.finish('ContentInfo');
  const body = explicit.sequence('SignedData');
  explicit.finish('content');
  body.smallInteger('version');
  const algorithms = body.enter(tags.SET, 'digestAlgorithms');
  while (!algorithms.atEnd) walkElement(algorithms, 'digestAlgorithms');
  const content = readContent(body);
  const certificates = readCertificates(body);
  // CRLs are ignored: the verifier has its own.
  if (body.is(tags.contextConstructedTag(1))) walkElement(body, 'crls');
  const signers = body.enter(tags.SET, 'signerInfos');
  body.finish('SignedData');
  const signer = readSigner(signers);
  if (!signers.atEnd) signers.fail('too-many-elements', 'it has several signers; one was expected');
  return { content, certificates, ...signer };
}

function readContent(body: DerReader): Uint8Array | undefined {
  const encapsulated = body.sequence('encapContentInfo');
  if (encapsulated.oid('eContentType') !== DATA) encapsulated.fail('unexpected-tag', 'what is signed is not plain data');
  if (encapsulated.atEnd) return undefined;
  const explicit = encapsulated.enter(tags.contextConstructedTag(0), 'eContent');
  encapsulated.finish('encapContentInfo');
  const content = explicit.octetString('eContent');
  explicit.finish('eContent');
  return content;
}

function readCertificates(body: DerReader): Uint8Array[] {
  const tag = tags.contextConstructedTag(0);
  if (!body.is(tag)) return [];
  const set = body.enter(tag, 'certificates');
  const certificates: Uint8Array[] = [];
  while (!set.atEnd) {
    if (certificates.length === MOST_CERTIFICATES) set.fail('too-many-elements', `it carries more than ${MOST_CERTIFICATES} certificates`);
    certificates.push(set.element(tags.SEQUENCE, 'certificate'));
  }
  return certificates;
}

type Signer = Omit<SignedData, 'content' | 'certificates'>;

/** SignerInfo, RFC 5652 5.3. */
function readSigner(signers: DerReader): Signer {
  const info = signers.sequence('SignerInfo');
  info.smallInteger('version');
  const signer = readSignerId(info);
  const digest = readDigest(info);
  const attributes = readAttributes(info);
  const algorithm = info.element(tags.SEQUENCE, 'signatureAlgorithm');
  const signature = info.octetString('signature');
  // Unsigned attributes are ignored.
  if (info.is(tags.contextConstructedTag(1))) walkElement(info, 'unsignedAttrs');
  info.finish('SignerInfo');
  return { signer, digest, attributes, signatureAlgorithm: algorithmOf(algorithm, digest), signature };
}

function readSignerId(info: DerReader): SignerId {
  if (info.is(tags.contextTag(0))) return { keyId: info.content(tags.contextTag(0), 'subjectKeyIdentifier') };
  const id = info.sequence('issuerAndSerialNumber');
  const issuer = id.element(tags.SEQUENCE, 'issuer');
  const serial = readSerial(id, 'serialNumber');
  id.finish('issuerAndSerialNumber');
  return { issuer, serial };
}

function readDigest(info: DerReader): SignedData['digest'] {
  const algorithm = info.sequence('digestAlgorithm');
  const type = algorithm.oid('digestAlgorithm');
  // RFC 5754 2: parameters are absent or NULL.
  if (!algorithm.atEnd) algorithm.null('digestAlgorithm parameters');
  algorithm.finish('digestAlgorithm');
  const digest = DIGESTS[type];
  if (digest === undefined) throw new X509Error('unsupported-algorithm', `the digest is ${oidName(type)}; SHA-256, SHA-384 and SHA-512 are accepted`);
  return digest;
}

/** Encoded as a SET OF, which is what is signed, rather than with the tag [0] used in transit (RFC 5652 5.4). */
function readAttributes(info: DerReader): Uint8Array | undefined {
  const tag = tags.contextConstructedTag(0);
  if (!info.is(tag)) return undefined;
  const sent = Buffer.from(info.element(tag, 'signedAttrs'));
  sent[0] = tags.SET;
  return sent;
}

/** The identifier may name the whole algorithm, or RSA alone with the digest given separately (RFC 5754 3.2). */
function algorithmOf(identifier: Uint8Array, digest: SignedData['digest']): SignatureAlgorithm {
  const reader = new DerReader(identifier).sequence('signatureAlgorithm');
  const type = reader.oid('signatureAlgorithm');
  const found = type === OID.rsaEncryption
    ? SIGNATURE_ALGORITHMS.find(({ keyKind, hash, pssSaltLength }) => keyKind === 'RSA' && hash === digest && pssSaltLength === undefined)
    : SIGNATURE_ALGORITHMS.find((candidate) => candidate.oid === type && (equalBytes(candidate.der, identifier) || (candidate.hash === digest && candidate.pssSaltLength === undefined)));
  if (found === undefined || (found.hash !== null && found.hash !== digest)) {
    throw new X509Error('unsupported-algorithm', `the signature is ${oidName(type)} with the digest ${digest}, which is not accepted`);
  }
  return found;
}

/**
 * Verifies that this key signed this content (RFC 5652 5.4, 5.6): either through signed attributes, which must contain the digest and the type of
 * the content once each, or directly. Throws an `X509Error`.
 */
export function verifySignedData({ digest, attributes, signatureAlgorithm, signature }: SignedData, content: Uint8Array, key: PublicKey): void {
  if (attributes !== undefined) checkAttributes(attributes, hash(digest, content, 'buffer'));
  verifySignature({ tbs: attributes ?? content, signatureAlgorithm, signature }, key);
}

function checkAttributes(attributes: Uint8Array, expected: Uint8Array): void {
  const set = new DerReader(attributes).enter(tags.SET, 'signedAttrs');
  const found = new Map<string, DerReader>();
  while (!set.atEnd) {
    const attribute = set.sequence('attribute');
    const type = attribute.oid('attribute type');
    const values = attribute.enter(tags.SET, 'attribute values');
    attribute.finish('attribute');
    if (found.has(type)) set.fail('duplicate-attribute', `the signed attributes have ${oidName(type)} twice`);
    found.set(type, values);
  }
  const one = <T>(type: string, read: (values: DerReader) => T): T => {
    const values = found.get(type);
    if (values === undefined) throw new X509Error('bad-signature', `the signed attributes lack ${oidName(type)} (RFC 5652 11)`);
    const value = read(values);
    values.finish('attribute values');
    return value;
  };
  if (one(CONTENT_TYPE, (values) => values.oid('content type')) !== DATA) throw new X509Error('bad-signature', 'the signed attributes name another type of content');
  if (!equalBytes(one(MESSAGE_DIGEST, (values) => values.octetString('message digest')), expected)) {
    throw new X509Error('bad-signature', 'the content is not what was signed: its digest is different');
  }
}
