import type { RequestRecord } from '../issuance/request.ts';
import { lengthOf, readTails, writeTails } from './record-tails.ts';

/**
 * A record as one value, in the embedded store and in backups (Redis, where memory is the cost, has a shorter form of its own):
 *
 *     octet 0        version, 1
 *     octets 1..4    length of the header, big-endian
 *     octets 5..8    length of the CSR, 0 where there is none
 *     octets 9..12   length of the TBSCertificate, 0 where there is none
 *     then           header (JSON: all other members), CSR, TBSCertificate, and to the end the certificate
 */
const VERSION = 1;
const PREFIX = 13;

/** The value of a record, with `room` octets left free in front for the store's own use. */
export function encodeRecord(record: RequestRecord, room = 0): Buffer {
  const { csr, tbs, certificate } = record;
  // JSON leaves out what is undefined.
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
 * The record of a value that `encodeRecord` made with the same `room`. The DER members are views of `bytes`.
 * @throws Error for a value of another version, or cut short
 */
export function decodeRecord(bytes: Buffer, room = 0): RequestRecord {
  if (bytes.length < room + PREFIX || bytes[room] !== VERSION) throw new Error('not a record, or one of a newer version');
  const headerEnd = room + PREFIX + bytes.readUInt32BE(room + 1);
  const tails = readTails(bytes, headerEnd, bytes.readUInt32BE(room + 5), bytes.readUInt32BE(room + 9));
  return { ...JSON.parse(bytes.toString('utf8', room + PREFIX, headerEnd)) as RequestRecord, ...tails };
}
