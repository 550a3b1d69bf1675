import type { RequestRecord } from '../../issuance/request.ts';
import { ORDINAL_BYTES, STATES, readOrdinal } from './keys.ts';

/**
 * The catalogue: one small entry per request, in order of arrival. It contains everything that listings and sweeps look at, so that records
 * are read only when wanted, and the marks by which a request is found again (`marks.ts`).
 *
 *     octet 0        state
 *     octets 1..6    end of the record's life, past or future, in milliseconds since the epoch; 0 while the request is open
 *     octets 7..8    length of the marks
 *     then           marks, and up to the end a JSON array: id, profile, requester, creation, names
 */
const MARKS_AT = 1 + ORDINAL_BYTES + 2;

export interface Entry {
  readonly state: number;
  readonly ended: number;
  readonly id: string;
  readonly profile: string;
  readonly requester: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly names: readonly string[];
}

export const stateOf = (record: RequestRecord): number => (record.revocation === undefined ? STATES[record.state] : STATES.revoked);

export function encodeEntry(record: RequestRecord, marks: Buffer): Buffer {
  const { id, profile, requester: { kind, name }, createdAt, names } = record;
  const json = JSON.stringify([id, profile, `${kind}:${name}`, createdAt, ...names]);
  const bytes = Buffer.allocUnsafe(MARKS_AT + marks.length + Buffer.byteLength(json));
  bytes.writeUInt8(stateOf(record), 0);
  bytes.writeUIntBE(endOf(record), 1, ORDINAL_BYTES);
  bytes.writeUInt16BE(marks.length, 1 + ORDINAL_BYTES);
  marks.copy(bytes, MARKS_AT);
  bytes.write(json, MARKS_AT + marks.length);
  return bytes;
}

export const entryState = (bytes: Buffer): number => bytes[0] ?? 0;

export const entryMarks = (bytes: Buffer): Buffer => bytes.subarray(MARKS_AT, jsonAt(bytes));

const jsonAt = (bytes: Buffer): number => MARKS_AT + bytes.readUInt16BE(1 + ORDINAL_BYTES);

type Told = [id: string, profile: string, requester: string, createdAt: number, ...names: string[]];

export function decodeEntry(bytes: Buffer): Entry {
  const [id, profile, requester, createdAt, ...names] = JSON.parse(bytes.toString('utf8', jsonAt(bytes))) as Told;
  return { state: entryState(bytes), ended: readOrdinal(bytes, 1), id, profile, requester, createdAt, names };
}

/** End of the record's life, past or future, as in its catalogue entry. */
export function endOf(record: RequestRecord): number {
  switch (record.state) {
    // notAfter is inclusive, to the end of its second (RFC 5280 4.1.2.5).
    case 'issued': return (record.notAfter ?? 0) * 1000 + 999;
    case 'denied':
    case 'failed': return record.updatedAt;
    default: return 0;
  }
}
