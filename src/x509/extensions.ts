import type { DerReader } from './der/reader.ts';
import { walkElement } from './der/walk.ts';
import * as tags from './der/tags.ts';
import { boolean, contextExplicit, contextPrimitive, ia5Bytes, integer, namedBits, nullValue, octetString, oid, sequence } from './der/writer.ts';
import { X509Error } from './errors.ts';
import { decodeValue, encodeExtension, type Extension, readDefaultFalse } from './extension.ts';
import { encodeGeneralName, type GeneralName, readGeneralNames } from './general-name.ts';
import { OID } from './oids.ts';
import { keyIdentifier, type PublicKey } from './public-key.ts';

/** Upper bound of entries in a list of key purposes, policies or addresses. */
const MAX_ENTRIES = 32;

const extension = (type: string, critical: boolean, value: Uint8Array): Uint8Array => encodeExtension({ oid: type, critical, value });

/** A SEQUENCE OF 1 to 32 entries. */
function readList<T>(reader: DerReader, what: string, read: (list: DerReader) => T): T[] {
  const list = reader.sequence(what);
  if (list.atEnd) list.fail('empty-list', `${what} is empty`);
  const entries: T[] = [];
  while (!list.atEnd) {
    if (entries.length === MAX_ENTRIES) list.fail('too-many-elements', `${what} has more than ${MAX_ENTRIES} entries`);
    entries.push(read(list));
  }
  return entries;
}

function atLeastOne(list: readonly unknown[], what: string): void {
  if (list.length === 0) throw new X509Error('empty-list', `${what} needs at least one entry`);
}

export interface BasicConstraints {
  readonly ca: boolean;
  readonly pathLength?: number;
}

/** RFC 5280 4.2.1.9. Critical, as it must be for a CA and may be for others. */
export function basicConstraints({ ca, pathLength }: BasicConstraints): Uint8Array {
  if (!ca && pathLength !== undefined) throw new X509Error('bad-extension', 'a path length is for CA certificates only');
  const fields = [...(ca ? [boolean(true)] : []), ...(pathLength === undefined ? [] : [integer(pathLength)])];
  return extension(OID.basicConstraints, true, sequence(...fields));
}

export function decodeBasicConstraints(value: Uint8Array): BasicConstraints {
  return decodeValue(value, 'basicConstraints', (reader) => {
    const fields = reader.sequence('basicConstraints');
    const ca = readDefaultFalse(fields, 'cA');
    const pathLength = fields.atEnd ? undefined : fields.smallInteger('pathLenConstraint');
    fields.finish('basicConstraints');
    if (!ca && pathLength !== undefined) fields.fail('bad-extension', 'basicConstraints has a path length without cA TRUE');
    return pathLength === undefined ? { ca } : { ca, pathLength };
  });
}

/** KeyUsage: the index of each name is its bit number (RFC 5280 4.2.1.3). */
const KEY_USAGES = [
  'digitalSignature', 'contentCommitment', 'keyEncipherment', 'dataEncipherment', 'keyAgreement', 'keyCertSign', 'cRLSign', 'encipherOnly', 'decipherOnly',
] as const;

export type KeyUsage = (typeof KEY_USAGES)[number];

/** RFC 5280 4.2.1.3. Critical. */
export function keyUsage(usages: readonly KeyUsage[]): Uint8Array {
  atLeastOne(usages, 'keyUsage');
  return extension(OID.keyUsage, true, namedBits(usages.map((usage) => KEY_USAGES.indexOf(usage))));
}

export function decodeKeyUsage(value: Uint8Array): KeyUsage[] {
  return decodeValue(value, 'keyUsage', (reader) => {
    const bits = reader.namedBits('keyUsage');
    if (bits === 0 || bits >= 1 << KEY_USAGES.length) reader.fail('bad-extension', 'keyUsage must set at least one of its nine bits, and no other');
    return KEY_USAGES.filter((_, bit) => (bits >> bit) & 1);
  });
}

/** RFC 5280 4.2.1.12, from dotted OIDs. */
export function extendedKeyUsage(usages: readonly string[], critical = false): Uint8Array {
  atLeastOne(usages, 'extendedKeyUsage');
  return extension(OID.extendedKeyUsage, critical, sequence(...usages.map(oid)));
}

export const decodeExtendedKeyUsage = (value: Uint8Array): string[] =>
  decodeValue(value, 'extendedKeyUsage', (reader) => readList(reader, 'extendedKeyUsage', (list) => list.oid('key purpose')));

const SUBJECT_KEY_IDENTIFIER = oid(OID.subjectKeyIdentifier);

/** RFC 5280 4.2.1.2, derived from the key. */
export const subjectKeyIdentifier = (key: PublicKey): Uint8Array => sequence(SUBJECT_KEY_IDENTIFIER, octetString(octetString(keyIdentifier(key))));

export const decodeSubjectKeyIdentifier = (value: Uint8Array): Uint8Array =>
  decodeValue(value, 'subjectKeyIdentifier', (reader) => reader.octetString('subjectKeyIdentifier'));

/** RFC 5280 4.2.1.1: the issuer's subject key identifier. */
export const authorityKeyIdentifier = (id: Uint8Array): Uint8Array => extension(OID.authorityKeyIdentifier, false, sequence(contextPrimitive(0, id)));

/** The key identifier; undefined if the issuer is identified by other means. */
export function decodeAuthorityKeyIdentifier(value: Uint8Array): Uint8Array | undefined {
  return decodeValue(value, 'authorityKeyIdentifier', (reader) => {
    const fields = reader.sequence('authorityKeyIdentifier');
    const id = fields.is(tags.contextTag(0)) ? fields.content(tags.contextTag(0), 'keyIdentifier') : undefined;
    while (!fields.atEnd) walkElement(fields, 'authorityCertIssuer');
    return id;
  });
}

const SUBJECT_ALT_NAME = oid(OID.subjectAltName);

/** RFC 5280 4.2.1.6. `critical` if and only if the subject is empty. */
export function subjectAltName(names: readonly GeneralName[], critical: boolean): Uint8Array {
  atLeastOne(names, 'subjectAltName');
  const value = octetString(sequence(...names.map(encodeGeneralName)));
  return critical ? sequence(SUBJECT_ALT_NAME, boolean(true), value) : sequence(SUBJECT_ALT_NAME, value);
}

export const decodeSubjectAltName = (value: Uint8Array): GeneralName[] =>
  decodeValue(value, 'subjectAltName', (reader) => readGeneralNames(reader, 'subjectAltName'));

/** The subject alternative names of a certificate; empty if it lacks the extension. */
export function certificateNames(extensions: readonly Extension[]): GeneralName[] {
  const san = extensions.find((each) => each.oid === OID.subjectAltName);
  return san === undefined ? [] : decodeSubjectAltName(san.value);
}

/** GeneralName of type URI, verbatim: addresses that we chose or that a CA published. */
const uri = (url: string): Uint8Array => contextPrimitive(6, ia5Bytes(url));
const readUri = (reader: DerReader): string => reader.ia5String('URI', tags.contextTag(6));

/** DistributionPointName with `fullName` (RFC 5280 4.2.1.13). Its tag is explicit because it is a CHOICE. */
export function fullName(urls: readonly string[]): Uint8Array {
  atLeastOne(urls, 'distributionPoint');
  return contextExplicit(0, contextExplicit(0, ...urls.map(uri)));
}

/** Reads the addresses of a DistributionPointName. */
export function readFullName(reader: DerReader): string[] {
  const names = reader.enter(tags.contextConstructedTag(0), 'distributionPoint').enter(tags.contextConstructedTag(0), 'fullName');
  const urls: string[] = [];
  while (!names.atEnd && urls.length < MAX_ENTRIES) urls.push(readUri(names));
  names.finish('fullName');
  return urls;
}

/** RFC 5280 4.2.1.13: one distribution point, with the same CRL at each address. */
export const crlDistributionPoints = (urls: readonly string[]): Uint8Array => extension(OID.cRLDistributionPoints, false, sequence(sequence(fullName(urls))));

/** The addresses of all distribution points. */
export const decodeCrlDistributionPoints = (value: Uint8Array): string[] =>
  decodeValue(value, 'cRLDistributionPoints', (reader) => readList(reader, 'cRLDistributionPoints', (list) => {
    const point = list.sequence('DistributionPoint');
    const urls = readFullName(point);
    point.finish('DistributionPoint');
    return urls;
  }).flat());

export interface InformationAccess {
  /** Addresses of the issuer's certificate. */
  readonly issuers: readonly string[];
  /** Addresses of the OCSP responder. */
  readonly ocsp: readonly string[];
}

/** RFC 5280 4.2.2.1; at least one address in all. */
export function authorityInformationAccess({ issuers = [], ocsp = [] }: Partial<InformationAccess>): Uint8Array {
  const access = (method: string) => (url: string): Uint8Array => sequence(oid(method), uri(url));
  const descriptions = [...ocsp.map(access(OID.ocsp)), ...issuers.map(access(OID.caIssuers))];
  atLeastOne(descriptions, 'authorityInformationAccess');
  return extension(OID.authorityInformationAccess, false, sequence(...descriptions));
}

export function decodeAuthorityInformationAccess(value: Uint8Array): InformationAccess {
  const issuers: string[] = [];
  const ocsp: string[] = [];
  decodeValue(value, 'authorityInformationAccess', (reader) => readList(reader, 'authorityInformationAccess', (list) => {
    const description = list.sequence('AccessDescription');
    const method = description.oid('accessMethod');
    const kept = method === OID.ocsp ? ocsp : method === OID.caIssuers ? issuers : undefined;
    if (kept !== undefined && description.is(tags.contextTag(6))) kept.push(readUri(description));
    else walkElement(description, 'accessLocation');
    description.finish('AccessDescription');
  }));
  return { issuers, ocsp };
}

/** RFC 5280 4.2.1.4, from dotted OIDs, without qualifiers. */
export function certificatePolicies(policies: readonly string[]): Uint8Array {
  atLeastOne(policies, 'certificatePolicies');
  return extension(OID.certificatePolicies, false, sequence(...policies.map((policy) => sequence(oid(policy)))));
}

/** The policies' dotted OIDs; qualifiers are ignored. */
export const decodeCertificatePolicies = (value: Uint8Array): string[] =>
  decodeValue(value, 'certificatePolicies', (reader) => readList(reader, 'certificatePolicies', (list) => {
    const information = list.sequence('PolicyInformation');
    const policy = information.oid('policyIdentifier');
    if (!information.atEnd) walkElement(information, 'policyQualifiers');
    information.finish('PolicyInformation');
    return policy;
  }));

/** RFC 6960 4.2.2.2.1. */
export const ocspNoCheck = (): Uint8Array => extension(OID.ocspNoCheck, false, nullValue());
