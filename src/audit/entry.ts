/** What happened, in one closed list. */
export type AuditEvent =
  | 'holding.released' | 'request.accepted' | 'request.approved' | 'request.denied' | 'request.failed'
  | 'certificate.issued' | 'certificate.revoked' | 'certificate.released'
  | 'crl.published' | 'crl.retired' | 'token.created' | 'token.revoked' | 'api-key.created' | 'api-key.revoked'
  | 'acme-account.created' | 'acme-account.changed' | 'acme-account.deactivated' | 'acme-authorization.valid' | 'eab-key.created' | 'eab-key.revoked'
  | 'attestation.accepted' | 'attestation.refused' | 'attestation.released'
  | 'swarm.registered' | 'swarm.unregistered' | 'swarm.grace-opened' | 'swarm.grace-closed' | 'swarm.refused'
  | 'authority.rolled'
  | 'authority.created' | 'authority.revoked' | 'key.blocked' | 'renewal-campaign.started' | 'renewal-campaign.ended' | 'service.started' | 'store.restored';

/** An entry before it has its place in the chain. No secrets: names, ids, serials, reasons. */
export interface AuditDraft {
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly event: AuditEvent;
  /** Who: `<identity kind>:<name>`, or `system`. */
  readonly actor: string;
  /** What it was done to: a serial, a token's id, an authority's name. */
  readonly subject: string;
  readonly details?: Readonly<Record<string, string | number | boolean | readonly string[]>>;
}

/** The drafts that remain where a key was on the block list before. */
export const withoutBlocked = (drafts: readonly AuditDraft[]): readonly AuditDraft[] => drafts.filter(({ event }) => event !== 'key.blocked');

/** A line of the log. `hash` is SHA-256 over the canonical JSON (members sorted, no spaces) of all else, hex; `previous` is the hash of the line before. */
export interface AuditEntry extends AuditDraft {
  readonly sequence: number;
  readonly previous: string;
  readonly hash: string;
}
