import type { SignatureAlgorithm } from './algorithms.ts';
import { checkRevokedEntries, type EntrySummary, readRevokedEntry, type RevokedEntry } from './crl-entry.ts';
import { reasonCode } from './crl-extensions.ts';
import { DerReader } from './der/reader.ts';
import * as tags from './der/tags.ts';
import { bitString, contextExplicit, elementHeader, elementOf, integer, sequence, time } from './der/writer.ts';
import type { DistinguishedName } from './distinguished-name.ts';
import { type Extension, readExtensions } from './extension.ts';
import { ALL_REASONS, type RevocationReason } from './revocation-reason.ts';
import { encodeSerial } from './serial.ts';
import { assembleSigned, checkSameAlgorithm, readAnyAlgorithm, readIssuerName, readSigned } from './signed.ts';

/** The contents of a CRL; each byte array is a complete DER element. */
export interface TbsCrlFields {
  /** AlgorithmIdentifier. */
  readonly algorithm: Uint8Array;
  /** The issuer certificate's subject, octet for octet. */
  readonly issuer: Uint8Array;
  /** Seconds since the Unix epoch. */
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  /** As encoded by `encodeRevokedEntry`. */
  readonly entries: readonly Uint8Array[];
  readonly extensions: readonly Uint8Array[];
}

/** A parsed TBSCertList. Byte arrays are views of the DER that was read. */
export interface TbsCrl {
  /** The TBSCertList. */
  readonly tbs: Uint8Array;
  /** The AlgorithmIdentifier as encoded. */
  readonly algorithm: Uint8Array;
  /** The algorithm it denotes; undefined if Chancery does not support it. */
  readonly signatureAlgorithm: SignatureAlgorithm | undefined;
  /** The Name, DER. */
  readonly issuer: Uint8Array;
  readonly issuerName: DistinguishedName;
  /** Seconds since the Unix epoch. */
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  /** The entries' DER, concatenated and already checked; decode them with `revokedEntries`. */
  readonly entries: Uint8Array;
  readonly summary: EntrySummary;
  readonly extensions: readonly Extension[];
}

export interface Crl extends TbsCrl {
  readonly der: Uint8Array;
  readonly signature: Uint8Array;
}

/** Version 2 is encoded as 1 (RFC 5280 5.1.2.1). */
const VERSION_2 = integer(1);

/** crlEntryExtensions per reason. RFC 5280 5.3.1: non-critical; unspecified is expressed by omission. */
const ENTRY_EXTENSIONS: ReadonlyMap<RevocationReason, readonly Uint8Array[]> = new Map(ALL_REASONS
  .map((reason) => [reason, reason === 'unspecified' ? [] : [sequence(reasonCode(reason))]]));

/** Encodes an entry of revokedCertificates (RFC 5280 5.1.2.6), reusable in every CRL. Throws an `X509Error`. */
export const encodeRevokedEntry = ({ serial, at, reason }: RevokedEntry): Uint8Array =>
  sequence(encodeSerial(serial), time(at), ...ENTRY_EXTENSIONS.get(reason)!);

/** Encodes the TBSCertList (RFC 5280 5.1.2), version 2. */
export function encodeTbsCrl(fields: TbsCrlFields): Uint8Array {
  const [before, behind] = frameTbsCrl(fields, fields.entries.reduce((sum, { length }) => sum + length, 0));
  const tbs = new Uint8Array(before.length + fields.entries.reduce((sum, { length }) => sum + length, behind.length));
  let offset = 0;
  for (const part of [[before], fields.entries, [behind]].flat()) {
    tbs.set(part, offset);
    offset += part.length;
  }
  return tbs;
}

/** Encodes what precedes and what follows the entries of a TBSCertList, given their total length in octets. */
export function frameTbsCrl(fields: Omit<TbsCrlFields, 'entries'>, entryOctets: number): [before: Uint8Array, behind: Uint8Array] {
  // RFC 5280 5.1.2.6: if there are no entries, the list must be absent rather than empty.
  const list = entryOctets === 0 ? new Uint8Array(0) : elementHeader(tags.SEQUENCE, entryOctets);
  const start = [VERSION_2, fields.algorithm, fields.issuer, time(fields.thisUpdate), time(fields.nextUpdate), list];
  const behind = contextExplicit(0, elementOf(tags.SEQUENCE, fields.extensions));
  const length = start.reduce((sum, part) => sum + part.length, entryOctets + behind.length);
  return [Buffer.concat([elementHeader(tags.SEQUENCE, length), ...start]), behind];
}

/** Octets reserved for the CertificateList header: identifier, and a length of up to four octets. */
const ROOM_BEFORE = 6;

/** A buffer in which a TBSCertList is laid out at its final place in the CRL, so that its bytes are written only once. */
export class CrlSheet {
  readonly #bytes: Buffer;
  readonly #tbsEnd: number;
  readonly #algorithm: Uint8Array;

  /** @param signatureOctets upper bound of the signature's length */
  constructor(tbsOctets: number, algorithm: Uint8Array, signatureOctets: number) {
    this.#tbsEnd = ROOM_BEFORE + tbsOctets;
    this.#algorithm = algorithm;
    this.#bytes = Buffer.allocUnsafeSlow(this.#tbsEnd + algorithm.length + ROOM_BEFORE + signatureOctets);
  }

  get tbs(): Uint8Array {
    return this.#bytes.subarray(ROOM_BEFORE, this.#tbsEnd);
  }

  /** Completes the CertificateList (RFC 5280 5.1): the same bytes as `assembleCrl`, without copying. */
  seal(signature: Uint8Array): Uint8Array {
    const behind = Buffer.concat([this.#algorithm, bitString(signature)]);
    if (behind.length > this.#bytes.length - this.#tbsEnd) throw new RangeError('the signature has more octets than there is room for');
    this.#bytes.set(behind, this.#tbsEnd);
    const before = elementHeader(tags.SEQUENCE, this.#tbsEnd - ROOM_BEFORE + behind.length);
    this.#bytes.set(before, ROOM_BEFORE - before.length);
    return this.#bytes.subarray(ROOM_BEFORE - before.length, this.#tbsEnd + behind.length);
  }
}

/** Encodes the CertificateList (RFC 5280 5.1) from its TBSCertList, the same AlgorithmIdentifier again, and the signature's octets. */
export const assembleCrl = assembleSigned;

/**
 * Parses a CRL, allowing no trailing bytes. Throws an `X509Error` for anything that is not DER or not version 2, lacks nextUpdate or
 * extensions, or has an unsupported entry or entry extension.
 */
export function parseCrl(der: Uint8Array): Crl {
  const { tbs, body, algorithm, signature } = readSigned(der, 'CRL');
  const fields = readTbs(body, tbs);
  checkSameAlgorithm(fields.algorithm, algorithm);
  return { ...fields, der, signature };
}

/** Parses a TBSCertList by the same rules. Throws an `X509Error`. */
export function parseTbsCrl(tbs: Uint8Array): TbsCrl {
  const reader = new DerReader(tbs);
  const body = reader.sequence('tbsCertList');
  reader.finish('tbsCertList');
  return readTbs(body, tbs);
}

/** The entries of a CRL, in order. */
export function* revokedEntries({ entries }: TbsCrl): Generator<RevokedEntry> {
  const reader = new DerReader(entries);
  while (!reader.atEnd) yield readRevokedEntry(reader);
}

function readTbs(body: DerReader, tbs: Uint8Array): TbsCrl {
  // RFC 5280 5.1.2.1: an absent version means 1, which allows no extensions and thus no CRL number.
  if (!body.is(tags.INTEGER) || body.smallInteger('version') !== 1) body.fail('unsupported-version', 'the CRL is not of version 2');
  const { algorithm, signatureAlgorithm } = readAnyAlgorithm(body);
  const issuer = readIssuerName(body);
  const thisUpdate = body.time('thisUpdate');
  // RFC 5280 5.1.2.5: conforming issuers must include it, although the syntax says OPTIONAL.
  const nextUpdate = body.time('nextUpdate');
  const { entries, summary } = readEntries(body);
  const inside = body.enter(tags.contextConstructedTag(0), 'crlExtensions');
  const extensions = readExtensions(inside, 'crlExtensions');
  inside.finish('crlExtensions');
  body.finish('tbsCertList');
  return { tbs, algorithm, signatureAlgorithm, issuer: issuer.der, issuerName: issuer.name, thisUpdate, nextUpdate, entries, summary, extensions };
}

/** RFC 5280 5.1.2.6: an empty list must be absent. */
function readEntries(body: DerReader): { readonly entries: Uint8Array; readonly summary: EntrySummary } {
  if (!body.is(tags.SEQUENCE)) return { entries: new Uint8Array(0), summary: { count: 0, reasons: new Set() } };
  const list = body.sequence('revokedCertificates');
  if (list.atEnd) list.fail('empty-list', 'revokedCertificates is empty; without entries it must be absent');
  const entries = list.bytes.subarray(list.offset, list.end);
  return { entries, summary: checkRevokedEntries(list) };
}
