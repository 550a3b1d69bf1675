import { createHmac, timingSafeEqual } from 'node:crypto';
import { BadCursor } from './store.ts';

const TAG_BYTES = 12;
/** No position is longer; a longer cursor is refused before any work is done on it. */
const MAX_CURSOR = 256;

/**
 * A cursor for the place `position` in `listing`: opaque, and good only for the listing that gave it out, since it carries a tag under
 * the store's own key. So a client cannot make one up, and what a position looks like stays free to change.
 */
export function sealCursor(key: Uint8Array, listing: string, position: string): string {
  return Buffer.concat([tag(key, listing, position), Buffer.from(position)]).toString('base64url');
}

/**
 * The position in a cursor.
 * @throws BadCursor for one that `sealCursor` did not make with this key for this listing
 */
export function openCursor(key: Uint8Array, listing: string, cursor: string): string {
  if (cursor.length > MAX_CURSOR) throw new BadCursor('the cursor is not one of this listing');
  const bytes = Buffer.from(cursor, 'base64url');
  const position = bytes.toString('utf8', TAG_BYTES);
  // Node's decoder skips what is no base64url: only the one spelling that was given out is taken.
  const spelled = bytes.length > TAG_BYTES && bytes.toString('base64url') === cursor;
  if (!spelled || !timingSafeEqual(bytes.subarray(0, TAG_BYTES), tag(key, listing, position))) {
    throw new BadCursor('the cursor is not one of this listing');
  }
  return position;
}

const tag = (key: Uint8Array, listing: string, position: string): Buffer =>
  createHmac('sha256', key).update(`${listing}\n${position}`).digest().subarray(0, TAG_BYTES);
