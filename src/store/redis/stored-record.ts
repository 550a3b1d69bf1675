import type { RequestRecord } from '../../issuance/request.ts';
import { decodeRecord, encodeRecord } from '../record-codec.ts';
import { STATES } from './keys.ts';
import { decodeMarks } from './marks.ts';
import type { Mark } from './marks.ts';

/**
 * The value of a request: what the scripts ask about, in fixed places, its marks, and the record.
 *
 *     octet 0        state (STATES)
 *     octets 1..6    milliseconds since the epoch when the record's life was or will be over, 0 while the request is open
 *     octets 7..12   milliseconds since the epoch when it was made
 *     octets 13..18  place in the order of arrival
 *     octets 19..20  length of the marks
 *     then           marks (`marks.ts`), record (`record-codec.ts`)
 *
 * The scripts put the place and the marks in; the client sends head and body.
 */
export const HEAD_BYTES = 13;
const PLACE_AT = HEAD_BYTES;
const MARKS_LENGTH_AT = 19;
const MARKS_AT = 21;

export interface StoredRecord {
  readonly place: number;
  readonly marks: readonly Mark[];
  readonly record: RequestRecord;
}

export interface EncodedRecord {
  readonly state: number;
  readonly end: number;
  readonly head: Buffer;
  readonly body: Buffer;
}

export const stateOf = (record: RequestRecord): number => (record.revocation === undefined ? STATES[record.state] : STATES.revoked);

/** When the record's life was or will be over: milliseconds since the epoch, 0 while the request is open. */
function endOf(record: RequestRecord): number {
  switch (record.state) {
    // The last second of notAfter still counts (RFC 5280 4.1.2.5).
    case 'issued': return (record.notAfter ?? 0) * 1000 + 999;
    case 'denied':
    case 'failed': return record.updatedAt;
    default: return 0;
  }
}

export function encodeStored(record: RequestRecord): EncodedRecord {
  const state = stateOf(record);
  const end = endOf(record);
  const head = Buffer.allocUnsafe(HEAD_BYTES);
  head[0] = state;
  head.writeUIntBE(end, 1, 6);
  head.writeUIntBE(record.createdAt, 7, 6);
  return { state, end, head, body: encodeRecord(record) };
}

export function decodeStored(value: Buffer): StoredRecord {
  const bodyAt = MARKS_AT + value.readUInt16BE(MARKS_LENGTH_AT);
  return { place: value.readUIntBE(PLACE_AT, 6), marks: decodeMarks(value.subarray(MARKS_AT, bodyAt)), record: decodeRecord(value.subarray(bodyAt)) };
}

/** The record alone. */
export const recordOf = (value: Buffer): RequestRecord => decodeRecord(value.subarray(MARKS_AT + value.readUInt16BE(MARKS_LENGTH_AT)));
