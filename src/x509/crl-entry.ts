import { decodeReasonCode, reasonCode } from './crl-extensions.ts';
import { DerReader } from './der/reader.ts';
import * as tags from './der/tags.ts';
import { sequence } from './der/writer.ts';
import { X509Error } from './errors.ts';
import { type Extension, readExtensions } from './extension.ts';
import { OID, oidName } from './oids.ts';
import { ALL_REASONS, REVOCATION_REASONS, type RevocationReason } from './revocation-reason.ts';
import { MAX_SERIAL_OCTETS, readSerial } from './serial.ts';

/** One revoked certificate. */
export interface RevokedEntry {
  /** Lower-case hex. */
  readonly serial: string;
  /** Seconds since the Unix epoch. */
  readonly at: number;
  /** `unspecified` if the entry states none (RFC 5280 5.3.1). */
  readonly reason: RevocationReason;
}

/** Reads one entry. Throws an `X509Error`, including for entry extensions that violate RFC 5280 5.3. */
export function readRevokedEntry(list: DerReader): RevokedEntry {
  const entry = list.sequence('revoked certificate');
  const serial = readSerial(entry, 'userCertificate');
  const at = entry.time('revocationDate');
  const reason = entry.atEnd ? 'unspecified' : readReason(readExtensions(entry, 'crlEntryExtensions'));
  entry.finish('revoked certificate');
  return { serial, at, reason };
}

function readReason(extensions: readonly Extension[]): RevocationReason {
  let reason: RevocationReason = 'unspecified';
  for (const { oid, critical, value } of extensions) {
    // RFC 5280 5.3: a CRL with an unrecognised critical entry extension must not be used. 5.3.1: the reason is non-critical.
    if (critical) throw new X509Error('bad-extension', `a CRL entry has the critical extension ${oidName(oid)}`);
    if (oid !== OID.reasonCode) continue;
    reason = decodeReasonCode(value);
    if (reason === 'unspecified') throw new X509Error('bad-extension', 'a CRL entry has the reason unspecified written out (RFC 5280 5.3.1)');
  }
  return reason;
}

/** Summary of the entries of a list. */
export interface EntrySummary {
  readonly count: number;
  /** All reasons that occur. */
  readonly reasons: ReadonlySet<RevocationReason>;
}

/** Skips all entries of a list, checking each. Throws an `X509Error`. */
export function checkRevokedEntries(list: DerReader): EntrySummary {
  const seen = new Uint8Array(256);
  let count = 0;
  for (; !list.atEnd; count++) {
    const code = plainEntryReason(list.bytes, list.offset, list.end);
    if (code === NOT_PLAIN) {
      seen[REVOCATION_REASONS[readRevokedEntry(list).reason]] = 1;
    } else {
      seen[code] = 1;
      list.offset += 2 + list.bytes[list.offset + 1]!;
    }
  }
  return { count, reasons: new Set(ALL_REASONS.filter((reason) => seen[REVOCATION_REASONS[reason]] === 1)) };
}

/**
 * Checks that a single entry has this serial and reason, and no trailing bytes. Throws an `X509Error`.
 * Entries are later copied into CRLs by the million, so each is checked once, when it is added.
 */
export function checkRevokedEntry(der: Uint8Array, serial: string, reason: RevocationReason): void {
  const code = plainEntryReason(der, 0, der.length);
  const reader = new DerReader(der);
  if (code === NOT_PLAIN || 2 + der[1]! !== der.length) {
    const entry = readRevokedEntry(reader);
    reader.finish('revoked certificate');
    if (entry.serial !== serial || entry.reason !== reason) reader.fail('bad-extension', `the CRL entry of ${entry.serial} is not the one wanted of ${serial}`);
  } else if (code !== REVOCATION_REASONS[reason] || !hasSerial(der, serial)) {
    reader.fail('bad-extension', `the CRL entry wanted of ${serial} is another's, or has another reason`);
  }
}

/** Whether an entry in plain form has this serial. */
function hasSerial(der: Uint8Array, serial: string): boolean {
  const sign = der[4] === 0 ? 1 : 0;
  const octets = der[3]! - sign;
  if (serial.length !== 2 * octets) return false;
  for (let i = 0; i < octets; i++) {
    if (digit(serial, 2 * i) * 16 + digit(serial, 2 * i + 1) !== der[4 + sign + i]) return false;
  }
  return true;
}

/** The value of a lower-case hex digit; far out of range for any other character. */
function digit(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code <= 0x39 ? (code >= 0x30 ? code - 0x30 : 1000) : code >= 0x61 && code <= 0x66 ? code - 0x57 : 1000;
}

const REASON_CODES: ReadonlySet<number> = new Set(Object.values(REVOCATION_REASONS));

/** `30 0c 30 0a 06 03 55 1d 15 04 03 0a 01`: the reason extension up to its last octet, the code. */
const REASON_PREFIX = sequence(reasonCode('keyCompromise')).subarray(0, -1);
const NOT_PLAIN = -1;

/**
 * The reason code (0 for none) of an entry in the form that `encodeRevokedEntry` nearly always writes: UTCTime, not on the 29th to 31st of
 * a month that may lack that day, no extension other than the reason. `NOT_PLAIN` for anything else, which may still be valid. A CRL may
 * have a million entries, and this takes a tenth of the time of `readRevokedEntry`, which would block the event loop for too long.
 */
function plainEntryReason(bytes: Uint8Array, start: number, limit: number): number {
  const length = bytes[start + 1]!;
  const end = start + 2 + length;
  if (bytes[start] !== tags.SEQUENCE || length >= 0x80 || end > limit) return NOT_PLAIN;
  const octets = bytes[start + 3]!;
  const first = bytes[start + 4]!;
  if (bytes[start + 2] !== tags.INTEGER || octets === 0 || octets > MAX_SERIAL_OCTETS || first === 0 || first >= 0x80) return NOT_PLAIN;
  const date = start + 4 + octets;
  if (bytes[date] !== tags.UTC_TIME || bytes[date + 1] !== 13 || bytes[date + 14] !== 0x5a || !isPlainTime(bytes, date + 2)) return NOT_PLAIN;
  const extensions = date + 15;
  if (extensions === end) return 0;
  if (extensions + REASON_PREFIX.length + 1 !== end) return NOT_PLAIN;
  for (let i = 0; i < REASON_PREFIX.length; i++) if (bytes[extensions + i] !== REASON_PREFIX[i]) return NOT_PLAIN;
  const code = bytes[end - 1]!;
  return code !== 0 && REASON_CODES.has(code) ? code : NOT_PLAIN;
}

/** Whether `YYMMDDHHMMSS` is a valid time in every year; days that exist only in some months or years are left to `decodeTime`. */
function isPlainTime(bytes: Uint8Array, start: number): boolean {
  for (let i = start; i < start + 12; i++) if (bytes[i]! < 0x30 || bytes[i]! > 0x39) return false;
  const two = (at: number): number => bytes[start + at]! * 10 + bytes[start + at + 1]! - 0x30 * 11;
  const [month, day] = [two(2), two(4)];
  return month >= 1 && month <= 12 && day >= 1 && day <= (month === 2 ? 28 : 30) && two(6) <= 23 && two(8) <= 59 && two(10) <= 59;
}
