import { fractionOf } from '../../digest.ts';

// When a node acts: pure functions of certificate, clock and chance, so that a fleet can be simulated. All times in milliseconds.

/** Begin and end of a certificate, since the Unix epoch. */
export interface Life {
  readonly notBefore: number;
  readonly notAfter: number;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/**
 * Between which shares of its life a certificate is renewed. Nodes that began together, or came back together after an outage, would
 * renew together for ever: after that, one time, each draws from a wide range.
 */
const USUAL = [7 / 12, 2 / 3] as const;
const WIDE = [1 / 3, 2 / 3] as const;

/** When a certificate is to be renewed by its age. The same each time it is asked for the same certificate. */
export function plannedAt({ notBefore, notAfter }: Life, serial: string, wide: boolean): number {
  const [from, to] = wide ? WIDE : USUAL;
  return notBefore + (notAfter - notBefore) * (from + (to - from) * fractionOf(serial));
}

/** The same where the service advises a window. It can make a renewal earlier, never later: nothing that it says lets a certificate end. */
export const advisedAt = (planned: number, { start, end }: { readonly start: number; readonly end: number }, serial: string): number =>
  Math.min(planned, start + (end - start) * fractionOf(serial));

/** The first attempts after a failure come soon: a lost packet, a restart of the service. */
const SOON = [MINUTE, 5 * MINUTE];
/** Then the time that is left is divided, so that those with more of it let those with less go first. */
const SHARE = 2 / 3;
const LONGEST = 12 * HOUR;
/** After the end of a certificate somebody has to help; until then it is tried again. */
const AFTER_END = HOUR;

export interface Failed {
  /** Failures in a row, this one included. */
  readonly failures: number;
  /** Until the certificate ends; negative after that. */
  readonly left: number;
  /** What the service asked for. */
  readonly retryAfter: number | undefined;
}

/** How long to wait after a failure; never the same for all who wait. `random` from 0 to 1. */
export function pauseAfter({ failures, left, retryAfter }: Failed, random: () => number): number {
  const soon = SOON[failures - 1];
  const usual = soon !== undefined ? soon * (0.5 + random()) : left <= 0 ? AFTER_END * (0.5 + random()) : Math.max(MINUTE, Math.min(LONGEST, left * SHARE) * (0.5 + random() / 2));
  if (retryAfter === undefined) return usual;
  // Heeded, but not to the end of the certificate.
  const asked = retryAfter * (1 + random() / 2);
  return Math.max(usual, left > 0 ? Math.min(asked, left / 2) : asked);
}

/** From that many failures in a row on it was an outage, in which others failed too. */
export const OUTAGE = SOON.length + 1;

/** How long a certificate that was just renewed is left alone, whatever its dates say: where the clock is wrong, it may be due already. */
export const restAfter = ({ notBefore, notAfter }: Life): number => Math.min(6 * HOUR, (notAfter - notBefore) / 8);

const POLL = { usual: 12 * HOUR, least: MINUTE };

/** How long to wait until the service is asked for its advice again. */
export const pollAfter = (askAgain: number | undefined, random: () => number): number =>
  Math.max(POLL.least, Math.min(POLL.usual, askAgain ?? POLL.usual)) * (0.85 + 0.3 * random());

/** A renewal found to be due for so long was slept through: the node was off, or the whole rack. */
const SLEPT = 2 * MINUTE;
const GATHER = { most: 10 * MINUTE, share: 1 / 8 };

/** How long one who wakes late waits, since others may wake with it; 0 where it is not late, or has no time left for that. */
export const spreadAfterSleep = (late: number, left: number, random: () => number): number =>
  (late < SLEPT || left <= 0 ? 0 : Math.min(GATHER.most, left * GATHER.share) * random());

/** How long one who starts waits before it first asks for advice: a fleet may be started at once. */
export const spreadAtStart = ({ notBefore, notAfter }: Life, random: () => number): number => Math.min(GATHER.most, (notAfter - notBefore) / 100) * random();
