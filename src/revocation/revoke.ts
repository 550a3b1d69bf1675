import type { AuditDraft } from '../audit/entry.ts';
import { Refused } from '../errors.ts';
import { type Identity, mayAct, requesterKey } from '../identity/identity.ts';
import type { RequestRecord } from '../issuance/request.ts';
import type { CertificateStore } from '../store/store.ts';
import { encodeRevokedEntry } from '../x509/crl.ts';
import type { RevocationReason } from '../x509/revocation-reason.ts';

export interface RevokeInput {
  readonly identity: Identity;
  readonly serial: string;
  readonly reason: RevocationReason;
}

export interface RevocationContext {
  readonly store: Pick<CertificateStore, 'get' | 'revoke' | 'release'>;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Called with the authority whose CRL is now outdated; removeFromCRL means that a hold was released. */
  readonly revoked: (authority: string, reason: RevocationReason) => void;
}

/**
 * Revokes a certificate: durable when this resolves, and on the CRL within a second. certificateHold can be released, everything else is permanent.
 * keyCompromise also blocks the key, and may replace any other reason, as any reason may replace certificateHold (the time stays).
 * @throws Refused `forbidden`, `not-found`, `already-revoked`
 */
export async function revoke(context: RevocationContext, { identity, serial, reason }: RevokeInput): Promise<RequestRecord> {
  const holder = identity.serial === serial;
  const operator = mayAct(identity, 'revoke');
  if (!holder && !operator) {
    throw new Refused('forbidden', 'Only an operator with scope revoke, or the holder with this very client certificate, may revoke a certificate.');
  }
  // The holder could not authenticate with a certificate on hold, and so could not release it either.
  if (reason === 'certificateHold' && !operator) throw new Refused('forbidden', 'Only an operator with scope revoke may put a certificate on hold.');
  return writeRevocation(context, { serial, reason, actor: requesterKey(identity), details: { holder } });
}

export interface RevocationWrite {
  readonly serial: string;
  readonly reason: RevocationReason;
  readonly actor: string;
  /** Details for the audit log, besides the reason. */
  readonly details: NonNullable<AuditDraft['details']>;
}

/**
 * Writes a revocation that has already been authorized.
 * @throws Refused `not-found`, `already-revoked`
 */
export async function writeRevocation(context: RevocationContext, { serial, reason, actor, details }: RevocationWrite): Promise<RequestRecord> {
  const now = context.clock();
  const at = Math.floor(now / 1000);
  const drafts: AuditDraft[] = [{ time: now, event: 'certificate.revoked', actor, subject: serial, details: { reason, ...details } }];
  const blocked = reason === 'keyCompromise' ? (await context.store.get(serial))?.keyHash : undefined;
  if (blocked !== undefined) drafts.push({ time: now, event: 'key.blocked', actor, subject: blocked, details: { serial } });
  const outcome = await context.store.revoke(
    serial, { at, reason }, (first) => encodeRevokedEntry({ serial, at: first, reason }), { blockKey: reason === 'keyCompromise' },
    drafts,
  );
  switch (outcome.outcome) {
    case 'unknown': throw unknownSerial(serial);
    case 'already-revoked': {
      const { revocation } = outcome.record;
      const when = new Date((revocation?.at ?? 0) * 1000).toISOString();
      throw new Refused('already-revoked', `Certificate ${serial} was revoked at ${when} (${revocation?.reason ?? 'unspecified'}).`, { instance: `/v1/certificates/${serial}` });
    }
    case 'revoked':
      context.revoked(outcome.record.authority, reason);
      return outcome.record;
  }
}

export const unknownSerial = (serial: string): Refused => new Refused('not-found', `No certificate with serial ${serial} was issued here.`);
