import type { CrlBase, CrlDocument, CrlHead, ShardGeneration } from '../store/crl-store.ts';

export interface CrlSchedule {
  /** From thisUpdate to nextUpdate, seconds. */
  readonly lifetime: number;
  /** How long before nextUpdate the next one is published, seconds. */
  readonly renewBefore: number;
  /** Absent: no delta. */
  readonly delta?: DeltaSchedule | undefined;
}

export interface DeltaSchedule {
  /** From thisUpdate to nextUpdate of a delta, seconds. */
  readonly lifetime: number;
  readonly renewBefore: number;
  /** Full CRLs that are no older than this many seconds can be brought up to date by the delta. */
  readonly reach: number;
}

export type Heads = ReadonlyMap<CrlDocument, CrlHead>;

export const shardsOf = (count: number): CrlDocument[] => Array.from({ length: count }, (_, index): CrlDocument => `${count}-${index}`);

/** The documents that are to be there. A delta can only follow a full CRL. */
export function wantedDocuments(schedule: CrlSchedule, generations: readonly ShardGeneration[], heads: Heads, now: number): CrlDocument[] {
  const counts = new Set(generations.filter(({ until }) => until >= now).map(({ count }) => count));
  return [...[...counts].flatMap(shardsOf), ...(schedule.delta !== undefined && heads.has('full') ? ['delta' as const] : []), 'full'];
}

/** Whether a document is missing, or its end is near. Seconds since the epoch. */
export function isEnding(document: CrlDocument, head: CrlHead | undefined, { renewBefore, delta }: CrlSchedule, now: number): boolean {
  return head === undefined || head.nextUpdate - now <= (document === 'delta' ? delta?.renewBefore ?? renewBefore : renewBefore);
}

/**
 * The bases of a delta that follows `before`: the full CRL that it is against, and the one that will be next. The second takes the
 * place of the first when it is as old as deltas reach: so whoever has a full CRL no older than that can always apply the delta.
 * Undefined while there is no full CRL to be based on.
 */
export function nextBases(before: CrlHead | undefined, full: CrlHead | undefined, reach: number, now: number): readonly [CrlBase, CrlBase] | undefined {
  if (full === undefined) return undefined;
  const latest = { number: full.number, thisUpdate: full.thisUpdate, revision: full.revision };
  const [base = latest, next = latest] = before?.bases ?? [];
  return now - next.thisUpdate >= reach ? [next, latest] : [base, next];
}
