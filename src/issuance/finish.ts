import type { AuditDraft } from '../audit/entry.ts';
import { Refused } from '../errors.ts';
import { requesterKey } from '../identity/identity.ts';
import { LintError } from '../policy/lints.ts';
import type { TransitionOutcome } from '../store/store.ts';
import { parseTbsCertificate } from '../x509/certificate.ts';
import { signStored } from './certify.ts';
import { BLOCKED } from './check.ts';
import type { IssuanceContext } from './context.ts';
import { stepRefused } from './issue.ts';
import type { RequestRecord, Step } from './request.ts';

const APPROVED_PAGE = 100;

/**
 * Signs the stored bytes of an approved request. This is also the recovery from a crash between approval and signature: the same bytes
 * are signed again, and if two processes sign, only one certificate is stored and returned. What can never be signed becomes `failed`.
 * @throws Refused `unavailable`, StoreUnavailable: the request stays approved
 */
export async function finish(context: IssuanceContext, approved: RequestRecord): Promise<RequestRecord> {
  if (approved.state !== 'approved' || approved.tbs === undefined) return approved;
  const now = context.clock();
  const issuing = context.profiles.get(approved.profile);
  if (issuing === undefined) return fail(context, approved, { name: 'profile', reason: `profile ${approved.profile} is no longer configured` });
  if (await context.isBlocked(approved.keyHash)) return fail(context, approved, { name: 'block-list', reason: BLOCKED });
  let certificate: Uint8Array;
  try {
    certificate = await signStored(issuing, approved.tbs);
  } catch (error) {
    if (!(error instanceof LintError)) throw error;
    return fail(context, approved, { name: 'lints', reason: error.message });
  }
  const { notBefore, notAfter } = parseTbsCertificate(approved.tbs);
  const issued: RequestRecord = { ...withoutIntent(approved), state: 'issued', certificate, notBefore, notAfter, updatedAt: now };
  const details = { profile: issued.profile, authority: issued.authority, names: issued.names, notAfter };
  const outcome = await context.store.transition('approved', issued, [
    { time: now, event: 'certificate.issued', actor: requesterKey(issued.requester), subject: issued.id, details },
  ]);
  if (outcome.outcome === 'key-blocked') return fail(context, approved, { name: 'block-list', reason: BLOCKED });
  return stored(outcome, approved.id);
}

/** Ends a request that can never be signed. @returns the record, or whatever another process made of it first */
export async function fail(context: IssuanceContext, record: RequestRecord, { name, reason }: Pick<Step, 'name' | 'reason'>, audit: readonly AuditDraft[] = []): Promise<RequestRecord> {
  const now = context.clock();
  const failed: RequestRecord = {
    ...withoutIntent(record), state: 'failed', updatedAt: now,
    steps: [...record.steps, { name, outcome: 'failed', reason, time: now }], refusal: { code: 'request-refused', detail: `${name}: ${reason}` },
  };
  const event: AuditDraft = { time: now, event: 'request.failed', actor: 'system', subject: record.id, details: { reason: `${name}: ${reason}` } };
  return stored(await context.store.transition(record.state, failed, [...audit, event]), record.id);
}

/** Finishes every approved request that a crash left unsigned. One that cannot be finished now does not hold up the others. */
export async function finishApproved(context: IssuanceContext): Promise<void> {
  let cursor: string | undefined;
  do {
    const page = await context.store.list({ state: 'approved' }, { limit: APPROVED_PAGE, ...(cursor === undefined ? {} : { cursor }) });
    for (const record of page.items) {
      await finish(context, record).catch((error: unknown) => context.report(`approved request ${record.id} could not be finished`, error));
    }
    cursor = page.next;
  } while (cursor !== undefined);
}

/** The record without what is only needed while it waits. */
export function withoutIntent({ csr: _csr, tbs: _tbs, subject: _subject, approvals: _approvals, takesOver: _takesOver, ...record }: RequestRecord): RequestRecord {
  return record;
}

/** The record as stored. @throws Refused `not-found`, `already-decided`, `request-refused`, `unavailable` */
export function stored(outcome: TransitionOutcome, id: string): RequestRecord {
  switch (outcome.outcome) {
    case 'stored': return outcome.record;
    case 'moved-on':
      // Another process finished the same approved request first: its certificate is the one that counts.
      if (outcome.record.state === 'issued') return outcome.record;
      throw decided(outcome.record);
    case 'unknown': throw new Refused('not-found', `There is no request ${id}.`);
    case 'key-blocked': throw keyBlocked();
    case 'superseded': throw busy(id);
  }
}

/** The request stays pending: an operator may deny it, or unblock the key. */
export const keyBlocked = (): Refused => stepRefused('block-list', BLOCKED);

export const decided = (record: RequestRecord): Refused =>
  new Refused('already-decided', `Request ${record.id} has been ${record.state} since ${new Date(record.updatedAt).toISOString()}.`, { instance: `/v1/requests/${record.id}` });

export const busy = (id: string): Refused => new Refused('unavailable', `Too many others are deciding about request ${id}, or its names, at the same time; try again.`, { retryAfter: 1 });
