import type { CrlDocument, CrlHead } from '../../store/crl-store.ts';
import type { AuthorityPosition, Position } from './position.ts';

/** What the reader has read of an authority. */
export interface Read extends AuthorityPosition {
  readonly publications: number;
  readonly heads: ReadonlyMap<CrlDocument, CrlHead>;
}

/** Who is further behind, in revisions, fetches the CRL: that is less to read. */
const MOST_BEHIND = 10_000;

/** Why a follower cannot go on from there; undefined where it can. */
export function faultOf(known: Position, now: ReadonlyMap<string, Read>): string | undefined {
  if (isAhead(known, now)) return 'the id is of a later time than the service\'s records';
  const isOld = [...known].some(([name, { revision }]) => (now.get(name)?.revision ?? 0) - revision > MOST_BEHIND);
  return isOld ? 'the id is too old' : undefined;
}

/** Whether somebody knows more than was read. */
export const isAhead = (known: Position, now: ReadonlyMap<string, Read>): boolean => [...known].some(([name, { revision, numbers }]) => {
  const there = now.get(name);
  return there !== undefined && (revision > there.revision || [...numbers].some(([document, number]) => number > (there.numbers.get(document) ?? number)));
});

/** From now on: with the CRLs that stand, and without the revocations that they list. */
export const fresh = (now: ReadonlyMap<string, Read>): Position => new Map(Array.from(now, ([name, { revision }]) => [name, { revision, numbers: new Map() }]));

export const numbersOf = (heads: ReadonlyMap<CrlDocument, CrlHead>): ReadonlyMap<CrlDocument, bigint> => new Map(Array.from(heads, ([document, { number }]) => [document, number]));

export const isAt = (at: AuthorityPosition | undefined, { revision, numbers }: AuthorityPosition): boolean =>
  at !== undefined && at.revision === revision && at.numbers.size === numbers.size && [...numbers].every(([document, number]) => at.numbers.get(document) === number);
