import type { SignatureAlgorithm } from './algorithms.ts';
import { DerReader } from './der/reader.ts';
import * as tags from './der/tags.ts';
import { X509Error } from './errors.ts';
import { decodeValue, type Extension, readExtensions, valueOf } from './extension.ts';
import { type CertId, decodeNonce, MAX_OCSP_CERTIFICATES, readCertId } from './ocsp-request.ts';
import { type CertStatus, OCSP_STATUSES, type OcspStatus } from './ocsp-response.ts';
import { OID, oidName } from './oids.ts';
import { REASON_BY_CODE } from './revocation-reason.ts';
import { readAnyAlgorithm, readName } from './signed.ts';

/** How the responder identifies itself: by the hash of its key, or by its subject, DER. */
export type ResponderId = { readonly keyHash: Uint8Array } | { readonly name: Uint8Array };

export interface ReadSingleResponse {
  readonly certId: CertId;
  readonly certStatus: CertStatus;
  /** Seconds since the Unix epoch. */
  readonly thisUpdate: number;
  readonly nextUpdate: number | undefined;
  readonly archiveCutoff: number | undefined;
  readonly extensions: readonly Extension[];
}

/** A parsed ResponseData. Byte arrays are views of the DER that was read. */
export interface ResponseData {
  readonly tbs: Uint8Array;
  readonly responderId: ResponderId;
  /** Seconds since the Unix epoch. */
  readonly producedAt: number;
  readonly responses: readonly ReadSingleResponse[];
  readonly nonce: Uint8Array | undefined;
  readonly extensions: readonly Extension[];
}

export interface BasicOcspResponse extends ResponseData {
  /** Undefined if Chancery does not support it. */
  readonly signatureAlgorithm: SignatureAlgorithm | undefined;
  readonly signature: Uint8Array;
  /** Certificates, DER. */
  readonly certificates: readonly Uint8Array[];
}

/** Parses a ResponseData, allowing no trailing bytes. Throws an `X509Error`. */
export function parseResponseData(tbs: Uint8Array): ResponseData {
  const reader = new DerReader(tbs);
  const data = readResponseData(reader);
  reader.finish('ResponseData');
  return data;
}

/**
 * Parses an OCSPResponse, allowing no trailing bytes: its status and, if successful, the basic response. Verifies no signature.
 * Throws an `X509Error`.
 */
export function parseOcspResponse(der: Uint8Array): { readonly status: OcspStatus; readonly basic?: BasicOcspResponse } {
  const reader = new DerReader(der);
  const response = reader.sequence('OCSPResponse');
  reader.finish('OCSPResponse');
  const code = response.smallInteger('responseStatus', tags.ENUMERATED);
  const status = STATUS_BY_CODE.get(code) ?? response.fail('bad-integer', `responseStatus is ${code}, which RFC 6960 4.2.1 does not have`);
  if (status !== 'successful') {
    response.finish('OCSPResponse');
    return { status };
  }
  const bytes = response.enter(tags.contextConstructedTag(0), 'responseBytes');
  response.finish('OCSPResponse');
  const typed = bytes.sequence('responseBytes');
  bytes.finish('responseBytes');
  const type = typed.oid('responseType');
  if (type !== OID.ocspBasic) typed.fail('unsupported-algorithm', `the response is of type ${oidName(type)}; id-pkix-ocsp-basic is accepted`);
  const basic = readBasic(typed.octetString('response'));
  typed.finish('responseBytes');
  return { status, basic };
}

const STATUS_BY_CODE = new Map(Object.entries(OCSP_STATUSES).map(([status, code]) => [code as number, status as OcspStatus]));

function readBasic(der: Uint8Array): BasicOcspResponse {
  const reader = new DerReader(der);
  const basic = reader.sequence('BasicOCSPResponse');
  reader.finish('BasicOCSPResponse');
  const data = readResponseData(basic);
  const { signatureAlgorithm } = readAnyAlgorithm(basic);
  const signature = basic.bitString('signature');
  const certificates: Uint8Array[] = [];
  if (basic.is(tags.contextConstructedTag(0))) {
    const inside = basic.enter(tags.contextConstructedTag(0), 'certs');
    const list = inside.sequence('certs');
    inside.finish('certs');
    while (!list.atEnd) certificates.push(list.element(tags.SEQUENCE, 'certificate'));
  }
  basic.finish('BasicOCSPResponse');
  return { ...data, signatureAlgorithm, signature, certificates };
}

function readResponseData(outer: DerReader): ResponseData {
  const start = outer.offset;
  const data = outer.sequence('ResponseData');
  const tbs = outer.bytes.subarray(start, outer.offset);
  const responderId = readResponderId(data);
  const producedAt = data.generalizedTime('producedAt');
  const list = data.sequence('responses');
  const responses: ReadSingleResponse[] = [];
  while (!list.atEnd) {
    if (responses.length === MAX_OCSP_CERTIFICATES) list.fail('too-many-elements', `there are more than ${MAX_OCSP_CERTIFICATES} responses`);
    responses.push(readSingle(list));
  }
  const extensions = readOptionalExtensions(data, 'responseExtensions');
  data.finish('ResponseData');
  return { tbs, responderId, producedAt, responses, extensions, nonce: valueOf({ extensions }, OID.ocspNonce, decodeNonce) };
}

function readResponderId(data: DerReader): ResponderId {
  if (data.is(tags.contextConstructedTag(1))) {
    const inside = data.enter(tags.contextConstructedTag(1), 'responderID');
    const { der } = readName(inside, 'responderID');
    inside.finish('responderID');
    return { name: der };
  }
  const inside = data.enter(tags.contextConstructedTag(2), 'responderID');
  const keyHash = inside.octetString('responderID');
  inside.finish('responderID');
  return { keyHash };
}

function readSingle(list: DerReader): ReadSingleResponse {
  const single = list.sequence('SingleResponse');
  const certId = readCertId(single);
  const certStatus = readStatus(single);
  const thisUpdate = single.generalizedTime('thisUpdate');
  const nextUpdate = single.is(tags.contextConstructedTag(0)) ? explicitly(single, 0, 'nextUpdate', (inside) => inside.generalizedTime('nextUpdate')) : undefined;
  const extensions = readOptionalExtensions(single, 'singleExtensions');
  single.finish('SingleResponse');
  const archiveCutoff = valueOf({ extensions }, OID.ocspArchiveCutoff, (value) => decodeValue(value, 'archiveCutoff', (reader) => reader.generalizedTime('archiveCutoff')));
  return { certId, certStatus, thisUpdate, nextUpdate, archiveCutoff, extensions };
}

function readStatus(single: DerReader): CertStatus {
  if (single.is(tags.contextConstructedTag(1))) {
    return explicitly(single, 1, 'revoked', (inside) => {
      const at = inside.generalizedTime('revocationTime');
      if (inside.atEnd) return { status: 'revoked', at, reason: 'unspecified' };
      const code = explicitly(inside, 0, 'revocationReason', (reason) => reason.smallInteger('revocationReason', tags.ENUMERATED));
      const reason = REASON_BY_CODE.get(code);
      if (reason === undefined || reason === 'unspecified') throw new X509Error('bad-extension', `revocationReason is ${code}, which is not one to be written`);
      return { status: 'revoked', at, reason };
    });
  }
  const [status, tag] = single.is(tags.contextTag(2)) ? ['unknown', tags.contextTag(2)] as const : ['good', tags.contextTag(0)] as const;
  if (single.content(tag, 'certStatus').length !== 0) single.fail('bad-null', `certStatus ${status} has content`);
  return { status };
}

function explicitly<T>(reader: DerReader, n: number, what: string, read: (inside: DerReader) => T): T {
  const inside = reader.enter(tags.contextConstructedTag(n), what);
  const value = read(inside);
  inside.finish(what);
  return value;
}

const readOptionalExtensions = (reader: DerReader, what: string): Extension[] =>
  reader.is(tags.contextConstructedTag(1)) ? explicitly(reader, 1, what, (inside) => readExtensions(inside, what)) : [];
