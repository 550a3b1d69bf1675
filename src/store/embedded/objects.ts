import { openCursor, sealCursor } from '../cursor.ts';
import { name } from '../name.ts';
import { objectKey } from '../object-key.ts';
import { NEVER } from '../objects.ts';
import type { IndexEntry, Json, ObjectChange, ObjectStore, StoredObject } from '../objects.ts';
import { BadCursor } from '../store.ts';
import type { Transaction } from './batch-transaction.ts';
import type { Batches } from './batch.ts';
import type { Environment, Reads } from './environment.ts';
import { ENDS, META, NAME_BYTES, NOTHING, ORDINAL_BYTES, behind, endKey, endedKey, ordinal, readOrdinal } from './keys.ts';

/** Items on a page, whatever was asked for. */
const MOST_ITEMS = 1000;
const PREFIX = 2 * ORDINAL_BYTES;

/** An object as it is stored: version, end, and the rest as JSON. */
interface Stored extends StoredObject {
  readonly indexes: readonly IndexEntry[];
}

type Told = [kind: string, id: string, indexes: readonly IndexEntry[], value: Json];

const encode = ({ version, expires, kind, id, indexes, value }: Stored): Buffer =>
  Buffer.concat([ordinal(version), ordinal(expires), Buffer.from(JSON.stringify([kind, id, indexes, value] satisfies Told))]);

function decode(bytes: Buffer): Stored {
  const [kind, id, indexes, value] = JSON.parse(bytes.toString('utf8', PREFIX)) as Told;
  return { version: readOrdinal(bytes), expires: readOrdinal(bytes, ORDINAL_BYTES), kind, id, indexes, value };
}

const shown = ({ indexes: _indexes, ...object }: Stored): StoredObject => object;

function read(tables: Reads, key: Buffer): Stored | undefined {
  const bytes = tables.objects.getBinary(key);
  return bytes === undefined ? undefined : decode(bytes);
}

const indexKey = ({ index, order }: IndexEntry, key: Buffer): Buffer => Buffer.concat([name(index), ordinal(order), key]);

/** Small versioned objects, each in `objects`, with an entry in `objectIndex` for each index that it is in, and one in `ends`. */
export function objectStore(environment: Environment, batches: Batches): ObjectStore {
  return {
    get: (kind, id) => environment.read((tables) => {
      const found = read(tables, objectKey(kind, id));
      return found && shown(found);
    }),

    getAll: (keys) => environment.read((tables) => keys.map(({ kind, id }) => {
      const found = read(tables, objectKey(kind, id));
      return found && shown(found);
    }), keys.length),

    write: (changes, audit) => batches.submit((transaction) => {
      const before = changes.map(({ kind, id }) => read(transaction.tables, objectKey(kind, id)));
      const lost = changes.find(({ expected }, at) => (before[at]?.version ?? 0) !== expected);
      if (lost !== undefined) return { outcome: 'conflict', of: { kind: lost.kind, id: lost.id } } as const;
      for (const [at, change] of changes.entries()) apply(transaction, change, before[at]);
      transaction.audit(audit);
      return { outcome: 'stored' } as const;
    }),

    list: (index, { limit, cursor }, { upTo, newestFirst = false } = {}) => environment.read((tables) => {
      const most = Math.max(1, Math.min(Math.trunc(limit) || 1, MOST_ITEMS));
      const key = tables.meta.getBinary(META.cursorKey);
      if (key === undefined) throw new Error('the store has no key for its cursors');
      const listing = `objects/${index}/${newestFirst ? 'down' : 'up'}`;
      const own = name(index);
      const first = cursor === undefined ? undefined : positionOf(openCursor(key, listing, cursor), own);
      const [low, high] = [own, upTo === undefined || upTo >= NEVER ? behind(own) : Buffer.concat([own, ordinal(upTo + 1)])];
      // One more than wanted: only then is there a next page.
      const range = newestFirst
        ? { start: first ?? high, end: low, reverse: true, limit: most + 2 }
        : { start: first ?? low, end: high, limit: most + 2 };
      const keys = Array.from(tables.objectIndex.getKeys(range)).map((one) => Buffer.from(one))
        .filter((one) => first === undefined || !one.equals(first)).slice(0, most + 1);
      const page = keys.slice(0, most);
      const items = page.flatMap((one) => {
        const found = read(tables, one.subarray(NAME_BYTES + ORDINAL_BYTES));
        return found === undefined ? [] : [shown(found)];
      });
      const last = page.at(-1);
      return keys.length > most && last !== undefined
        ? { items, next: sealCursor(key, listing, last.subarray(NAME_BYTES).toString('base64url')) }
        : { items };
    }, limit),
  };
}

function positionOf(position: string, own: Buffer): Buffer {
  const rest = Buffer.from(position, 'base64url');
  if (rest.length <= ORDINAL_BYTES) throw new BadCursor('the cursor is not one of this listing');
  return Buffer.concat([own, rest]);
}

function apply(transaction: Transaction, { kind, id, put }: ObjectChange, before: Stored | undefined): void {
  const key = objectKey(kind, id);
  const after = put === undefined ? undefined : { kind, id, version: (before?.version ?? 0) + 1, ...put };
  const [old, fresh] = [before, after].map((object) => (object === undefined ? [] : [
    ...object.indexes.map((entry) => ({ table: 'objectIndex' as const, key: indexKey(entry, key) })),
    ...(object.expires >= NEVER ? [] : [{ table: 'ends' as const, key: endKey(ENDS.object, object.expires, key) }]),
  ]));
  for (const entry of old ?? []) if (!(fresh ?? []).some((other) => other.key.equals(entry.key))) transaction.remove(entry.table, entry.key);
  for (const entry of fresh ?? []) if (!(old ?? []).some((other) => other.key.equals(entry.key))) transaction.put(entry.table, entry.key, NOTHING);
  if (after === undefined) transaction.remove('objects', key);
  else transaction.put('objects', key, encode(after));
}

/** Removes an object that has ended, with all that the indexes have of it. @param end its key in `ends` */
export function removeEndedObject(transaction: Transaction, end: Buffer): number {
  const found = read(transaction.tables, endedKey(end));
  if (found !== undefined) apply(transaction, { kind: found.kind, id: found.id, expected: found.version, put: undefined }, found);
  transaction.remove('ends', end);
  return 1;
}
