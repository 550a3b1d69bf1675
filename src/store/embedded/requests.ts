import type { RequestRecord } from '../../issuance/request.ts';
import { decodeRecord, encodeRecord } from '../record-codec.ts';
import type { Page, PageQuery } from '../store.ts';
import type { Transaction } from './batch-transaction.ts';
import { decodeEntry, encodeEntry, endOf, entryMarks, stateOf } from './catalogue.ts';
import type { Environment, Reads } from './environment.ts';
import type { Test } from './filters.ts';
import { NOTHING, ORDINAL_BYTES, STATES, digestKey, idKey, ordinal, placeOfStateKey, readOrdinal, stateKey } from './keys.ts';
import { listPage } from './listing.ts';
import type { Step } from './listing.ts';

/** A record with its place in order of arrival. */
export interface Stored {
  readonly place: number;
  readonly record: RequestRecord;
}

export function readStored(tables: Reads, id: string): Stored | undefined {
  const key = idKey(id);
  const bytes = key === undefined ? undefined : tables.requests.getBinary(key);
  return bytes === undefined ? undefined : { place: readOrdinal(bytes), record: decodeRecord(bytes, ORDINAL_BYTES) };
}

/** The record that a catalogue entry belongs to. */
export const readAt = (tables: Reads, entry: Buffer): RequestRecord | undefined => readStored(tables, decodeEntry(entry).id)?.record;

/** A record's key and value, encoded outside the transaction; only the place within the value is still missing. */
export interface Encoded {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly state: number;
  readonly end: number;
}

/** @throws TypeError if the id is not a serial */
export function encode(record: RequestRecord): Encoded {
  const key = idKey(record.id);
  if (key === undefined) throw new TypeError('a request\'s id is its serial: lower-case hex of at most 20 octets');
  return { key, value: encodeRecord(record, ORDINAL_BYTES), state: stateOf(record), end: endOf(record) };
}

type Before = Pick<Encoded, 'state' | 'end'>;

const NEW: Before = { state: STATES.issued, end: 0 };

/** Writes a record at its place, with its catalogue entry and indexes. `before`: its previous state and end, if it existed. */
export function writeRecord(transaction: Transaction, { key, value, state, end }: Encoded, entry: Buffer, place: number, before = NEW): void {
  value.writeUIntBE(place, 0, ORDINAL_BYTES);
  transaction.put('requests', key, value);
  transaction.put('catalogue', ordinal(place), entry);
  // A request that has ended never becomes live again (TRANSITIONS), so ends are only ever added.
  if (before.end === 0 && end !== 0) transaction.ends(end, place);
  if (state === before.state) return;
  if (before.state !== STATES.issued) transaction.remove('states', stateKey(before.state, place));
  if (state !== STATES.issued) transaction.put('states', stateKey(state, place), NOTHING);
}

/** Replaces an existing record. Its marks are kept. */
export function rewriteRecord(transaction: Transaction, record: RequestRecord, encoded: Encoded, { place, record: before }: Stored): void {
  const entry = transaction.tables.catalogue.getBinary(ordinal(place));
  const marks = entry === undefined ? Buffer.alloc(0) : entryMarks(entry);
  writeRecord(transaction, encoded, encodeEntry(record, marks), place, { state: stateOf(before), end: endOf(before) });
}

/** Whether a record is stored in exactly this form, regardless of its place. */
export function isStored(tables: Reads, { key, value }: Encoded): boolean {
  const bytes = tables.requests.getBinary(key);
  return bytes !== undefined && value.subarray(ORDINAL_BYTES).equals(bytes.subarray(ORDINAL_BYTES));
}

export const isBlocked = (tables: Reads, keyHash: string): boolean => tables.blocked.doesExist(digestKey(keyHash));

/** Milliseconds by which the clock may have been set back without `since` missing a record. */
const CLOCK_SLACK = 86_400_000;

/** A page of the records that match, newest first. */
export function listRecords(environment: Environment, listing: string, test: Test, page: PageQuery): Promise<Page<RequestRecord>> {
  return listPage(environment, listing, page, (tables, below, limit) =>
    test.state === undefined ? walkCatalogue(tables, test, below, limit) : walkState(tables, test, test.state, below, limit));
}

function* walkCatalogue(tables: Reads, test: Test, below: number, limit: number): Iterable<Step<RequestRecord>> {
  for (const { key, value } of tables.catalogue.getRange({ start: ordinal(below - 1), end: ordinal(0), reverse: true, limit })) {
    yield stepOf(tables, test, readOrdinal(key), value);
  }
}

function* walkState(tables: Reads, test: Test, state: number, below: number, limit: number): Iterable<Step<RequestRecord>> {
  for (const { key } of tables.states.getRange({ start: stateKey(state, below - 1), end: stateKey(state, 0), reverse: true, limit })) {
    const place = placeOfStateKey(key);
    const value = tables.catalogue.getBinary(ordinal(place));
    yield value === undefined ? { place, item: undefined } : stepOf(tables, test, place, value);
  }
}

function stepOf(tables: Reads, test: Test, place: number, value: Buffer): Step<RequestRecord> {
  if (test.since === undefined && !test.may(value)) return { place, item: undefined };
  const entry = decodeEntry(value);
  const last = test.since !== undefined && entry.createdAt < test.since - CLOCK_SLACK;
  const stored = test.is(entry) ? readStored(tables, entry.id) : undefined;
  return { place, item: stored?.record, last };
}
