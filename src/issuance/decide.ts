import { Refused } from '../errors.ts';
import { type Identity, requesterKey } from '../identity/identity.ts';
import { approvalFault, approvalsMissing, type Approvals } from '../policy/approvals.ts';
import type { TransitionOutcome } from '../store/store.ts';
import type { IssuanceContext } from './context.ts';
import { busy, decided, finish, stored, withoutIntent } from './finish.ts';
import { proceed } from './proceed.ts';
import { refusal } from './issue.ts';
import type { RequestRecord, Step } from './request.ts';

export interface Decision {
  readonly id: string;
  readonly operator: Identity;
  readonly reason: string;
}

/** Attempts made while others are deciding about the same request, or acquiring or releasing the same names. */
const MOST_TRIES = 10;

/**
 * Approves a waiting request as an operator. The last approval needed lets it proceed, whatever else it was waiting for: the approval and
 * the exact bytes to be signed are made durable before the signature is made.
 * @throws Refused `not-found`, `already-decided`, `forbidden` if this approval does not count, `request-refused`
 */
export async function approve(context: IssuanceContext, { id, operator, reason }: Decision): Promise<RequestRecord> {
  const by = requesterKey(operator);
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const now = context.clock();
    const pending = await waitingRequest(context, id);
    const approvals = approvalsOf(pending);
    const fault = approvalFault(approvals, by);
    if (fault !== undefined) throw notCounted(pending, fault);
    const given = approvals.given.length + 1;
    const count = approvals.needed === 1 ? '' : ` (${given} of ${approvals.needed})`;
    const step: Step = { name: 'approval', outcome: 'passed', reason: `approved by ${by}${count}: ${reason}`, time: now };
    const details = { reason, ...(count === '' ? {} : { approvals: `${given} of ${approvals.needed}` }) };
    const audit = [{ time: now, event: 'request.approved', actor: by, subject: id, details }] as const;
    const outcome = given < approvals.needed
      ? await context.store.amend(pending, withApproval(pending, { ...approvals, given: [...approvals.given, by] }, step), audit)
      : await proceed(context, pending, settled(pending.steps, step), audit, now);
    if (isPending(outcome)) continue;
    const record = stored(outcome, id);
    return record.state === 'pending' ? record : signedOrRefused(await finish(context, record));
  }
  throw busy(id);
}

/** Records one approval while others are still missing. */
function withApproval(pending: RequestRecord, approvals: Approvals, step: Step): RequestRecord {
  const others = pending.steps.filter(({ name, outcome }) => name !== 'approval' || outcome !== 'waiting');
  const missing: Step = { name: 'approval', outcome: 'waiting', reason: `waits for ${approvalsMissing({ ...approvals, given: approvals.given.length })}`, time: step.time };
  return { ...pending, steps: [...others, step, missing], approvals, updatedAt: step.time };
}

/** Default for requests that specify nothing: one approval, not by the requester. */
const approvalsOf = ({ approvals, requester }: RequestRecord): Approvals => approvals ?? { needed: 1, askers: [requesterKey(requester)], given: [] };

function notCounted({ id }: RequestRecord, { code, detail }: NonNullable<ReturnType<typeof approvalFault>>): Refused {
  return new Refused(code === 'approval-already' ? 'already-decided' : 'forbidden', `The approval of request ${id} does not count: ${detail}.`, { faults: [{ code, detail }], instance: `/v1/requests/${id}` });
}

function signedOrRefused(record: RequestRecord): RequestRecord {
  if (record.state === 'failed') throw refusal(record);
  return record;
}

/**
 * Denies a waiting request as an operator; this is final.
 * @throws Refused `not-found`, `already-decided`
 */
export async function deny(context: IssuanceContext, { id, operator, reason }: Decision): Promise<RequestRecord> {
  const now = context.clock();
  const pending = await waitingRequest(context, id);
  const detail = `denied by ${requesterKey(operator)}: ${reason}`;
  const record: RequestRecord = {
    ...withoutIntent(pending), state: 'denied', updatedAt: now,
    steps: settled(pending.steps, { name: 'approval', outcome: 'failed', reason: detail, time: now }), refusal: { code: 'request-refused', detail },
  };
  const audit = [{ time: now, event: 'request.denied', actor: requesterKey(operator), subject: id, details: { reason } }] as const;
  return stored(await context.store.transition('pending', record, audit), id);
}

async function waitingRequest(context: IssuanceContext, id: string): Promise<RequestRecord> {
  const record = await context.store.get(id);
  if (record === undefined) throw new Refused('not-found', `There is no request ${id}.`);
  if (record.state !== 'pending') throw decided(record);
  return record;
}

/** Replaces the waiting step with the decision; every other outcome stays as it was. */
const settled = (steps: readonly Step[], decision: Step): Step[] => [...steps.filter(({ outcome }) => outcome !== 'waiting'), decision];

/** Whether the request is still pending but has changed since it was read, so that the decision must start afresh. */
const isPending = (outcome: TransitionOutcome): boolean => outcome.outcome === 'superseded' || (outcome.outcome === 'moved-on' && outcome.record.state === 'pending');
