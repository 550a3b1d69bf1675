import { formatDuration } from '../../config/duration.ts';
import { type EligibilityStep, failed, passed } from '../eligibility.ts';

export interface Quota {
  readonly limit: number;
  /** Seconds. */
  readonly window: number;
  /** What is counted: requests per requester, per requester and profile, or per profile across all requesters. */
  readonly of: 'requester' | 'requester-and-profile' | 'profile';
}

/** Seconds until the end of the window that contains `now` (milliseconds); windows are aligned to the epoch. */
export const secondsLeft = ({ window }: Quota, now: number): number => window - Math.floor(now / 1000) % window;

/** The key under which a request is counted. @param requester `kind:name` */
export function quotaKey({ of }: Quota, requester: string, profile: string): string {
  switch (of) {
    case 'requester': return requester;
    case 'requester-and-profile': return `${requester}\n${profile}`;
    case 'profile': return `profile\n${profile}`;
  }
}

const WORDS: Readonly<Record<Quota['of'], (profile: string) => string>> = {
  requester: () => '',
  'requester-and-profile': (profile) => ` for profile ${profile}`,
  profile: (profile) => ` of all requesters for profile ${profile}`,
};

/** Limits requests per window. Checked here, and counted with the record in one atomic step. Operators have no quota. */
export const quotaStep = (quota: Quota): EligibilityStep => ({
  name: 'quota',
  check: ({ grant, profile }, facts) => {
    if (grant.operator === true) return passed('operators have no quota');
    const window = formatDuration(quota.window);
    const counted = `requests${WORDS[quota.of](profile.name)}`;
    if (facts.quotaUsed === undefined) return passed(`at most ${quota.limit} ${counted} in ${window}, counted with the record`);
    return facts.quotaUsed(quota.window).then((used) =>
      used < quota.limit
        ? passed(`${used} of ${quota.limit} ${counted} used in ${window}`)
        : failed([{ code: 'quota-exceeded', detail: `${used} of ${quota.limit} ${counted} used in ${window}; try again later` }]));
  },
});
