import { openCursor, sealCursor } from '../cursor.ts';
import { name } from '../name.ts';
import { objectKey } from '../object-key.ts';
import { NEVER, isRemoved } from '../objects.ts';
import type { Json, ObjectChange, ObjectStore, RemovedObject, StoredObject } from '../objects.ts';
import { BadCursor } from '../store.ts';
import type { PortableObject } from '../transfer.ts';
import { auditLines, bytesOf, listOf } from './engine.ts';
import type { Engine } from './engine.ts';
import { KEYS, NAME_BYTES } from './keys.ts';
import type { Reply } from './link/link.ts';
import { cursorKey } from './listing.ts';
import type { Packable } from './pack.ts';
import { REMOVED, objectListScript } from './scripts/objects.ts';

const ORDER_BYTES = 6;
const COUNT_AT = 2 * ORDER_BYTES;
const ENTRIES_AT = COUNT_AT + 1;
const ENTRY_BYTES = NAME_BYTES + ORDER_BYTES;
const MOST_ITEMS = 1000;

const order = (number: number): Buffer => {
  const bytes = Buffer.alloc(ORDER_BYTES);
  bytes.writeUIntBE(Math.min(number, NEVER), 0, ORDER_BYTES);
  return bytes;
};

/** No value if the object was removed; it is then preceded by `REMOVED`. */
type Told = [kind: string, id: string, value?: Json];

interface Listed {
  readonly name: Buffer;
  readonly order: number;
}

/** Everything except the version, which the script prepends (`scripts/objects.ts`). */
function encode({ kind, id, value, expires }: Omit<StoredObject | RemovedObject, 'version'>, indexes: readonly Listed[]): Buffer {
  const entries = indexes.flatMap((entry) => [entry.name, order(entry.order)]);
  const told: Told = value === undefined ? [kind, id] : [kind, id, value];
  return Buffer.concat([order(expires), Buffer.of(indexes.length), ...entries, Buffer.from((value === undefined ? REMOVED : '') + JSON.stringify(told))]);
}

const jsonAt = (bytes: Buffer): number => ENTRIES_AT + (bytes[COUNT_AT] ?? 0) * ENTRY_BYTES;

function decode(bytes: Buffer): StoredObject | RemovedObject {
  const text = bytes.toString('utf8', jsonAt(bytes));
  const [kind, id, value] = JSON.parse(text.startsWith(REMOVED) ? text.slice(REMOVED.length) : text) as Told;
  const rest = { kind, id, version: bytes.readUIntBE(0, ORDER_BYTES), expires: bytes.readUIntBE(ORDER_BYTES, ORDER_BYTES) };
  return value === undefined ? rest : { ...rest, value };
}

/** The object as callers see it; undefined if it was removed. */
function shown(reply: Reply | undefined): StoredObject | undefined {
  const bytes = bytesOf(reply);
  const found = bytes && decode(bytes);
  return found === undefined || isRemoved(found) ? undefined : found;
}

/** An object in portable form. */
export function objectItem(bytes: Buffer): PortableObject {
  const entries = Array.from({ length: bytes[COUNT_AT] ?? 0 }, (_, number) => ENTRIES_AT + number * ENTRY_BYTES);
  const indexes = entries.map((at) => ({ name: bytes.toString('hex', at, at + NAME_BYTES), order: bytes.readUIntBE(at + NAME_BYTES, ORDER_BYTES) }));
  return { kind: 'object', object: decode(bytes), indexes };
}

/** The complete value of an object from another store, and its key. */
export function encodeItem({ object, indexes }: PortableObject): { readonly key: Buffer; readonly value: Buffer } {
  const listed = indexes.map((entry) => ({ name: Buffer.from(entry.name, 'hex'), order: entry.order }));
  return { key: objectKey(object.kind, object.id), value: Buffer.concat([order(object.version), encode(object, listed)]) };
}

/** A change as the scripts expect it. */
export function changeOperand({ kind, id, expected, put }: ObjectChange): Packable {
  if (put === undefined) return [objectKey(kind, id), expected, encode({ kind, id, expires: 0 }, []), 2];
  const listed = put.indexes.map((entry) => ({ name: name(entry.index), order: entry.order }));
  return [objectKey(kind, id), expected, encode({ kind, id, value: put.value, expires: put.expires }, listed), put.momentary === true ? 1 : 0];
}

/** Small versioned objects. */
export function objectStore(engine: Engine): ObjectStore {
  const { keys, submit, get, read, look } = engine;
  const keyOf = (kind: string, id: string): Buffer => keys.of(KEYS.object, objectKey(kind, id));
  return {
    async get(kind, id) {
      return shown(await get(keyOf(kind, id)));
    },

    async getAll(wanted) {
      if (wanted.length === 0) return [];
      const [values] = await read(['MGET', ...wanted.map(({ kind, id }) => keyOf(kind, id))]);
      return listOf(values).map(shown);
    },

    async write(changes, audit) {
      const lost = changes[Number(await submit('objects', changes.map(changeOperand), auditLines(audit))) - 1];
      return lost === undefined ? { outcome: 'stored' } : { outcome: 'conflict', of: { kind: lost.kind, id: lost.id } };
    },

    async list(index, { limit, cursor }, { upTo, newestFirst = false } = {}) {
      const most = Math.max(1, Math.min(Math.trunc(limit) || 1, MOST_ITEMS));
      const key = await cursorKey(engine);
      const listing = `objects/${index}/${newestFirst ? 'down' : 'up'}`;
      const first = cursor === undefined ? undefined : positionOf(openCursor(key, listing, cursor));
      const start = first === undefined ? undefined : Buffer.concat([Buffer.from('('), first]);
      const end = upTo === undefined || upTo >= NEVER ? '+' : Buffer.concat([Buffer.from('('), order(upTo + 1)]);
      const range = newestFirst ? [start ?? end, '-'] : [start ?? '-', end];
      // One more than wanted tells whether there is a next page.
      const [members, values] = listOf(await look(objectListScript, name(index), ...range, most + 1, newestFirst ? 1 : 0));
      const items = listOf(values).slice(0, most).flatMap((one) => shown(one) ?? []);
      const last = bytesOf(listOf(members)[most - 1]);
      return listOf(members).length > most && last !== undefined ? { items, next: sealCursor(key, listing, last.toString('base64url')) } : { items };
    },
  };
}

function positionOf(position: string): Buffer {
  const member = Buffer.from(position, 'base64url');
  if (member.length <= ORDER_BYTES) throw new BadCursor('the cursor does not belong to this listing');
  return member;
}
