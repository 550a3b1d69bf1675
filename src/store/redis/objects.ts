import { openCursor, sealCursor } from '../cursor.ts';
import { name } from '../name.ts';
import { objectKey } from '../object-key.ts';
import { NEVER } from '../objects.ts';
import type { IndexEntry, Json, ObjectStore, StoredObject } from '../objects.ts';
import { BadCursor } from '../store.ts';
import { auditLines, bytesOf, listOf } from './engine.ts';
import type { Engine } from './engine.ts';
import { KEYS, NAME_BYTES } from './keys.ts';
import { cursorKey } from './listing.ts';
import { objectListScript } from './scripts/objects.ts';

const ORDER_BYTES = 6;
const COUNT_AT = 2 * ORDER_BYTES;
const MOST_ITEMS = 1000;

const order = (number: number): Buffer => {
  const bytes = Buffer.alloc(ORDER_BYTES);
  bytes.writeUIntBE(Math.min(number, NEVER), 0, ORDER_BYTES);
  return bytes;
};

type Told = [kind: string, id: string, value: Json];

/** All but the version, which the script puts in front (`scripts/objects.ts`). */
function encode(kind: string, id: string, { value, expires, indexes }: { readonly value: Json; readonly expires: number; readonly indexes: readonly IndexEntry[] }): Buffer {
  const entries = indexes.flatMap((entry) => [name(entry.index), order(entry.order)]);
  return Buffer.concat([order(expires), Buffer.of(indexes.length), ...entries, Buffer.from(JSON.stringify([kind, id, value] satisfies Told))]);
}

function decode(bytes: Buffer): StoredObject {
  const at = COUNT_AT + 1 + (bytes[COUNT_AT] ?? 0) * (NAME_BYTES + ORDER_BYTES);
  const [kind, id, value] = JSON.parse(bytes.toString('utf8', at)) as Told;
  return { kind, id, value, version: bytes.readUIntBE(0, ORDER_BYTES), expires: bytes.readUIntBE(ORDER_BYTES, ORDER_BYTES) };
}

/** Small versioned objects. */
export function objectStore(engine: Engine): ObjectStore {
  const { keys, submit, get, read, look } = engine;
  const keyOf = (kind: string, id: string): Buffer => keys.of(KEYS.object, objectKey(kind, id));
  return {
    async get(kind, id) {
      const bytes = await get(keyOf(kind, id));
      return bytes && decode(bytes);
    },

    async getAll(wanted) {
      if (wanted.length === 0) return [];
      const [values] = await read(['MGET', ...wanted.map(({ kind, id }) => keyOf(kind, id))]);
      return listOf(values).map((one) => {
        const bytes = bytesOf(one);
        return bytes && decode(bytes);
      });
    },

    async write(changes, audit) {
      const packed = changes.map(({ kind, id, expected, put }) => [objectKey(kind, id), expected, put === undefined ? 0 : encode(kind, id, put)]);
      const lost = changes[Number(await submit('objects', packed, NEVER, auditLines(audit))) - 1];
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
      // One more than wanted: only then is there a next page.
      const [members, values] = listOf(await look(objectListScript, name(index), ...range, most + 1, newestFirst ? 1 : 0));
      const items = listOf(values).slice(0, most).flatMap((one) => {
        const bytes = bytesOf(one);
        return bytes === undefined ? [] : [decode(bytes)];
      });
      const last = bytesOf(listOf(members)[most - 1]);
      return listOf(members).length > most && last !== undefined ? { items, next: sealCursor(key, listing, last.toString('base64url')) } : { items };
    },
  };
}

function positionOf(position: string): Buffer {
  const member = Buffer.from(position, 'base64url');
  if (member.length <= ORDER_BYTES) throw new BadCursor('the cursor is not one of this listing');
  return member;
}
