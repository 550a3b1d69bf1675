/** Upper bound of keys remembered; the least recently seen is dropped first. */
const KEYS_MOST = 65_536;
const MINUTE = 60_000;

export interface RateLimit {
  /** Takes one call. @returns 0, or the number of seconds to wait */
  readonly take: (key: string, now: number) => number;
  /** The number of seconds to wait, without taking a call. */
  readonly wait: (key: string, now: number) => number;
}

/**
 * Limits calls per key by a leaky bucket: a burst of a whole window's worth passes, after that the rate applies.
 * @param most calls per window; 0 for no limit
 * @param window milliseconds
 */
export function rateLimit(most: number, window = MINUTE): RateLimit {
  if (most === 0) return { take: () => 0, wait: () => 0 };
  const each = window / most;
  /** When each key's bucket will be empty, milliseconds since the epoch. */
  const emptyAt = new Map<string, number>();
  const level = (key: string, now: number): number => {
    const until = emptyAt.get(key) ?? now;
    if (until <= now + window) return Math.max(until, now);
    // No bucket is fuller than a window: this one was filled before the clock was set back.
    emptyAt.set(key, now + window);
    return now + window;
  };
  const wait = (key: string, now: number): number => {
    const over = level(key, now) + each - now - window;
    return over > 0 ? Math.ceil(over / 1000) : 0;
  };
  return {
    wait,
    take: (key, now) => {
      const seconds = wait(key, now);
      if (seconds > 0) return seconds;
      const next = level(key, now) + each;
      emptyAt.delete(key);
      emptyAt.set(key, next);
      if (emptyAt.size > KEYS_MOST) forgetOldest(emptyAt);
      return 0;
    },
  };
}

function forgetOldest(map: Map<string, number>): void {
  const oldest = map.keys().next();
  if (oldest.done !== true) map.delete(oldest.value);
}
