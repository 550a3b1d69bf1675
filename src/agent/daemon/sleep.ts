import { pauseUnless } from '../crl/alarm.ts';

/**
 * Timers stop while a machine sleeps, and do not notice when the clock is set, so this is the longest wait between two looks at the clock,
 * in milliseconds.
 */
const STRETCH = 30_000;
/** The clock was set if it differs from the time elapsed by more than this, in milliseconds. */
const SET = 5_000;

export interface SleepClocks {
  /** The wall clock, milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** A monotonic clock, in milliseconds. */
  readonly steady: () => number;
}

/**
 * Waits until the wall clock shows a time, or the signal aborts. If the clock is set, or the machine slept, it returns within half a
 * minute, and the caller looks again.
 */
export const sleeper = ({ now, steady }: SleepClocks, stretch = STRETCH) => async (time: number, signal: AbortSignal): Promise<void> => {
  while (!signal.aborted && now() < time) {
    const [wall, began] = [now(), steady()];
    await pauseUnless(signal)(Math.min(stretch, time - wall));
    if (Math.abs(now() - wall - (steady() - began)) > SET) return;
  }
};
