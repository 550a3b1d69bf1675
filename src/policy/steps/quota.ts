import { type EligibilityStep, failed, passed } from '../eligibility.ts';

export interface Quota {
  readonly limit: number;
  /** Seconds. */
  readonly window: number;
}

/** Seconds until the window ends that `now` (milliseconds) lies in: windows are counted from the epoch. */
export const secondsLeft = ({ window }: Quota, now: number): number => window - Math.floor(now / 1000) % window;

/** Requests of one requester within a window. Told here, and counted with the record in one atomic step. Operators have none. */
export const quotaStep = (quota: Quota): EligibilityStep => ({
  name: 'quota',
  check: (candidate, facts) => {
    if (candidate.grant.operator === true) return passed('operators have no quota');
    if (facts.quotaUsed === undefined) return passed(`at most ${quota.limit} requests in ${quota.window} s, counted with the record`);
    return facts.quotaUsed(quota.window).then((used) =>
      used < quota.limit
        ? passed(`${used} of ${quota.limit} requests used in ${quota.window} s`)
        : failed([{ code: 'quota-exceeded', detail: `${used} of ${quota.limit} requests used in ${quota.window} s; try again later` }]));
  },
});
