import type { AuditDraft } from '../audit/entry.ts';
import { type Fault, Refused } from '../errors.ts';
import { type CredentialRecord, type Identity, requesterKey } from '../identity/identity.ts';
import { LintError } from '../policy/lints.ts';
import { type Quota, quotaKey, secondsLeft } from '../policy/steps/quota.ts';
import type { ObjectChange } from '../store/objects.ts';
import type { AcceptOutcome, Claim, QuotaClaim } from '../store/store.ts';
import { scheduleRecheck } from './recheck-schedule.ts';
import { certify } from './certify.ts';
import { BLOCKED, type Checked, check, type Judged, stepsFor } from './check.ts';
import { claimsOf, csrDigest, onceKeyOf } from './claims.ts';
import type { IssuanceContext } from './context.ts';
import type { IssueInput } from './input.ts';
import type { RequestRecord, Step } from './request.ts';
import { batchPerTurn } from './batch-per-turn.ts';

/** Requests that arrive together are checked and signed together. */
const nextTurn = batchPerTurn();

/** Attempts made while ownership of the requested names or key is changing hands. */
const MOST_TRIES = 10;

/** Outcomes of the optimistic write that must be investigated with lookups. */
const NEED_LOOKUPS: ReadonlySet<AcceptOutcome['outcome']> = new Set(['identity-gone', 'key-blocked', 'quota-exceeded']);

/** The result of a dry run: every step and the outline of the certificate. Nothing is signed or stored. */
export interface Outlook {
  readonly profile: string;
  readonly authority: string;
  readonly names: readonly string[];
  readonly steps: readonly Step[];
  readonly outcome: 'issued' | 'pending' | 'denied';
}

/**
 * THE cycle: takes a CSR and an identity, and returns a durable request, with its certificate if no step has to wait
 * (docs/issuance-cycle.md explains the steps).
 * @throws Refused `forbidden`, `csr-malformed`, `csr-possession`, `profile-unknown`; `request-refused` with every failed step;
 *   `token-exhausted`, `idempotency-key-reused`, `unavailable`
 */
export async function issue(context: IssuanceContext, input: IssueInput): Promise<RequestRecord> {
  // Optimistic where lookups are expensive, unless that would consult external parties about mere retries.
  if (context.storeIsRemote && !context.asksOutside) {
    const record = await cycle(context, input, false);
    if (record !== undefined) return record;
  }
  const fresh = await refreshed(input);
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const record = await cycle(context, fresh, true);
    if (record !== undefined) return record;
  }
  throw new Refused('unavailable', 'Others are requesting the same names, or using the same key, at the same time; try again.', { retryAfter: 1 });
}

/** The input with its identity re-read from the store. */
async function refreshed(input: IssueInput): Promise<IssueInput> {
  const { cached } = input;
  return cached === undefined ? input : { ...input, cached: undefined, identity: await cached.refresh() };
}

/**
 * One pass through the cycle. Without lookups, the store is asked only once, by the write, which rechecks everything anyway, including the
 * credential record. It then returns undefined if the write or a step refused, since finding out what to report and record takes lookups.
 * With lookups, it returns undefined if the names or keys it looked up have changed hands since.
 */
async function cycle(context: IssuanceContext, input: IssueInput, lookFirst: boolean): Promise<RequestRecord | undefined> {
  const now = context.clock();
  await nextTurn();
  const started = performance.now();
  // 1. The CSR is strict DER, its key is worth a verification, and its signature proves possession.
  const checked = check(context, input);
  // 2. Asked before? Then return the first request, whatever the steps would say today.
  const claims = claimsOf(input, checked, now);
  const token = tokenUse(input.identity, checked);
  // A key outside the process must not sign what may be a retry.
  if (!lookFirst && checked.issuing.authority.signingKey?.outside === true) return undefined;
  const first = lookFirst ? await context.store.find({ claims: claims.map(({ key }) => key), ...token }, now) : undefined;
  if (first !== undefined) return firstRequest(context, input.identity, first, claims, now);
  // 3. May they? Every step runs and is recorded.
  const judged = await stepsFor(context, input, checked, now, lookFirst);
  const checkedAt = performance.now();
  context.measure('check', checkedAt - started);
  // 4. The serial is drawn when the request is accepted, and is its id.
  // 5. Exact bytes, linted, signed. The signature stays in the process until step 6 is done.
  const record = await recordOf(context, input, checked, judged.steps, now);
  if (!lookFirst && record.state === 'denied') return undefined;
  const signedAt = performance.now();
  context.measure('sign', signedAt - checkedAt);
  // 6. One atomic, durable write: record, claims, counts, audit. A refusal consumes nothing.
  const counted = record.state === 'denied' ? {} : { ...token, ...quotaClaim(context, input.identity, record), ...changesWith(record, judged) };
  const stored = await context.store.accept({ record, claims: record.state === 'denied' ? [] : claims, ...counted, ...guardOf(input), audit: auditOf(record, input.identity, now), now });
  context.measure('store', performance.now() - signedAt);
  // 7. Only now may the response be sent.
  if (stored.outcome === 'exists') return stored.record;
  if (stored.outcome === 'superseded' || (!lookFirst && NEED_LOOKUPS.has(stored.outcome))) return undefined;
  if (stored.outcome !== 'stored') throw notStored(stored, input.identity);
  context.counted(record.state, record.profile);
  if (record.state === 'denied') throw refusal(record, context.quota && { quota: context.quota, now });
  return record;
}

/**
 * Runs the same checks without signing or storing anything.
 * @throws Refused `forbidden`, `csr-malformed`, `csr-possession`, `profile-unknown`
 */
export async function dryRun(context: IssuanceContext, input: IssueInput): Promise<Outlook> {
  const now = context.clock();
  const checked = check(context, input);
  const { issuing, candidate } = checked;
  const steps = [...(await stepsFor(context, { ...input, dryRun: true }, checked, now, true)).steps];
  if (outcomeOf(steps) !== 'denied') {
    try {
      certify(issuing, candidate, context.newSerial(now), now);
    } catch (error) {
      steps.push(lintStep(error, now));
    }
  }
  const names = candidate.names.map(({ value }) => value);
  return { profile: issuing.profile.name, authority: issuing.authority.name, names, steps, outcome: outcomeOf(steps) };
}

const outcomeOf = (steps: readonly Step[]): Outlook['outcome'] =>
  steps.some(({ outcome }) => outcome === 'failed') ? 'denied' : steps.some(({ outcome }) => outcome === 'waiting') ? 'pending' : 'issued';

async function recordOf(context: IssuanceContext, input: IssueInput, checked: Checked, steps: readonly Step[], now: number): Promise<RequestRecord> {
  const { issuing, candidate, keyHash } = checked;
  const request = {
    id: context.newSerial(now),
    authority: issuing.authority.name,
    profile: issuing.profile.name,
    requester: { kind: input.identity.kind, name: input.identity.name },
    names: candidate.names.map(({ value }) => value),
    steps,
    createdAt: now,
    updatedAt: now,
    keyHash,
    ...(input.metadata === undefined ? {} : { metadata: input.metadata }),
    ...(candidate.validity === undefined ? {} : { validity: candidate.validity }),
    ...(candidate.grant.maxValidity === undefined ? {} : { maxValidity: candidate.grant.maxValidity }),
    ...(context.ownership === undefined || input.owner === undefined ? {} : { owner: input.owner }),
  };
  switch (outcomeOf(steps)) {
    case 'denied': return denied({ ...request, state: 'denied' });
    case 'pending': {
      const { names, commonName, organization, organizationalUnit, life } = candidate;
      const given = Object.entries({ commonName, organization, organizationalUnit, life }).filter(([, value]) => value !== undefined);
      return { ...request, ...decidersOf(context, input.identity), state: 'pending', csr: input.csr, subject: { names, ...Object.fromEntries(given) } };
    }
    case 'issued':
      try {
        const { sign, notBefore, notAfter } = certify(issuing, candidate, request.id, now);
        const signature = sign();
        return { ...request, state: 'issued', certificate: signature instanceof Promise ? await signature : signature, notBefore, notAfter };
      } catch (error) {
        return denied({ ...request, state: 'denied', steps: [...steps, lintStep(error, now)] });
      }
  }
}

/** Who may decide about a request that has to wait. */
function decidersOf({ approval: { approvals: needed, operators }, ownership }: IssuanceContext, identity: Identity): Pick<RequestRecord, 'approvals' | 'takesOver'> {
  // The creator of a token may also be its user: where several approvals are needed, the two count as one person.
  const askers = [requesterKey(identity), ...(needed > 1 && identity.sponsor !== undefined ? [identity.sponsor] : [])];
  return {
    ...(needed === 1 && operators === undefined ? {} : { approvals: { needed, askers, given: [], ...(operators === undefined ? {} : { operators }) } }),
    ...(ownership !== undefined && identity.grant.operator === true ? { takesOver: true } : {}),
  };
}

/** Objects written in the same step as the record: what its certificate now holds, or when it is to be checked again. */
function changesWith(record: RequestRecord, { inquiry, again }: Judged): { readonly objects?: readonly ObjectChange[] } {
  const objects = record.state === 'issued' ? inquiry?.changes(record.id, record.notAfter ?? 0) ?? [] : again === undefined ? [] : [scheduleRecheck(record.id, again)];
  return objects.length === 0 ? {} : { objects };
}

function denied(record: RequestRecord): RequestRecord {
  const detail = record.steps.filter(({ outcome }) => outcome === 'failed').map(({ name, reason }) => `${name}: ${reason}`).join('; ');
  return { ...record, refusal: { code: 'request-refused', detail } };
}

/** The failed step for a certificate whose bytes would violate a lint. Any other error is rethrown. */
function lintStep(error: unknown, now: number): Step {
  if (!(error instanceof LintError)) throw error;
  return { name: 'lints', outcome: 'failed', reason: error.message, time: now };
}

function tokenUse({ grant }: Identity, checked: Checked): { readonly token?: { readonly id: string; readonly csrDigest: string } } {
  return grant.token === undefined ? {} : { token: { id: grant.token.id, csrDigest: csrDigest(checked) } };
}

const guardOf = ({ cached }: IssueInput): { readonly guard?: CredentialRecord } => (cached === undefined ? {} : { guard: cached.credential });

function quotaClaim({ quota }: IssuanceContext, identity: Identity, { profile }: RequestRecord): { readonly quota?: QuotaClaim } {
  if (quota === undefined || identity.grant.operator === true) return {};
  return { quota: { key: quotaKey(quota, requesterKey(identity), profile), limit: quota.limit, window: quota.window } };
}

async function firstRequest({ store }: IssuanceContext, { grant: { once } }: Identity, first: NonNullable<Awaited<ReturnType<IssuanceContext['store']['find']>>>, claims: readonly Claim[], now: number): Promise<RequestRecord> {
  if (claims.every(({ fingerprint }) => fingerprint === first.fingerprint)) return first.record;
  const used = once === undefined ? undefined : await store.find({ claims: [onceKeyOf(once)] }, now);
  throw used !== undefined && claims.some(({ fingerprint }) => fingerprint !== used.fingerprint) ? usedUp() : keyReused();
}

function auditOf(record: RequestRecord, identity: Identity, now: number): AuditDraft[] {
  const about = { time: now, actor: requesterKey(identity), subject: record.id };
  const details = { profile: record.profile, authority: record.authority, names: record.names };
  switch (record.state) {
    case 'issued': return [{ ...about, event: 'certificate.issued', details: { ...details, notAfter: record.notAfter ?? 0 } }];
    case 'pending': return [{ ...about, event: 'request.accepted', details }];
    default: return [{ ...about, event: 'request.denied', details: { ...details, reason: record.refusal?.detail ?? '' } }];
  }
}

/** The problem that names every failed step of a denied request; if only the quota was exceeded, also when to retry. */
export function refusal(record: RequestRecord, counting?: { readonly quota: Quota; readonly now: number }): Refused {
  const failed = record.steps.filter(({ outcome }) => outcome === 'failed');
  const faults: Fault[] = failed.map(({ name, reason }) => ({ code: `step-${name}`, detail: reason, at: name }));
  const waits = counting !== undefined && failed.every(({ name }) => name === 'quota');
  return new Refused('request-refused', `The request is refused: ${record.refusal?.detail ?? 'an operator denied it'}`, {
    faults, instance: `/v1/requests/${record.id}`, ...(waits ? { retryAfter: secondsLeft(counting.quota, counting.now) } : {}),
  });
}

/** The store's own findings from within the atomic write, as a problem. */
function notStored(outcome: Exclude<AcceptOutcome, { outcome: 'stored' | 'exists' | 'superseded' }>, { grant: { once } }: Identity): Refused {
  switch (outcome.outcome) {
    case 'identity-gone': return new Refused('unauthenticated', 'The credentials are no longer valid.');
    case 'conflict': return once !== undefined && outcome.claim === onceKeyOf(once) ? usedUp() : keyReused();
    case 'token-exhausted': return new Refused('token-exhausted', 'The enrolment token has no uses left for another CSR.');
    case 'quota-exceeded': return stepRefused('quota', 'the requester\'s quota is used up', outcome.retryAfter);
    case 'key-blocked': return stepRefused('block-list', BLOCKED);
    case 'serial-taken': return new Refused('unavailable', 'The serial number drawn was already in use; try again.', { retryAfter: 1 });
  }
}

/** A refusal by a single step that leaves no denied request behind. */
export const stepRefused = (step: string, detail: string, retryAfter?: number): Refused =>
  new Refused('request-refused', `The request is refused: ${step}: ${detail}`, {
    faults: [{ code: `step-${step}`, detail, at: step }], ...(retryAfter === undefined ? {} : { retryAfter }),
  });

const usedUp = (): Refused => new Refused('token-exhausted', 'The token was used before, for another CSR; ask its issuer for a new one.');

const keyReused = (): Refused => new Refused('idempotency-key-reused', 'The Idempotency-Key was used before for another request; expected a new key, or the same request.');
