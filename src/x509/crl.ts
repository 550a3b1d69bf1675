import type { SignatureAlgorithm } from './algorithms.ts';
import { checkRevokedEntries, type EntrySummary, readRevokedEntry, type RevokedEntry } from './crl-entry.ts';
import { reasonCode } from './crl-extensions.ts';
import { DerReader } from './der/reader.ts';
import * as tags from './der/tags.ts';
import { bitString, contextExplicit, elementOf, integer, sequence, time } from './der/writer.ts';
import type { DistinguishedName } from './distinguished-name.ts';
import { type Extension, readExtensions } from './extensions.ts';
import { REVOCATION_REASONS, type RevocationReason } from './revocation-reason.ts';
import { encodeSerial } from './serial.ts';
import { assembleSigned, checkSameAlgorithm, readAnyAlgorithm, readIssuerName, readSigned } from './signed.ts';

/** What a CRL is made of; each byte array is a whole DER element. */
export interface TbsCrlFields {
  /** AlgorithmIdentifier. */
  readonly algorithm: Uint8Array;
  /** The issuer certificate's subject, octet for octet. */
  readonly issuer: Uint8Array;
  /** Seconds since the Unix epoch. */
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  /** As `encodeRevokedEntry` made them. */
  readonly entries: readonly Uint8Array[];
  readonly extensions: readonly Uint8Array[];
}

/** What a TBSCertList says. Byte arrays are views of the DER that was read. */
export interface TbsCrl {
  /** The TBSCertList. */
  readonly tbs: Uint8Array;
  /** The AlgorithmIdentifier, as it is. */
  readonly algorithm: Uint8Array;
  /** What it stands for; undefined for one that Chancery does not know. */
  readonly signatureAlgorithm: SignatureAlgorithm | undefined;
  /** The Name, DER. */
  readonly issuer: Uint8Array;
  readonly issuerName: DistinguishedName;
  /** Seconds since the Unix epoch. */
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  /** The entries' DER, one after the other; all of them were checked. `revokedEntries` reads them. */
  readonly entries: Uint8Array;
  readonly summary: EntrySummary;
  readonly extensions: readonly Extension[];
}

export interface Crl extends TbsCrl {
  readonly der: Uint8Array;
  readonly signature: Uint8Array;
}

/** Version 2 is number 1 (RFC 5280 5.1.2.1). */
const VERSION_2 = integer(1);

/** crlEntryExtensions for each reason. RFC 5280 5.3.1: not critical; unspecified is said by leaving them out. */
const ENTRY_EXTENSIONS: ReadonlyMap<RevocationReason, readonly Uint8Array[]> = new Map((Object.keys(REVOCATION_REASONS) as RevocationReason[])
  .map((reason) => [reason, reason === 'unspecified' ? [] : [sequence(reasonCode(reason))]]));

/** An entry of revokedCertificates (RFC 5280 5.1.2.6), to be kept and put into every CRL. Throws an `X509Error`. */
export const encodeRevokedEntry = ({ serial, at, reason }: RevokedEntry): Uint8Array =>
  sequence(encodeSerial(serial), time(at), ...ENTRY_EXTENSIONS.get(reason)!);

/** The TBSCertList (RFC 5280 5.1.2), version 2. */
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

/** What is before and behind the entries of a TBSCertList, when these have so many octets. */
export function frameTbsCrl(fields: Omit<TbsCrlFields, 'entries'>, entryOctets: number): [before: Uint8Array, behind: Uint8Array] {
  // RFC 5280 5.1.2.6: without entries the list must be absent, not empty.
  const list = entryOctets === 0 ? new Uint8Array(0) : header(tags.SEQUENCE, entryOctets);
  const start = [VERSION_2, fields.algorithm, fields.issuer, time(fields.thisUpdate), time(fields.nextUpdate), list];
  const behind = contextExplicit(0, elementOf(tags.SEQUENCE, fields.extensions));
  const length = start.reduce((sum, part) => sum + part.length, entryOctets + behind.length);
  return [Buffer.concat([header(tags.SEQUENCE, length), ...start]), behind];
}

/** Identifier and length octets of an element. */
function header(tag: number, length: number): Uint8Array {
  const octets = length < 0x80
    ? []
    : Array.from({ length: length < 0x100 ? 1 : length < 0x10000 ? 2 : length < 0x1000000 ? 3 : 4 }, (_, i, all = length) => Math.floor(all / 256 ** i) & 0xff).reverse();
  return Uint8Array.of(tag, ...(octets.length === 0 ? [length] : [0x80 | octets.length, ...octets]));
}

/** Octets that a CertificateList needs before its TBSCertList: identifier, and a length of up to four octets. */
const ROOM_BEFORE = 6;

/** A TBSCertList being laid out where the CRL will be, so that its bytes are written once. */
export class CrlSheet {
  readonly #bytes: Buffer;
  readonly #tbsEnd: number;
  readonly #algorithm: Uint8Array;

  /** @param signatureOctets the most that the signature may have */
  constructor(tbsOctets: number, algorithm: Uint8Array, signatureOctets: number) {
    this.#tbsEnd = ROOM_BEFORE + tbsOctets;
    this.#algorithm = algorithm;
    this.#bytes = Buffer.allocUnsafeSlow(this.#tbsEnd + algorithm.length + ROOM_BEFORE + signatureOctets);
  }

  get tbs(): Uint8Array {
    return this.#bytes.subarray(ROOM_BEFORE, this.#tbsEnd);
  }

  /** The CertificateList (RFC 5280 5.1), once it is signed: the same as `assembleCrl` makes, without a copy. */
  seal(signature: Uint8Array): Uint8Array {
    const behind = Buffer.concat([this.#algorithm, bitString(signature)]);
    if (behind.length > this.#bytes.length - this.#tbsEnd) throw new RangeError('the signature has more octets than there is room for');
    this.#bytes.set(behind, this.#tbsEnd);
    const before = header(tags.SEQUENCE, this.#tbsEnd - ROOM_BEFORE + behind.length);
    this.#bytes.set(before, ROOM_BEFORE - before.length);
    return this.#bytes.subarray(ROOM_BEFORE - before.length, this.#tbsEnd + behind.length);
  }
}

/** The CertificateList (RFC 5280 5.1) from its signed part, the same AlgorithmIdentifier once more, and the signature's octets. */
export const assembleCrl = assembleSigned;

/**
 * From a CRL and nothing behind it. Throws an `X509Error` for anything that is not DER, not version 2, lacks nextUpdate
 * or the extensions, or has an entry or entry extension that is not understood.
 */
export function parseCrl(der: Uint8Array): Crl {
  const { tbs, body, algorithm, signature } = readSigned(der, 'CRL');
  const fields = readTbs(body, tbs);
  checkSameAlgorithm(fields.algorithm, algorithm);
  return { ...fields, der, signature };
}

/** From a TBSCertList and nothing behind it, by the same rules. Throws an `X509Error`. */
export function parseTbsCrl(tbs: Uint8Array): TbsCrl {
  const reader = new DerReader(tbs);
  const body = reader.sequence('tbsCertList');
  reader.finish('tbsCertList');
  return readTbs(body, tbs);
}

/** The entries of a CRL, in its order. */
export function* revokedEntries({ entries }: TbsCrl): Generator<RevokedEntry> {
  const reader = new DerReader(entries);
  while (!reader.atEnd) yield readRevokedEntry(reader);
}

function readTbs(body: DerReader, tbs: Uint8Array): TbsCrl {
  // RFC 5280 5.1.2.1: absent means version 1, which has no extensions, so no number.
  if (!body.is(tags.INTEGER) || body.smallInteger('version') !== 1) body.fail('unsupported-version', 'the CRL is not of version 2');
  const { algorithm, signatureAlgorithm } = readAnyAlgorithm(body);
  const issuer = readIssuerName(body);
  const thisUpdate = body.time('thisUpdate');
  // RFC 5280 5.1.2.5: it must be there, though the syntax says OPTIONAL.
  const nextUpdate = body.time('nextUpdate');
  const { entries, summary } = readEntries(body);
  const inside = body.enter(tags.contextConstructedTag(0), 'crlExtensions');
  const extensions = readExtensions(inside, 'crlExtensions');
  inside.finish('crlExtensions');
  body.finish('tbsCertList');
  return { tbs, algorithm, signatureAlgorithm, issuer: issuer.der, issuerName: issuer.name, thisUpdate, nextUpdate, entries, summary, extensions };
}

/** RFC 5280 5.1.2.6: without entries the list is absent. */
function readEntries(body: DerReader): { readonly entries: Uint8Array; readonly summary: EntrySummary } {
  if (!body.is(tags.SEQUENCE)) return { entries: new Uint8Array(0), summary: { count: 0, reasons: new Set() } };
  const list = body.sequence('revokedCertificates');
  if (list.atEnd) list.fail('empty-list', 'revokedCertificates is empty; without entries it must be absent');
  const entries = list.bytes.subarray(list.offset, list.end);
  return { entries, summary: checkRevokedEntries(list) };
}
