import type { Candidate, EligibilityStep, Facts } from '../policy/eligibility.ts';
import { StoreUnavailable } from '../store/store.ts';
import type { IssuanceContext } from './context.ts';
import type { Step } from './request.ts';

/**
 * Runs every step in order and keeps every outcome: a refusal tells all that is wrong at once. A step that breaks is a
 * refusal (deny by default), told without its inner error.
 * @throws StoreUnavailable, which says nothing about the request
 */
export async function runSteps(steps: readonly EligibilityStep[], candidate: Candidate, facts: Facts, { clock, report }: Pick<IssuanceContext, 'clock' | 'report'>): Promise<readonly Step[]> {
  const done: Step[] = [];
  for (const { name, check } of steps) {
    let step: Omit<Step, 'name' | 'time'>;
    try {
      const verdict = check(candidate, facts);
      // Most steps are pure: waiting for a promise that is none would cost a turn of the event loop each.
      step = verdict instanceof Promise ? await verdict : verdict;
    } catch (error) {
      if (error instanceof StoreUnavailable) throw error;
      report(`eligibility step ${name} broke`, error);
      step = { outcome: 'failed', reason: 'the check could not be made; the service\'s log says why' };
    }
    done.push({ name, outcome: step.outcome, reason: step.reason, time: clock() });
  }
  return done;
}
