import { pauseUnless } from '../crl/alarm.ts';

/**
 * Timers stand still while a machine sleeps, and know nothing of a clock that is set: so long at most is waited without a look at it,
 * milliseconds.
 */
const STRETCH = 30_000;
/** The clock went another way than time did by more than this: it was set. */
const SET = 5_000;

export interface SleepClocks {
  /** The wall clock, milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** One that only ever goes on, milliseconds. */
  readonly steady: () => number;
}

/**
 * Waits until the wall clock shows a time, or the signal comes. Where the clock is set, or the machine slept, it returns within
 * half a minute: whoever waits looks anew.
 */
export const sleeper = ({ now, steady }: SleepClocks, stretch = STRETCH) => async (time: number, signal: AbortSignal): Promise<void> => {
  while (!signal.aborted && now() < time) {
    const [wall, began] = [now(), steady()];
    await pauseUnless(signal)(Math.min(stretch, time - wall));
    if (Math.abs(now() - wall - (steady() - began)) > SET) return;
  }
};
