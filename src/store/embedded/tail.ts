import { EMPTY_CHAIN } from '../../audit/chain.ts';
import type { ChainHead } from '../../audit/chain.ts';
import type { Reads } from './environment.ts';
import { META, ORDINAL_BYTES, ordinal, readOrdinal } from './keys.ts';

/** Where the store's two orders stand: the last place given out, and the head of the audit log. */
export interface Tail {
  readonly place: number;
  readonly head: ChainHead;
}

/** The tail as the transaction or view sees it. */
export function readTail(tables: Reads): Tail {
  const bytes = tables.meta.getBinary(META.tail);
  if (bytes === undefined) return { place: 0, head: EMPTY_CHAIN };
  return {
    place: readOrdinal(bytes),
    head: { sequence: readOrdinal(bytes, ORDINAL_BYTES), hash: bytes.toString('hex', 2 * ORDINAL_BYTES) },
  };
}

export const encodeTail = ({ place, head }: Tail): Buffer =>
  Buffer.concat([ordinal(place), ordinal(head.sequence), Buffer.from(head.hash, 'hex')]);
