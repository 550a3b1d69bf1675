import type { TokenRecord } from '../store.ts';
import type { Batches, Transaction } from './batch.ts';
import { decodeEntry } from './catalogue.ts';
import { claimEnded, decodeClaim } from './claims.ts';
import { decodeCredential } from './credentials.ts';
import { onNextCrl } from './crls.ts';
import type { Environment, Reads } from './environment.ts';
import { STATES, credentialPlaceKey, idKey, readOrdinal, stateKey } from './keys.ts';
import type { TableName } from './keys.ts';
import { quotaEnd } from './quotas.ts';
import { readStored } from './requests.ts';

/** Entries looked at, and removed, in one go: a few milliseconds. */
const SLICE = 500;
/** Entries on one page of the files, about. */
const ENTRIES_A_PAGE = 20;

export interface SweepTime {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Milliseconds that a request or token stays after it has ended. */
  readonly retainEnded: number;
}

/** What ends in one table. Both functions are asked about the entry as it stands. */
interface Phase {
  readonly table: TableName;
  /** Where the entries in question begin. */
  readonly from?: Buffer;
  readonly ended: (tables: Reads, value: Buffer, time: SweepTime) => boolean;
  readonly remove: (transaction: Transaction, key: Buffer, value: Buffer) => void;
}

const removeKey = (table: TableName): Phase['remove'] => (transaction, key) => transaction.remove(table, key);

const PHASES: readonly Phase[] = [
  { table: 'catalogue', ended: requestEnded, remove: removeRequest },
  { table: 'claims', ended: (_, value, { now }) => claimEnded(decodeClaim(value), now), remove: removeKey('claims') },
  { table: 'quotas', ended: (_, value, { now }) => quotaEnd(value) <= now, remove: removeKey('quotas') },
  { table: 'tokens', from: Buffer.of(1), ended: (_, value, time) => tokenEnded(decodeCredential<TokenRecord>(value).record, time), remove: removeToken },
];

/**
 * A sweep that walks round the tables, some entries at each call: what has ended costs nothing while it lives, in no index.
 * Resolves with true until a round is done.
 */
export function sweeper(environment: Environment, batches: Batches): (time: SweepTime, most: number) => Promise<boolean> {
  let phase = 0;
  let after: Buffer | undefined;

  return async (time, most) => {
    let left = most;
    for (let current = PHASES[phase]; current !== undefined && left > 0; current = PHASES[phase]) {
      const table = current;
      const limit = Math.min(left, SLICE);
      const { keys, last, size } = await environment.read((tables) => endedKeys(tables, table, after, limit, time), limit / ENTRIES_A_PAGE);
      if (keys.length > 0) await batches.submit((transaction) => removeEnded(transaction, table, keys, time));
      left -= size;
      if (size === limit) after = last;
      else [phase, after] = [phase + 1, undefined];
    }
    if (phase < PHASES.length) return true;
    phase = 0;
    return false;
  };
}

/** The keys of what has ended among the next entries, the last entry looked at, and how many there were. */
function endedKeys(tables: Reads, { table, from, ended }: Phase, after: Buffer | undefined, limit: number, time: SweepTime): { keys: Buffer[]; last: Buffer | undefined; size: number } {
  const keys: Buffer[] = [];
  let last = after;
  let size = 0;
  const start = after === undefined ? from ?? Buffer.of(0) : Buffer.concat([after, Buffer.of(0)]);
  for (const { key, value } of tables[table].getRange({ start, limit })) {
    size += 1;
    last = key;
    if (ended(tables, value, time)) keys.push(key);
  }
  return { keys, last, size };
}

function removeEnded(transaction: Transaction, { table, ended, remove }: Phase, keys: readonly Buffer[], time: SweepTime): void {
  for (const key of keys) {
    // Asked again: it may have been prolonged since.
    const value = transaction.tables[table].getBinary(key);
    if (value !== undefined && ended(transaction.tables, value, time)) remove(transaction, key, value);
  }
}

/** Waiting requests never end by themselves; a revoked certificate's record stays as long as its CRL entry. */
function requestEnded(tables: Reads, value: Buffer, { now, retainEnded }: SweepTime): boolean {
  const { state, ended, id } = decodeEntry(value);
  if (ended === 0 || ended + retainEnded >= now) return false;
  if (state !== STATES.revoked) return true;
  const key = idKey(id);
  const record = readStored(tables, id)?.record;
  return key === undefined || record === undefined || !onNextCrl(tables, record.authority, key);
}

function removeRequest(transaction: Transaction, place: Buffer, value: Buffer): void {
  const { state, id } = decodeEntry(value);
  const key = idKey(id);
  if (key !== undefined) transaction.remove('requests', key);
  if (state !== STATES.issued) transaction.remove('states', stateKey(state, readOrdinal(place)));
  transaction.remove('catalogue', place);
}

function tokenEnded({ expiresAt, revokedAt = expiresAt }: TokenRecord, { now, retainEnded }: SweepTime): boolean {
  return Math.min(expiresAt, revokedAt) + retainEnded < now;
}

function removeToken(transaction: Transaction, key: Buffer, value: Buffer): void {
  const { place } = decodeCredential<TokenRecord>(value);
  transaction.remove('tokens', credentialPlaceKey(place));
  transaction.remove('tokens', key);
}
