import type { AuditDraft } from '../audit/entry.ts';
import { Refused } from '../errors.ts';
import { requesterKey } from '../identity/identity.ts';
import { LintError } from '../policy/lints.ts';
import type { TransitionOutcome } from '../store/store.ts';
import { parseCertificationRequest } from '../x509/csr.ts';
import { type Certifiable, certify } from './certify.ts';
import type { Inquiry, IssuanceContext, IssuingProfile } from './context.ts';
import { fail, keyBlocked } from './finish.ts';
import { stepRefused } from './issue.ts';
import type { RequestRecord, Step } from './request.ts';

/**
 * Moves a pending request to `approved`: the bytes to be signed become durable, together with the owner's claim on names and key.
 * @throws Refused `request-refused` if someone else holds them by now or the key is blocked; the request then stays pending
 */
export async function proceed(context: IssuanceContext, pending: RequestRecord, steps: readonly Step[], audit: readonly AuditDraft[], now: number): Promise<TransitionOutcome> {
  const issuing = issuingProfile(context, pending);
  if (await context.isBlocked(pending.keyHash)) throw keyBlocked();
  const inquiry = await holdings(context, pending, now);
  let signable: ReturnType<typeof certify>;
  try {
    signable = certify(issuing, certifiable(pending), pending.id, now);
  } catch (error) {
      // What was permissible when requested can no longer be signed (the authority was renewed, or a lint is new).
    if (!(error instanceof LintError)) throw error;
    return { outcome: 'stored', record: await fail(context, { ...pending, steps }, { name: 'lints', reason: error.message }, audit) };
  }
  const { approvals: _approvals, takesOver: _takesOver, ...rest } = pending;
  const record: RequestRecord = { ...rest, state: 'approved', steps, tbs: signable.tbs, updatedAt: now };
  return context.store.transition('pending', record, audit, inquiry?.changes(record.id, signable.notAfter));
}

/** Checks again who holds the names and key, since others may have acquired them while the request waited. */
async function holdings(context: IssuanceContext, pending: RequestRecord, now: number): Promise<Inquiry | undefined> {
  const { ownership } = context;
  const kinds = ownership?.kindsOf(pending.profile) ?? [];
  if (ownership === undefined || kinds.length === 0) return undefined;
  const inquiry = ownership.ask(pending.owner ?? requesterKey(pending.requester));
  for (const kind of kinds) {
    const held = await inquiry.heldByOthers(kind, kind === 'key' ? [pending.keyHash] : (pending.subject?.names ?? []).map((name) => `${name.kind}:${name.value}`), now);
    const step = kind === 'key' ? 'known-key' : 'name-ownership';
    const mayTake = pending.takesOver === true || pending.steps.some(({ name, outcome }) => name === step && outcome === 'waiting');
    if (held.length > 0 && !mayTake) {
      throw stepRefused(step, `since it was requested, others hold ${held.map(({ what, serial }) => `${kind === 'key' ? 'its key' : JSON.stringify(what.slice(what.indexOf(':') + 1))} by certificate ${serial}`).join(', ')}; expected those to be revoked or released, or the request to be denied`);
    }
  }
  return inquiry;
}

function issuingProfile(context: IssuanceContext, record: RequestRecord): IssuingProfile {
  const issuing = context.profiles.get(record.profile);
  if (issuing === undefined) throw new Refused('profile-unknown', `Profile ${record.profile} of request ${record.id} is no longer configured.`);
  return issuing;
}

/** Exactly what was settled when the request was made; approval adds nothing. */
function certifiable({ csr, subject, validity, maxValidity }: RequestRecord): Certifiable {
  const { publicKey } = parseCertificationRequest(csr ?? new Uint8Array());
  const { names = [], commonName, organization, organizationalUnit, life } = subject ?? {};
  return { publicKey, names, commonName, organization, organizationalUnit, validity, life, grant: maxValidity === undefined ? {} : { maxValidity } };
}
