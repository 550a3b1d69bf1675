import type { Candidate, EligibilityStep, Facts } from '../policy/eligibility.ts';
import type { Step } from './request.ts';

/**
 * Runs every step in order and keeps every outcome: a refusal tells all that is wrong at once. A step that breaks is a
 * refusal (deny by default), told without its inner error.
 */
export async function runSteps(steps: readonly EligibilityStep[], candidate: Candidate, facts: Facts, clock: () => number): Promise<readonly Step[]> {
  const done: Step[] = [];
  for (const { name, check } of steps) {
    const verdict = check(candidate, facts);
    // Most steps are pure: waiting for a promise that is none would cost a turn of the event loop each.
    const { outcome, reason } = verdict instanceof Promise ? await verdict : verdict;
    done.push({ name, outcome, reason, time: clock() });
  }
  return done;
}
