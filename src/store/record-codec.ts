import type { RequestRecord } from '../issuance/request.ts';
import { lengthOf, readTails, writeTails } from './record-tails.ts';

/**
 * A record as one value, in the embedded store and in backups (Redis uses a more compact form of its own, to save memory):
 *
 *     octet 0        version, 1
 *     octets 1..4    length of the header, big-endian
 *     octets 5..8    length of the CSR, 0 if absent
 *     octets 9..12   length of the TBSCertificate, 0 if absent
 *     then           header (JSON: all other members), CSR, TBSCertificate, and the certificate up to the end
 */
const VERSION = 1;
const PREFIX = 13;

/** Encodes a record, leaving `room` octets free in front for the store's own use. */
export function encodeRecord(record: RequestRecord, room = 0): Buffer {
  const { csr, tbs, certificate } = record;
  // JSON.stringify omits undefined members.
  const json = JSON.stringify({ ...record, csr: undefined, tbs: undefined, certificate: undefined });
  const headerLength = Buffer.byteLength(json);
  const bytes = Buffer.allocUnsafe(room + PREFIX + headerLength + lengthOf(csr) + lengthOf(tbs) + lengthOf(certificate));
  let at = bytes.writeUInt8(VERSION, room);
  at = bytes.writeUInt32BE(headerLength, at);
  at = bytes.writeUInt32BE(lengthOf(csr), at);
  at = bytes.writeUInt32BE(lengthOf(tbs), at);
  at += bytes.write(json, at);
  writeTails(bytes, at, record);
  return bytes;
}

/**
 * Decodes a value that `encodeRecord` made with the same `room`. The DER members are views of `bytes`.
 * @throws Error if the value has another version or is truncated
 */
export function decodeRecord(bytes: Buffer, room = 0): RequestRecord {
  if (bytes.length < room + PREFIX || bytes[room] !== VERSION) throw new Error('not a record, or one of a newer version');
  const headerEnd = room + PREFIX + bytes.readUInt32BE(room + 1);
  const tails = readTails(bytes, headerEnd, bytes.readUInt32BE(room + 5), bytes.readUInt32BE(room + 9));
  return { ...JSON.parse(bytes.toString('utf8', room + PREFIX, headerEnd)) as RequestRecord, ...tails };
}
