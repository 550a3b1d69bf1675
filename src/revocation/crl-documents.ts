import type { CrlBase, CrlDocument, CrlHead, ShardGeneration } from '../store/crl-store.ts';

export interface CrlSchedule {
  /** From thisUpdate to nextUpdate, seconds. */
  readonly lifetime: number;
  /** Seconds before nextUpdate at which the next one is published. */
  readonly renewBefore: number;
  /** Absent if there are no delta CRLs. */
  readonly delta?: DeltaSchedule | undefined;
}

export interface DeltaSchedule {
  /** From thisUpdate to nextUpdate of a delta, seconds. */
  readonly lifetime: number;
  readonly renewBefore: number;
  /** Full CRLs up to this many seconds old can be updated by the delta CRL. */
  readonly reach: number;
}

export type Heads = ReadonlyMap<CrlDocument, CrlHead>;

export const shardsOf = (count: number): CrlDocument[] => Array.from({ length: count }, (_, index): CrlDocument => `${count}-${index}`);

/** The documents that should exist. A delta CRL requires a full CRL first. */
export function wantedDocuments(schedule: CrlSchedule, generations: readonly ShardGeneration[], heads: Heads, now: number): CrlDocument[] {
  const counts = new Set(generations.filter(({ until }) => until >= now).map(({ count }) => count));
  return [...[...counts].flatMap(shardsOf), ...(schedule.delta !== undefined && heads.has('full') ? ['delta' as const] : []), 'full'];
}

/** Whether a document is missing or about to expire. Seconds since the epoch. */
export function isEnding(document: CrlDocument, head: CrlHead | undefined, { renewBefore, delta }: CrlSchedule, now: number): boolean {
  return head === undefined || head.nextUpdate - now <= (document === 'delta' ? delta?.renewBefore ?? renewBefore : renewBefore);
}

/**
 * The bases of the delta CRL that follows `before`: the full CRL it refers to, and the one that will be next. The second replaces the first once it is
 * as old as the reach of deltas, so that anyone with a full CRL no older than that can always apply the delta. Undefined as long as there is no full
 * CRL.
 */
export function nextBases(before: CrlHead | undefined, full: CrlHead | undefined, reach: number, now: number): readonly [CrlBase, CrlBase] | undefined {
  if (full === undefined) return undefined;
  const latest = { number: full.number, thisUpdate: full.thisUpdate, revision: full.revision };
  const [base = latest, next = latest] = before?.bases ?? [];
  return now - next.thisUpdate >= reach ? [next, latest] : [base, next];
}
