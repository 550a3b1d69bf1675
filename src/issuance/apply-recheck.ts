import type { AuditDraft } from '../audit/entry.ts';
import { Refused } from '../errors.ts';
import type { TransitionOutcome } from '../store/store.ts';
import type { IssuanceContext } from './context.ts';
import { finish, withoutIntent } from './finish.ts';
import { proceed } from './proceed.ts';
import type { RequestRecord, Step } from './request.ts';

/**
 * Applies the results of steps that checked a waiting request again (`eligibility/recheck.ts`): it is denied, keeps waiting, or proceeds.
 * @param seen the request as the steps saw it
 * @throws Refused `unavailable`, StoreUnavailable: the request keeps waiting
 */
export async function applyRecheck(context: IssuanceContext, seen: RequestRecord, looked: readonly Step[]): Promise<RequestRecord> {
  const now = context.clock();
  const steps = seen.steps.map((step) => looked.find(({ name }) => step.name === name && step.outcome === 'waiting') ?? step);
  const refused = looked.filter(({ outcome }) => outcome === 'failed');
  if (refused.length > 0) return refuse(context, seen, steps, wordsOf(refused), now);
  if (steps.some(({ outcome }) => outcome === 'waiting')) {
    const same = steps.every((step, at) => step.outcome === seen.steps[at]?.outcome && step.reason === seen.steps[at]?.reason);
    return same ? seen : settledBy(context, await context.store.amend(seen, { ...seen, steps, updatedAt: now }, []), seen);
  }
  try {
    const audit: AuditDraft = { time: now, event: 'request.approved', actor: 'system', subject: seen.id, details: { reason: wordsOf(looked) } };
    return await settledBy(context, await proceed(context, seen, steps, [audit], now), seen);
  } catch (error) {
    // Someone else holds its names by now, or its key is blocked: no operator is involved who could decide otherwise.
    const [fault] = error instanceof Refused && error.code === 'request-refused' ? error.faults : [];
    if (fault === undefined) throw error;
    const step: Step = { name: fault.at ?? 'approval', outcome: 'failed', reason: fault.detail, time: now };
    return refuse(context, seen, [...steps.filter(({ name }) => name !== step.name), step], wordsOf([step]), now);
  }
}

const wordsOf = (steps: readonly Step[]): string => steps.map(({ name, reason }) => `${name}: ${reason}`).join('; ');

async function refuse(context: IssuanceContext, seen: RequestRecord, steps: readonly Step[], detail: string, now: number): Promise<RequestRecord> {
  const record: RequestRecord = { ...withoutIntent(seen), state: 'denied', steps, updatedAt: now, refusal: { code: 'request-refused', detail } };
  const audit: AuditDraft = { time: now, event: 'request.denied', actor: 'system', subject: seen.id, details: { reason: detail } };
  return settledBy(context, await context.store.transition('pending', record, [audit]), seen);
}

/** The request's new state, whether set by us or by a faster process. */
async function settledBy(context: IssuanceContext, outcome: TransitionOutcome, seen: RequestRecord): Promise<RequestRecord> {
  switch (outcome.outcome) {
    case 'stored': return finish(context, outcome.record);
    case 'moved-on': return outcome.record;
    default: return seen;
  }
}
