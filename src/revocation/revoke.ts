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
  readonly store: CertificateStore;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Told which authority's CRL is behind now. */
  readonly revoked: (authority: string, reason: RevocationReason) => void;
}

/**
 * Revokes a certificate for good: durable when this resolves, in the CRL within a second.
 * keyCompromise also puts the key on the block list, and may replace another reason (RFC 5280 5.3.1; the time stays).
 * @throws Refused `forbidden`, `not-found`, `already-revoked`
 */
export async function revoke(context: RevocationContext, { identity, serial, reason }: RevokeInput): Promise<RequestRecord> {
  const holder = identity.serial === serial;
  if (!holder && !mayAct(identity, 'revoke')) {
    throw new Refused('forbidden', 'Only an operator with scope revoke, or the holder with this very client certificate, may revoke a certificate.');
  }
  const now = context.clock();
  const at = Math.floor(now / 1000);
  const actor = requesterKey(identity);
  const drafts: AuditDraft[] = [{ time: now, event: 'certificate.revoked', actor, subject: serial, details: { reason, holder } }];
  const blocked = reason === 'keyCompromise' ? (await context.store.get(serial))?.keyHash : undefined;
  if (blocked !== undefined) drafts.push({ time: now, event: 'key.blocked', actor, subject: blocked, details: { serial } });
  const outcome = await context.store.revoke(
    serial, { at, reason }, (first) => encodeRevokedEntry({ serial, at: first, reason }), { blockKey: reason === 'keyCompromise' },
    drafts,
  );
  switch (outcome.outcome) {
    case 'unknown': throw new Refused('not-found', `No certificate with serial ${serial} was issued here.`);
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
