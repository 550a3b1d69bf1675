/** Keys remembered at the most; the one unseen for longest is forgotten first. */
const KEYS_MOST = 65_536;
const MINUTE = 60_000;

export interface RateLimit {
  /** Takes one call. @returns 0, or the seconds to wait */
  readonly take: (key: string, now: number) => number;
  /** The seconds to wait, taking nothing. */
  readonly wait: (key: string, now: number) => number;
}

/**
 * So many calls a minute, or another window, for each key, by a leaking bucket: a burst of a window's worth passes, then the rate holds.
 * @param most 0 for no limit
 * @param window milliseconds
 */
export function rateLimit(most: number, window = MINUTE): RateLimit {
  if (most === 0) return { take: () => 0, wait: () => 0 };
  const each = window / most;
  /** When the key's bucket will be empty, milliseconds. */
  const emptyAt = new Map<string, number>();
  const level = (key: string, now: number): number => Math.max(emptyAt.get(key) ?? now, now);
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
