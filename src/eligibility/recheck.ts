import { Refused } from '../errors.ts';
import { applyRecheck } from '../issuance/apply-recheck.ts';
import type { IssuanceContext } from '../issuance/context.ts';
import { cancelRecheck, RECHECK_INDEX, scheduleRecheck } from '../issuance/recheck-schedule.ts';
import type { RequestRecord, Step } from '../issuance/request.ts';
import { judged } from '../issuance/run-steps.ts';
import type { EligibilityStep, Question } from '../policy/eligibility.ts';
import type { ObjectStore, StoredObject } from '../store/objects.ts';
import { StoreUnavailable } from '../store/store.ts';
import { parseCertificationRequest } from '../x509/csr.ts';

/** Milliseconds for which a request is leased to the process that checks it. Everything a step may do takes less. */
const LEASE = 300_000;
/** Milliseconds until the next attempt if a check was inconclusive. */
const PAUSE = 30_000;
const MOST_AT_ONCE = 16;

export interface RecheckOptions {
  readonly context: IssuanceContext;
  readonly objects: Pick<ObjectStore, 'list' | 'write'>;
}

/** Repeats the checks of waiting requests when they are due: in one process at a time, and across restarts. */
export interface Rechecker {
  readonly look: () => Promise<void>;
}

export function rechecker({ context, objects }: RecheckOptions): Rechecker {
  const steps = new Map(context.steps.flatMap((step) => (step.again === undefined ? [] : [[step.name, step] as const])));
  return {
    look: async () => {
      if (steps.size === 0) return;
      const now = context.clock();
      const { items } = await objects.list(RECHECK_INDEX, { limit: MOST_AT_ONCE }, { upTo: now });
      await Promise.all(items.map((item) => recheckOne(context, objects, steps, item, now)));
    },
  };
}

type Steps = ReadonlyMap<string, EligibilityStep>;

async function recheckOne(context: IssuanceContext, objects: RecheckOptions['objects'], steps: Steps, { id, version }: StoredObject, now: number): Promise<void> {
  // The due time doubles as the lease: the process that moves it forward first has the request.
  const leased = await objects.write([scheduleRecheck(id, now + LEASE, version)], []);
  if (leased.outcome !== 'stored') return;
  let due: number | undefined;
  try {
    due = await judge(context, steps, id);
  } catch (error) {
    context.report(`request ${id} still waits: it could not be checked again`, error);
    due = context.clock() + PAUSE;
  }
  await objects.write([due === undefined ? cancelRecheck(id, version + 1) : scheduleRecheck(id, due, version + 1)], []);
}

/** When to check the request again; undefined if nothing is left to check. */
async function judge(context: IssuanceContext, steps: Steps, id: string): Promise<number | undefined> {
  const record = await context.store.get(id);
  if (record === undefined || record.state !== 'pending') return undefined;
  const question = questionOf(record, context.clock());
  const looked: Step[] = [];
  let due: number | undefined;
  for (const { name, outcome } of record.steps) {
    const again = outcome === 'waiting' ? steps.get(name)?.again : undefined;
    if (again === undefined) continue;
    const verdict = await perhaps(name, context, () => again(question, record.steps));
    const next = verdict === undefined ? question.time + PAUSE : verdict.again;
    if (next !== undefined) due = Math.min(next, due ?? Infinity);
    if (verdict !== undefined) looked.push({ name, outcome: verdict.outcome, reason: verdict.reason, time: question.time });
  }
  if (looked.length === 0) return due;
  const after = await applyRecheck(context, record, looked);
  // Someone else changed the request meanwhile, so these verdicts are not recorded yet.
  if (after === record && looked.some(({ outcome }) => outcome !== 'waiting')) return context.clock();
  return after.state === 'pending' ? due : undefined;
}

/** A step's verdict; undefined if it is inconclusive now. */
async function perhaps(name: string, context: IssuanceContext, look: () => ReturnType<NonNullable<EligibilityStep['again']>>): Promise<Awaited<ReturnType<typeof look>> | undefined> {
  try {
    return await judged(name, look, context);
  } catch (error) {
    if (error instanceof StoreUnavailable || !(error instanceof Refused)) throw error;
    return undefined;
  }
}

function questionOf({ id, createdAt, requester, takesOver, profile, subject, csr, keyHash, validity, metadata }: RequestRecord, time: number): Question {
  const { publicKey } = parseCertificationRequest(csr ?? new Uint8Array());
  return {
    requester, operator: takesOver === true, profile, names: subject?.names ?? [], key: { type: publicKey.type, bits: publicKey.bits, hash: keyHash }, time, dryRun: false,
    waiting: { id, since: createdAt },
    ...(validity === undefined ? {} : { validity }), ...(metadata === undefined ? {} : { metadata }),
  };
}
