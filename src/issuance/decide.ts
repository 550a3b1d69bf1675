import type { AuditDraft } from '../audit/entry.ts';
import { Refused } from '../errors.ts';
import { type Identity, requesterKey } from '../identity/identity.ts';
import { LintError } from '../policy/lints.ts';
import { parseCertificationRequest } from '../x509/csr.ts';
import { parseTbsCertificate } from '../x509/certificate.ts';
import { type Certifiable, certify, signStored } from './certify.ts';
import { BLOCKED } from './check.ts';
import type { IssuanceContext, IssuingProfile } from './context.ts';
import { refusal, stepRefused } from './issue.ts';
import type { RequestRecord, Step } from './request.ts';

const APPROVED_PAGE = 100;

export interface Decision {
  readonly id: string;
  readonly operator: Identity;
  readonly reason: string;
}

/**
 * An operator lets a waiting request go on: the approval and the exact bytes to be signed become durable, then the signature is made.
 * @throws Refused `not-found`, `already-decided`, `request-refused`
 */
export async function approve(context: IssuanceContext, { id, operator, reason }: Decision): Promise<RequestRecord> {
  const now = context.clock();
  const pending = await waitingRequest(context, id);
  const issuing = issuingProfile(context, pending);
  if (await context.isBlocked(pending.keyHash)) throw keyBlocked();
  const step: Step = { name: 'approval', outcome: 'passed', reason: `approved by ${requesterKey(operator)}: ${reason}`, time: now };
  const steps = settled(pending.steps, step);
  const audit = [{ time: now, event: 'request.approved', actor: requesterKey(operator), subject: id, details: { reason } }] as const;
  let tbs: Uint8Array;
  try {
    tbs = certify(issuing, certifiable(pending), id, now).tbs;
  } catch (error) {
    // What was allowed when it was asked for can no longer be signed (the authority was renewed, a lint is new).
    if (!(error instanceof LintError)) throw error;
    return signedOrRefused(await fail(context, { ...pending, steps }, { name: 'lints', reason: error.message }, audit));
  }
  const outcome = await context.store.transition('pending', { ...pending, state: 'approved', steps, tbs, updatedAt: now }, audit);
  return signedOrRefused(await finish(context, stored(outcome, id)));
}

function signedOrRefused(record: RequestRecord): RequestRecord {
  if (record.state === 'failed') throw refusal(record);
  return record;
}

/**
 * An operator refuses a waiting request, for good.
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

/**
 * Signs the stored bytes of an approved request. Also what mends a crash between approval and signature: the same bytes are
 * signed again, and of two signers only one is stored, and answered with. What can never be signed becomes `failed`.
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

/** The end of a request that can never be signed. @returns it, or what another process made of it first */
async function fail(context: IssuanceContext, record: RequestRecord, { name, reason }: Pick<Step, 'name' | 'reason'>, audit: readonly AuditDraft[] = []): Promise<RequestRecord> {
  const now = context.clock();
  const failed: RequestRecord = {
    ...withoutIntent(record), state: 'failed', updatedAt: now,
    steps: [...record.steps, { name, outcome: 'failed', reason, time: now }], refusal: { code: 'request-refused', detail: `${name}: ${reason}` },
  };
  const event: AuditDraft = { time: now, event: 'request.failed', actor: 'system', subject: record.id, details: { reason: `${name}: ${reason}` } };
  return stored(await context.store.transition(record.state, failed, [...audit, event]), record.id);
}

/** Finishes every approved request that a crash left unsigned; one that cannot be finished now keeps none of the others waiting. */
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

async function waitingRequest(context: IssuanceContext, id: string): Promise<RequestRecord> {
  const record = await context.store.get(id);
  if (record === undefined) throw new Refused('not-found', `There is no request ${id}.`);
  if (record.state !== 'pending') throw decided(record);
  return record;
}

function issuingProfile(context: IssuanceContext, record: RequestRecord): IssuingProfile {
  const issuing = context.profiles.get(record.profile);
  if (issuing === undefined) throw new Refused('profile-unknown', `Profile ${record.profile} of request ${record.id} is no longer configured.`);
  return issuing;
}

/** The waiting step becomes the decided one; every other outcome stays as it was. */
const settled = (steps: readonly Step[], decision: Step): Step[] => [...steps.filter(({ outcome }) => outcome !== 'waiting'), decision];

/** What was settled when it was asked for: the approval adds nothing to it. */
function certifiable({ csr, subject, validity, maxValidity }: RequestRecord): Certifiable {
  const { publicKey } = parseCertificationRequest(csr ?? new Uint8Array());
  const { names = [], commonName, organization, organizationalUnit } = subject ?? {};
  return { publicKey, names, commonName, organization, organizationalUnit, validity, grant: maxValidity === undefined ? {} : { maxValidity } };
}

function withoutIntent({ csr: _csr, tbs: _tbs, subject: _subject, ...record }: RequestRecord): RequestRecord {
  return record;
}

function stored(outcome: Awaited<ReturnType<IssuanceContext['store']['transition']>>, id: string): RequestRecord {
  switch (outcome.outcome) {
    case 'stored': return outcome.record;
    case 'moved-on':
      // Another process finished the same approved request first: its certificate is the one.
      if (outcome.record.state === 'issued') return outcome.record;
      throw decided(outcome.record);
    case 'unknown': throw new Refused('not-found', `There is no request ${id}.`);
    case 'key-blocked': throw keyBlocked();
  }
}

/** The request keeps waiting: an operator may deny it, or take the key off the list. */
const keyBlocked = (): Refused => stepRefused('block-list', BLOCKED);

const decided = (record: RequestRecord): Refused =>
  new Refused('already-decided', `Request ${record.id} is ${record.state} since ${new Date(record.updatedAt).toISOString()}.`, { instance: `/v1/requests/${record.id}` });
