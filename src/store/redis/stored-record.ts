import { createHash } from 'node:crypto';
import type { RequestRecord, RequestState } from '../../issuance/request.ts';
import { STATES } from './keys.ts';
import { decodeMarks, encodeMarks } from './marks.ts';
import type { Mark } from './marks.ts';
import { decodeBody, encodeBody } from './record-body.ts';

/**
 * The value of a request: what the scripts look at, at fixed positions, followed by its marks and the record.
 *
 *     octet 0        state (STATES)
 *     octets 1..6    end of the record's life, past or future, in milliseconds since the epoch; 0 while the request is open
 *     octets 7..12   creation, milliseconds since the epoch
 *     octets 13..18  place in order of arrival, assigned by the script
 *     octets 19..20  length of the marks
 *     then           marks (`marks.ts`), body (`record-body.ts`)
 */
const END_AT = 1;
const CREATED_AT = 7;
export const PLACE_AT = 13;
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
  readonly value: Buffer;
}

const stateOf = (record: RequestRecord): number => (record.revocation === undefined ? STATES[record.state] : STATES.revoked);

const STATE_NAMES = new Map<number, RequestState>(Object.entries(STATES).map(([state, number]) => [number, state === 'revoked' ? 'issued' : state as RequestState]));

/** End of the record's life, past or future: milliseconds since the epoch, 0 while the request is open. */
function endOf(record: RequestRecord): number {
  switch (record.state) {
    // notAfter is inclusive, to the end of its second (RFC 5280 4.1.2.5).
    case 'issued': return (record.notAfter ?? 0) * 1000 + 999;
    case 'denied':
    case 'failed': return record.updatedAt;
    default: return 0;
  }
}

/** The value of a record, without its place. */
export function encodeStored(record: RequestRecord, marks: readonly Mark[]): EncodedRecord {
  const [state, end, encodedMarks] = [stateOf(record), endOf(record), encodeMarks(marks)];
  const value = encodeBody(record, MARKS_AT + encodedMarks.length);
  value[0] = state;
  value.writeUIntBE(end, END_AT, 6);
  value.writeUIntBE(record.createdAt, CREATED_AT, 6);
  value.writeUIntBE(0, PLACE_AT, 6);
  value.writeUInt16BE(encodedMarks.length, MARKS_LENGTH_AT);
  encodedMarks.copy(value, MARKS_AT);
  return { state, end, value };
}

export function decodeStored(value: Buffer): StoredRecord {
  return { place: value.readUIntBE(PLACE_AT, 6), marks: decodeMarks(value.subarray(MARKS_AT, bodyAt(value))), record: recordOf(value) };
}

/**
 * SHA-1 over the record alone, hex: whether it is still the one that was seen. Of two forms of one waiting request, each by those who may decide
 * about it.
 */
export const bodyDigest = (record: RequestRecord): string => createHash('sha1').update(encodeBody(record, 0)).digest('hex');

/** The record within a value. */
export function recordOf(value: Buffer): RequestRecord {
  const state = STATE_NAMES.get(value[0] ?? -1);
  if (state === undefined) throw new Error('not a record, or one of a newer version');
  return decodeBody(value.subarray(bodyAt(value)), { state, createdAt: value.readUIntBE(CREATED_AT, 6) });
}

const bodyAt = (value: Buffer): number => MARKS_AT + value.readUInt16BE(MARKS_LENGTH_AT);
