import type { RequestRecord } from '../../issuance/request.ts';
import { openCursor, sealCursor } from '../cursor.ts';
import { BadCursor } from '../store.ts';
import type { Page, PageQuery } from '../store.ts';
import { bytesOf, listOf } from './engine.ts';
import type { Engine } from './engine.ts';
import type { Test } from './filters.ts';
import { META } from './keys.ts';
import { pack } from './pack.ts';
import { listScript } from './scripts/reads.ts';
import { recordOf } from './stored-record.ts';

/** Upper bound of items on a page, whatever was requested. */
const MOST_ITEMS = 1000;
/** Entries examined for one page; after that the page ends early, with a cursor. */
const MOST_LOOKED_AT = 20_000;
/** Entries that one script examines: it takes a millisecond or two, in which Redis serves no one else. */
const SLICE = 512;
/** Items that one script returns; each is a whole record. */
const MOST_FOUND = 250;
/** Greater than every place. */
const LAST_PLACE = 2 ** 48 - 1;

/** A section of a listing, in descending order of place. */
export interface Stretch<T> {
  readonly items: readonly { readonly place: number; readonly item: T }[];
  /** The last place examined. */
  readonly last: number;
  /** Nothing is left below. */
  readonly ended: boolean;
}

/**
 * A page of a listing ordered by place, newest first. `walk` examines some entries below a place, and returns at most `wanted`.
 * @throws BadCursor, StoreUnavailable
 */
export async function listPage<T>(
  engine: Engine, listing: string, { limit, cursor }: PageQuery, walk: (below: number, wanted: number) => Promise<Stretch<T>>,
): Promise<Page<T>> {
  const most = Math.max(1, Math.min(Math.trunc(limit) || 1, MOST_ITEMS));
  const key = await cursorKey(engine);
  let below = cursor === undefined ? LAST_PLACE : placeOf(openCursor(key, listing, cursor));
  const items: T[] = [];
  for (let lookedAt = 0; lookedAt < MOST_LOOKED_AT; lookedAt += SLICE) {
    // One entry more than wanted tells whether there is a next page.
    const stretch = await walk(below, most - items.length + 1);
    for (const { place, item } of stretch.items) {
      if (items.length === most) return { items, next: sealCursor(key, listing, String(below)) };
      items.push(item);
      below = place;
    }
    if (stretch.ended) return { items };
    below = stretch.last;
  }
  return { items, next: sealCursor(key, listing, String(below)) };
}

/** A page of the records that match, newest first. */
export const listRecords = (engine: Engine, listing: string, test: Test, page: PageQuery): Promise<Page<RequestRecord>> =>
  listPage(engine, listing, page, async (below, wanted) => {
    const { state = -1, since, states, endsBefore, endsFrom, needles } = test;
    const { bytes: query } = pack([below, SLICE, Math.min(wanted, MOST_FOUND), state, since, states, endsBefore, endsFrom, needles]);
    const [last, ended, values, places] = listOf(await engine.look(listScript, query));
    const found = listOf(values).map((value, at) => ({ place: Number(listOf(places)[at]), item: recordOf(bytesOf(value) ?? Buffer.alloc(0)) }));
    return { items: found.filter(({ item }) => test.is(item)), last: Number(last), ended: ended === 1 };
  });

const cursorKeys = new WeakMap<Engine, Buffer>();

/** The store's own key for cursors, which never changes. */
export async function cursorKey(engine: Engine): Promise<Buffer> {
  const known = cursorKeys.get(engine);
  if (known !== undefined) return known;
  const [reply] = await engine.read(['HGET', engine.keys.meta, META.cursorKey]);
  const key = bytesOf(reply);
  if (key === undefined) throw new Error('the store has no key for its cursors');
  cursorKeys.set(engine, key);
  return key;
}

function placeOf(position: string): number {
  const place = Number(position);
  if (!Number.isSafeInteger(place)) throw new BadCursor('the cursor does not belong to this listing');
  return place;
}
