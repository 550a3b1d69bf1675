import { Refused } from '../errors.ts';
import type { Candidate, EligibilityStep, Facts, Verdict } from '../policy/eligibility.ts';
import { StoreUnavailable } from '../store/store.ts';
import type { IssuanceContext } from './context.ts';
import type { Step } from './request.ts';

/** The outcomes of a request's steps. */
export interface StepsRun {
  readonly steps: readonly Step[];
  /** When the first waiting step is to be checked again, milliseconds since the epoch. */
  readonly again: number | undefined;
}

type Surroundings = Pick<IssuanceContext, 'clock' | 'report'>;

/**
 * Runs every step in order and keeps every outcome, so that a refusal names everything that is wrong at once. Steps that consult an external
 * party run last, and only if no other step failed: nobody is consulted about, or even learns of, what is refused anyway. A step that
 * throws counts as failed (deny by default), without revealing its error.
 * @param before outcomes already settled
 * @throws StoreUnavailable, Refused `unavailable`: these say nothing about the request
 */
export async function runSteps(steps: readonly EligibilityStep[], candidate: Candidate, facts: Facts, before: readonly Step[], surroundings: Surroundings): Promise<StepsRun> {
  const done: Step[] = [...before];
  let again: number | undefined;
  for (const outside of [false, true]) {
    if (outside && done.some(({ outcome }) => outcome === 'failed')) break;
    for (const step of steps) {
      if ((step.outside === true) !== outside) continue;
      const verdict = judged(step.name, () => step.check(candidate, facts, done), surroundings);
      // Most steps are synchronous: awaiting a plain value would cost a turn of the event loop each.
      const settled = verdict instanceof Promise ? await verdict : verdict;
      if (settled.again !== undefined) again = Math.min(settled.again, again ?? Infinity);
      done.push({ name: step.name, outcome: settled.outcome, reason: settled.reason, time: surroundings.clock() });
    }
  }
  return { steps: done, again };
}

/** A step's verdict; if the step throws, a failed one. */
export function judged(name: string, judge: () => Verdict | Promise<Verdict>, { report }: Pick<Surroundings, 'report'>): Verdict | Promise<Verdict> {
  const broken = (error: unknown): Verdict => {
    if (error instanceof StoreUnavailable || (error instanceof Refused && error.code === 'unavailable')) throw error;
    report(`eligibility step ${name} failed unexpectedly`, error);
    return { outcome: 'failed', reason: 'the check could not be made; the service\'s log says why' };
  };
  try {
    const verdict = judge();
    return verdict instanceof Promise ? verdict.catch(broken) : verdict;
  } catch (error) {
    return broken(error);
  }
}
