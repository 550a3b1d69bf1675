import { setImmediate } from 'node:timers/promises';
import { openCursor, sealCursor } from '../cursor.ts';
import { BadCursor } from '../store.ts';
import type { Page, PageQuery } from '../store.ts';
import type { Environment, Reads } from './environment.ts';
import { LAST_PLACE, META } from './keys.ts';

/** Upper bound of items on a page, whatever was requested. */
const MOST_ITEMS = 1000;
/** Entries examined for one page; after that the page ends early, with a cursor. */
const MOST_LOOKED_AT = 20_000;
/** Entries examined at a time, which takes a few milliseconds, before the event loop serves others. */
const SLICE = 1000;
/** Approximate number of entries per page of the file. */
const ENTRIES_A_PAGE = 20;

/** One entry examined for a listing: `item` is undefined if the filter rejects it. */
export interface Step<T> {
  readonly place: number;
  readonly item: T | undefined;
  /** Nothing after this entry can match. */
  readonly last?: boolean;
}

/**
 * A page of a listing ordered by place, newest first. `walk` yields at most `limit` entries below a place, in descending order.
 * @throws BadCursor, StoreUnavailable
 */
export async function listPage<T>(
  environment: Environment,
  listing: string,
  { limit, cursor }: PageQuery,
  walk: (tables: Reads, below: number, limit: number) => Iterable<Step<T>>,
): Promise<Page<T>> {
  const most = Math.max(1, Math.min(Math.trunc(limit) || 1, MOST_ITEMS));
  const key = await environment.read((tables) => tables.meta.getBinary(META.cursorKey));
  if (key === undefined) throw new Error('the store has no key for its cursors');
  let below = cursor === undefined ? LAST_PLACE : placeOf(openCursor(key, listing, cursor));
  const items: T[] = [];
  const page = (): Page<T> => ({ items, next: sealCursor(key, listing, String(below)) });
  for (let lookedAt = 0; lookedAt < MOST_LOOKED_AT; lookedAt += SLICE) {
    if (lookedAt > 0) await setImmediate();
    const ended = await environment.read((tables) => {
      let seen = 0;
      for (const { place, item, last } of walk(tables, below, SLICE)) {
        // One entry more than wanted tells whether there is a next page.
        if (items.length === most) return false;
        seen += 1;
        below = place;
        if (item !== undefined) items.push(item);
        if (last === true) return true;
      }
      return seen < SLICE;
    }, SLICE / ENTRIES_A_PAGE);
    if (ended) return { items };
    if (items.length === most) return page();
  }
  return page();
}

function placeOf(position: string): number {
  const place = Number(position);
  if (!Number.isSafeInteger(place)) throw new BadCursor('the cursor does not belong to this listing');
  return place;
}
