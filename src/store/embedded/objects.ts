import { openCursor, sealCursor } from '../cursor.ts';
import { forwardObject } from '../forward.ts';
import { name } from '../name.ts';
import { objectKey } from '../object-key.ts';
import { NEVER, isRemoved } from '../objects.ts';
import type { Json, ObjectChange, ObjectKey, ObjectStore, RemovedObject, StoredObject } from '../objects.ts';
import { BadCursor } from '../store.ts';
import type { LoadCounts, PortableObject } from '../transfer.ts';
import type { Transaction } from './batch-transaction.ts';
import type { Batches } from './batch.ts';
import type { Environment, Reads } from './environment.ts';
import { ENDS, META, NAME_BYTES, NOTHING, ORDINAL_BYTES, behind, endKey, endedKey, ordinal, readOrdinal } from './keys.ts';
import type { TableName } from './keys.ts';

/** Upper bound of items on a page, whatever was requested. */
const MOST_ITEMS = 1000;
const PREFIX = 3 * ORDINAL_BYTES;

/** An index entry of an object: the index's name (`name.ts`) in hex. */
interface Listed {
  readonly name: string;
  readonly order: number;
}

/** An object as stored: version, expiry, number of its latest change (0: momentary, in no feed), and the rest as JSON. */
type Stored = (StoredObject | RemovedObject) & {
  readonly change: number;
  readonly indexes: readonly Listed[];
};

/** No value if the object was removed. */
type Told = [kind: string, id: string, indexes: readonly (readonly [name: string, order: number])[], value?: Json];

function encode({ version, expires, change, kind, id, indexes, value }: Stored): Buffer {
  const listed = indexes.map(({ name: of, order }) => [of, order] as const);
  const told: Told = value === undefined ? [kind, id, listed] : [kind, id, listed, value];
  return Buffer.concat([ordinal(version), ordinal(expires), ordinal(change), Buffer.from(JSON.stringify(told))]);
}

function decode(bytes: Buffer): Stored {
  const [kind, id, indexes, value] = JSON.parse(bytes.toString('utf8', PREFIX)) as Told;
  const rest = {
    version: readOrdinal(bytes), expires: readOrdinal(bytes, ORDINAL_BYTES), change: readOrdinal(bytes, 2 * ORDINAL_BYTES), kind, id,
    indexes: indexes.map(([of, order]) => ({ name: of, order })),
  };
  return value === undefined ? rest : { ...rest, value };
}

/** The object as callers see it; undefined if it was removed. */
function shown(found: Stored | undefined): StoredObject | undefined {
  if (found === undefined || isRemoved(found)) return undefined;
  const { kind, id, version, value, expires } = found;
  return { kind, id, version, value, expires };
}

/** Recently read objects by key: most are read a few times before they change, and some with every call. */
const KEPT_MOST = 512;
const kept = new Map<string, { readonly bytes: Buffer; readonly stored: Stored }>();

/** Always reads the store, and only saves decoding octets that have not changed. */
function read(tables: Reads, key: Buffer): Stored | undefined {
  const bytes = tables.objects.getBinary(key);
  if (bytes === undefined) return undefined;
  const at = key.toString('latin1');
  const known = kept.get(at);
  if (known?.bytes.equals(bytes) === true) return known.stored;
  const stored = decode(bytes);
  if (kept.size >= KEPT_MOST) kept.clear();
  kept.set(at, { bytes, stored });
  return stored;
}

const indexKey = ({ name: of, order }: Listed, key: Buffer): Buffer => Buffer.concat([Buffer.from(of, 'hex'), ordinal(order), key]);

/** Small versioned objects: each in `objects`, with an entry in `objectIndex` per index, one in `objectFeed` and one in `ends`. */
export function objectStore(environment: Environment, batches: Batches): ObjectStore {
  return {
    get: (kind, id) => environment.read((tables) => shown(read(tables, objectKey(kind, id)))),

    getAll: (keys) => environment.read((tables) => keys.map(({ kind, id }) => shown(read(tables, objectKey(kind, id)))), keys.length),

    write: (changes, audit) => batches.submit((transaction) => {
      const lost = changeObjects(transaction, changes);
      if (lost !== undefined) return { outcome: 'conflict', of: lost } as const;
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
      // One more than wanted tells whether there is a next page.
      const range = newestFirst
        ? { start: first ?? high, end: low, reverse: true, limit: most + 2 }
        : { start: first ?? low, end: high, limit: most + 2 };
      const keys = Array.from(tables.objectIndex.getKeys(range)).map((one) => Buffer.from(one))
        .filter((one) => first === undefined || !one.equals(first)).slice(0, most + 1);
      const page = keys.slice(0, most);
      const items = page.flatMap((one) => shown(read(tables, one.subarray(NAME_BYTES + ORDINAL_BYTES))) ?? []);
      const last = page.at(-1);
      return keys.length > most && last !== undefined
        ? { items, next: sealCursor(key, listing, last.subarray(NAME_BYTES).toString('base64url')) }
        : { items };
    }, limit),
  };
}

/** Applies all changes or none; in that case returns the first object whose version is not the expected one. */
export function changeObjects(transaction: Transaction, changes: readonly ObjectChange[]): ObjectKey | undefined {
  if (changes.length === 0) return undefined;
  const before = changes.map(({ kind, id }) => read(transaction.tables, objectKey(kind, id)));
  const lost = changes.find(({ expected }, at) => (shown(before[at])?.version ?? 0) !== expected);
  if (lost !== undefined) return { kind: lost.kind, id: lost.id };
  let number = lastChange(transaction.tables);
  for (const [at, { kind, id, put }] of changes.entries()) {
    const old = before[at];
    if (put === undefined) {
      if (old !== undefined) remove(transaction, old, () => (number += 1));
      continue;
    }
    const { indexes, momentary, value, expires } = put;
    const listed = indexes.map(({ index, order }) => ({ name: name(index).toString('hex'), order }));
    store(transaction, { kind, id, value, expires, version: (old?.version ?? 0) + 1, change: momentary === true ? 0 : (number += 1), indexes: listed }, old);
  }
  transaction.put('meta', META.objectChange, ordinal(number));
  return undefined;
}

function positionOf(position: string, own: Buffer): Buffer {
  const rest = Buffer.from(position, 'base64url');
  if (rest.length <= ORDINAL_BYTES) throw new BadCursor('the cursor does not belong to this listing');
  return Buffer.concat([own, rest]);
}

const lastChange = (tables: Reads): number => readOrdinal(tables.meta.getBinary(META.objectChange) ?? ordinal(0));

/** The entries of an object in other tables. */
function entriesOf(object: Stored | undefined, key: Buffer): { readonly table: TableName; readonly key: Buffer; readonly value: Buffer }[] {
  if (object === undefined) return [];
  const { change, expires, indexes } = object;
  return [
    ...indexes.map((entry) => ({ table: 'objectIndex' as const, key: indexKey(entry, key), value: NOTHING })),
    ...(change === 0 ? [] : [{ table: 'objectFeed' as const, key: ordinal(change), value: key }]),
    ...(expires >= NEVER ? [] : [{ table: 'ends' as const, key: endKey(ENDS.object, expires, key), value: NOTHING }]),
  ];
}

function store(transaction: Transaction, given: Stored, before: Stored | undefined): void {
  const key = objectKey(given.kind, given.id);
  const after = { ...given, expires: Math.max(given.expires, before?.expires ?? 0) };
  const [old, fresh] = [entriesOf(before, key), entriesOf(after, key)];
  for (const entry of old) if (!fresh.some((other) => other.key.equals(entry.key))) transaction.remove(entry.table, entry.key);
  for (const entry of fresh) if (!old.some((other) => other.key.equals(entry.key))) transaction.put(entry.table, entry.key, entry.value);
  transaction.put('objects', key, encode(after));
}

/** Leaves a tombstone, unless the object is momentary: that exists in no other store, so nothing needs to be left. */
function remove(transaction: Transaction, before: Stored, nextChange: () => number): void {
  const { kind, id, version, expires, change } = before;
  if (change !== 0) return store(transaction, { kind, id, version: version + 1, expires, change: nextChange(), indexes: [] }, before);
  const key = objectKey(kind, id);
  for (const entry of entriesOf(before, key)) transaction.remove(entry.table, entry.key);
  transaction.remove('objects', key);
}

/** Removes an expired object with its entries in other tables. @param end its key in `ends` */
export function removeEndedObject(transaction: Transaction, end: Buffer): number {
  const key = endedKey(end);
  for (const entry of entriesOf(read(transaction.tables, key), key)) transaction.remove(entry.table, entry.key);
  transaction.remove('objects', key);
  transaction.remove('ends', end);
  return 1;
}

/** Objects whose latest change comes after a number, in order of those changes, and how far that reaches. */
export function objectsBehind(tables: Reads, after: number, limit: number): { readonly items: readonly PortableObject[]; readonly last: number; readonly more: boolean } {
  const found = Array.from(tables.objectFeed.getRange({ start: ordinal(after + 1), limit }), ({ key, value }) => ({ number: readOrdinal(key), object: read(tables, value) }));
  const items = found.flatMap(({ object: stored }): PortableObject[] => {
    if (stored === undefined) return [];
    const { change: _, indexes, ...object } = stored;
    return [{ kind: 'object', object, indexes }];
  });
  return { items, last: found.at(-1)?.number ?? after, more: found.length === limit };
}

/** Loads an object of another store; see `TransferStore.load`. */
export function loadObject(transaction: Transaction, { object, indexes }: PortableObject): keyof LoadCounts {
  const before = read(transaction.tables, objectKey(object.kind, object.id));
  const change = lastChange(transaction.tables) + 1;
  const other = { ...object, indexes, change };
  const next = before === undefined ? other : forwardObject<Stored>(before, other);
  if (next === undefined) return 'kept';
  store(transaction, next, before);
  transaction.put('meta', META.objectChange, ordinal(change));
  return before === undefined ? 'added' : 'advanced';
}
