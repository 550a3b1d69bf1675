import { setImmediate } from 'node:timers/promises';

/** Milliseconds of work after which others are let in. */
const LONGEST = 5;

/** To be awaited between two small pieces of long work. */
export type Breathe = () => Promise<void> | void;

/** Lets the event loop serve others whenever the work has held it for some milliseconds; costs next to nothing in between. */
export function breather(longest = LONGEST): Breathe {
  let since = performance.now();
  const breath = async (): Promise<void> => {
    await setImmediate();
    since = performance.now();
  };
  return () => (performance.now() - since < longest ? undefined : breath());
}
