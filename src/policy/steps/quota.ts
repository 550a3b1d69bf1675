import { type EligibilityStep, failed, passed } from '../eligibility.ts';

export interface Quota {
  readonly limit: number;
  /** Seconds. */
  readonly window: number;
}

/** Requests of one requester within a window. Told here, and counted with the record in one atomic step. Operators have none. */
export const quotaStep = (quota: Quota): EligibilityStep => ({
  name: 'quota',
  check: (candidate, facts) => {
    if (candidate.grant.operator === true) return passed('operators have no quota');
    return facts.quotaUsed(quota.window).then((used) =>
      used < quota.limit
        ? passed(`${used} of ${quota.limit} requests used in ${quota.window} s`)
        : failed([{ code: 'quota-exceeded', detail: `${used} of ${quota.limit} requests used in ${quota.window} s; try again later` }]));
  },
});
