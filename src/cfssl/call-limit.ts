import { Refused } from '../errors.ts';
import { rateLimit } from '../http/rate-limit.ts';

/** Counts a call of an identity. @throws Refused `rate-limited` */
export type CallLimit = (identity: string, now: number) => void;

/** @param perMinute calls per identity; 0 for no limit */
export function callLimit(perMinute: number): CallLimit {
  const calls = rateLimit(perMinute);
  return (identity, now) => {
    const seconds = calls.take(identity, now);
    if (seconds > 0) throw new Refused('rate-limited', 'Too many calls by this identity.', { retryAfter: seconds });
  };
}
