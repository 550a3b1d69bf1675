import { createHmac, timingSafeEqual } from 'node:crypto';
import { BadCursor } from './store.ts';

const TAG_BYTES = 12;
/** No position is longer; longer cursors are refused before any work is done on them. */
const MAX_CURSOR = 256;

/**
 * A cursor for `position` in `listing`: opaque, and valid only for the listing that issued it, since it carries a MAC under the store's own
 * key. Clients cannot forge one, and the form of positions remains free to change.
 */
export function sealCursor(key: Uint8Array, listing: string, position: string): string {
  return Buffer.concat([tag(key, listing, position), Buffer.from(position)]).toString('base64url');
}

/**
 * The position in a cursor.
 * @throws BadCursor unless `sealCursor` made it with this key for this listing
 */
export function openCursor(key: Uint8Array, listing: string, cursor: string): string {
  if (cursor.length > MAX_CURSOR) throw new BadCursor('the cursor does not belong to this listing');
  const bytes = Buffer.from(cursor, 'base64url');
  const position = bytes.toString('utf8', TAG_BYTES);
  // Node's decoder skips invalid characters: accept only the exact spelling that was issued.
  const spelled = bytes.length > TAG_BYTES && bytes.toString('base64url') === cursor;
  if (!spelled || !timingSafeEqual(bytes.subarray(0, TAG_BYTES), tag(key, listing, position))) {
    throw new BadCursor('the cursor does not belong to this listing');
  }
  return position;
}

const tag = (key: Uint8Array, listing: string, position: string): Buffer =>
  createHmac('sha256', key).update(`${listing}\n${position}`).digest().subarray(0, TAG_BYTES);
