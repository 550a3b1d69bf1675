import type { TokenRecord } from '../store.ts';
import type { Transaction } from './batch-transaction.ts';
import type { Batches } from './batch.ts';
import { decodeEntry, entryState } from './catalogue.ts';
import { decodeCredential } from './credentials.ts';
import type { Environment, Reads } from './environment.ts';
import { placesOf } from './ends.ts';
import { isInFeed } from './feed.ts';
import { ENDS, STATES, credentialPlaceKey, endKey, endedKey, idKey, ordinal, stateKey } from './keys.ts';
import type { TableName } from './keys.ts';
import { removeEndedObject } from './objects.ts';
import { readStored } from './requests.ts';

/** Removals per step, which takes a few milliseconds. */
const SLICE = 500;
/** Milliseconds after which requests that had to be kept are examined again. */
const LOOK_AGAIN = 3_600_000;

interface SweepTime {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Milliseconds for which a request or token is kept after its end. */
  readonly retainEnded: number;
}

/** A table whose key order is the order of expiry. */
interface Phase {
  readonly table: TableName;
  /** The range of keys that have expired. */
  readonly range: (time: SweepTime) => { readonly start: Buffer; readonly end: Buffer };
  /** Removes what an entry stands for, and returns how many things that were. */
  readonly remove: (transaction: Transaction, key: Buffer, value: Buffer, time: SweepTime) => number;
}

const NO_KEY = Buffer.alloc(0);
const endsBefore = (kind: number, time: number): ReturnType<Phase['range']> =>
  ({ start: endKey(kind, 0, NO_KEY), end: endKey(kind, Math.max(0, time), NO_KEY) });

const PHASES: readonly Phase[] = [
  { table: 'ends', range: ({ now, retainEnded }) => endsBefore(ENDS.request, now - retainEnded), remove: removeRequests },
  { table: 'ends', range: ({ now, retainEnded }) => endsBefore(ENDS.token, now - retainEnded), remove: removeToken },
  { table: 'ends', range: ({ now }) => endsBefore(ENDS.claim, now + 1), remove: removeClaim },
  { table: 'ends', range: ({ now }) => endsBefore(ENDS.object, now + 1), remove: removeEndedObject },
  { table: 'quotas', range: ({ now }) => ({ start: ordinal(0), end: ordinal(now + 1) }), remove: removeQuota },
];

/** A sweep removes about `most` expired things, and resolves with true if there may be more. */
export function sweeper(environment: Environment, batches: Batches): (time: SweepTime, most: number) => Promise<boolean> {
  return async (time, most) => {
    let left = most;
    for (const phase of PHASES) {
      const { start, end } = phase.range(time);
      while (left > 0) {
        const limit = Math.min(left, SLICE);
        const keys = await environment.read((tables) => Array.from(tables[phase.table].getKeys({ start, end, limit })));
        if (keys.length === 0) break;
        left -= await batches.submit((transaction) => removeSome(transaction, phase, keys, limit, time));
      }
    }
    return left <= 0;
  };
}

/** Returns the number of things removed. */
function removeSome(transaction: Transaction, { table, remove }: Phase, keys: readonly Buffer[], most: number, time: SweepTime): number {
  let removed = 0;
  for (const key of keys) {
    if (removed >= most) break;
    const value = transaction.tables[table].getBinary(key);
    // Another process may have swept it.
    removed += value === undefined ? 1 : remove(transaction, key, value, time);
  }
  return removed;
}

function removeRequests(transaction: Transaction, key: Buffer, value: Buffer, { now, retainEnded }: SweepTime): number {
  const places = placesOf(key, value);
  transaction.remove('ends', key);
  for (const place of places) if (!removeRequest(transaction, place)) transaction.ends(now - retainEnded + LOOK_AGAIN, place);
  return places.length;
}

/** Returns false if the request must be kept: a revoked certificate's record stays as long as its CRL entry. */
function removeRequest(transaction: Transaction, place: number): boolean {
  const { tables } = transaction;
  const entry = tables.catalogue.getBinary(ordinal(place));
  if (entry === undefined) return true;
  const { id } = decodeEntry(entry);
  const state = entryState(entry);
  if (state === STATES.revoked && hasEntry(tables, id)) return false;
  const key = idKey(id);
  if (key !== undefined) transaction.remove('requests', key);
  if (state !== STATES.issued) transaction.remove('states', stateKey(state, place));
  transaction.remove('catalogue', ordinal(place));
  return true;
}

function hasEntry(tables: Reads, id: string): boolean {
  const key = idKey(id);
  const authority = readStored(tables, id)?.record.authority;
  return key !== undefined && authority !== undefined && isInFeed(tables, authority, key);
}

function removeToken(transaction: Transaction, end: Buffer): number {
  const key = endedKey(end);
  const value = transaction.tables.tokens.getBinary(key);
  if (value !== undefined) transaction.remove('tokens', credentialPlaceKey(decodeCredential<TokenRecord>(value).place));
  transaction.remove('tokens', key);
  transaction.remove('ends', end);
  return 1;
}

function removeClaim(transaction: Transaction, end: Buffer): number {
  transaction.remove('claims', endedKey(end));
  transaction.remove('ends', end);
  return 1;
}

function removeQuota(transaction: Transaction, key: Buffer): number {
  transaction.remove('quotas', key);
  return 1;
}
