import type { CrlDocument, CrlHead } from '../../store/crl-store.ts';
import type { AuthorityPosition, Position } from './position.ts';

/** What the reader has read about an authority. */
export interface Read extends AuthorityPosition {
  readonly publications: number;
  readonly heads: ReadonlyMap<CrlDocument, CrlHead>;
}

/** Followers more revisions behind than this should fetch the CRL, which is less to read. */
const MOST_BEHIND = 10_000;

/** Explains why a follower cannot resume from there; undefined if it can. */
export function faultOf(known: Position, now: ReadonlyMap<string, Read>): string | undefined {
  if (isAhead(known, now)) return 'the id is of a later time than the service\'s records';
  const isOld = [...known].some(([name, { revision }]) => (now.get(name)?.revision ?? 0) - revision > MOST_BEHIND);
  return isOld ? 'the id is too old' : undefined;
}

/** Whether someone knows more than has been read. */
export const isAhead = (known: Position, now: ReadonlyMap<string, Read>): boolean => [...known].some(([name, { revision, numbers }]) => {
  const there = now.get(name);
  return there !== undefined && (revision > there.revision || [...numbers].some(([document, number]) => number > (there.numbers.get(document) ?? number)));
});

/** The position for a follower that starts now: it is sent the current CRLs, but not the revocations that they list. */
export const fresh = (now: ReadonlyMap<string, Read>): Position => new Map(Array.from(now, ([name, { revision }]) => [name, { revision, numbers: new Map() }]));

export const numbersOf = (heads: ReadonlyMap<CrlDocument, CrlHead>): ReadonlyMap<CrlDocument, bigint> => new Map(Array.from(heads, ([document, { number }]) => [document, number]));

export const isAt = (at: AuthorityPosition | undefined, { revision, numbers }: AuthorityPosition): boolean =>
  at !== undefined && at.revision === revision && at.numbers.size === numbers.size && [...numbers].every(([document, number]) => at.numbers.get(document) === number);
