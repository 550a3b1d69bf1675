import { fractionOf } from '../../digest.ts';

// When a node acts: pure functions of certificate, clock and chance, so that a fleet can be simulated. All times in milliseconds.

/** The validity period of a certificate, since the Unix epoch. */
export interface Life {
  readonly notBefore: number;
  readonly notAfter: number;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/**
 * The shares of its life between which a certificate is renewed. Nodes that started together, or returned together after an outage, would
 * keep renewing together for ever; after such an event, each draws once from a wide range.
 */
const USUAL = [7 / 12, 2 / 3] as const;
const WIDE = [1 / 3, 2 / 3] as const;

/** When a certificate is to be renewed by its age; deterministic for a given certificate. */
export function plannedAt({ notBefore, notAfter }: Life, serial: string, wide: boolean): number {
  const [from, to] = wide ? WIDE : USUAL;
  return notBefore + (notAfter - notBefore) * (from + (to - from) * fractionOf(serial));
}

/** The same within a window advised by the service. Advice can make a renewal earlier, never later, so it cannot let a certificate expire. */
export const advisedAt = (planned: number, { start, end }: { readonly start: number; readonly end: number }, serial: string): number =>
  Math.min(planned, start + (end - start) * fractionOf(serial));

/** The first retries come soon, for a lost packet or a restart of the service. */
const SOON = [MINUTE, 5 * MINUTE];
/** Later retries use a share of the time left, so that those with more time left let those with less go first. */
const SHARE = 2 / 3;
const LONGEST = 12 * HOUR;
/** Once a certificate has expired, somebody has to help; retries continue at this interval until then. */
const AFTER_END = HOUR;

export interface Failed {
  /** Consecutive failures, including this one. */
  readonly failures: number;
  /** Time until the certificate expires; negative after that. */
  readonly left: number;
  /** The pause requested by the service. */
  readonly retryAfter: number | undefined;
}

/** How long to wait after a failure, with random jitter. `random` is from 0 to 1. */
export function pauseAfter({ failures, left, retryAfter }: Failed, random: () => number): number {
  const soon = SOON[failures - 1];
  const usual = soon !== undefined ? soon * (0.5 + random()) : left <= 0 ? AFTER_END * (0.5 + random()) : Math.max(MINUTE, Math.min(LONGEST, left * SHARE) * (0.5 + random() / 2));
  if (retryAfter === undefined) return usual;
  // Honoured, but never beyond the certificate's expiry.
  const asked = retryAfter * (1 + random() / 2);
  return Math.max(usual, left > 0 ? Math.min(asked, left / 2) : asked);
}

/** From this many consecutive failures on it counts as an outage, which others will have seen too. */
export const OUTAGE = SOON.length + 1;

/** The rest given to a newly renewed certificate, whatever its dates say: with a wrong clock it may already seem due. */
export const restAfter = ({ notBefore, notAfter }: Life): number => Math.min(6 * HOUR, (notAfter - notBefore) / 8);

const POLL = { usual: 12 * HOUR, least: MINUTE };

/** How long to wait before asking the service for advice again. */
export const pollAfter = (askAgain: number | undefined, random: () => number): number =>
  Math.max(POLL.least, Math.min(POLL.usual, askAgain ?? POLL.usual)) * (0.85 + 0.3 * random());

/** A renewal overdue by this much was slept through: the node was off, or a whole rack was. */
const SLEPT = 2 * MINUTE;
const GATHER = { most: 10 * MINUTE, share: 1 / 8 };

/** How long a node that wakes late waits, since others may wake with it; 0 if it is not late, or has no time left to wait. */
export const spreadAfterSleep = (late: number, left: number, random: () => number): number =>
  (late < SLEPT || left <= 0 ? 0 : Math.min(GATHER.most, left * GATHER.share) * random());

/** How long a starting node waits before it first asks for advice: a whole fleet may be started at once. */
export const spreadAtStart = ({ notBefore, notAfter }: Life, random: () => number): number => Math.min(GATHER.most, (notAfter - notBefore) / 100) * random();
