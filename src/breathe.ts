import { setImmediate } from 'node:timers/promises';

/** Milliseconds of work after which the event loop is yielded. */
const LONGEST = 5;

/** To be awaited between small pieces of long-running work. */
export type Breathe = () => Promise<void> | void;

/** Yields to the event loop whenever the work has held it for `longest` milliseconds; costs next to nothing in between. */
export function breather(longest = LONGEST): Breathe {
  let since = performance.now();
  const breath = async (): Promise<void> => {
    await setImmediate();
    since = performance.now();
  };
  return () => (performance.now() - since < longest ? undefined : breath());
}
