import { EMPTY_CHAIN } from '../../audit/chain.ts';
import type { ChainHead } from '../../audit/chain.ts';
import type { Reads } from './environment.ts';
import { META, ORDINAL_BYTES, ordinal, readOrdinal } from './keys.ts';

/** The ends of the store's two sequences: the last place assigned, and the head of the audit log. */
export interface Tail {
  readonly place: number;
  readonly head: ChainHead;
}

/** The tail as of the given transaction or view. */
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
