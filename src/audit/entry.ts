/** Every kind of event, as one closed set. */
export type AuditEvent =
  | 'holding.released' | 'request.accepted' | 'request.approved' | 'request.denied' | 'request.failed'
  | 'certificate.issued' | 'certificate.revoked' | 'certificate.released'
  | 'crl.published' | 'crl.retired' | 'token.created' | 'token.revoked' | 'api-key.created' | 'api-key.revoked'
  | 'acme-account.created' | 'acme-account.changed' | 'acme-account.deactivated' | 'acme-authorization.valid' | 'eab-key.created' | 'eab-key.revoked'
  | 'attestation.accepted' | 'attestation.refused' | 'attestation.released'
  | 'swarm.registered' | 'swarm.unregistered' | 'swarm.grace-opened' | 'swarm.grace-closed' | 'swarm.refused'
  | 'authority.rolled'
  | 'authority.created' | 'authority.revoked' | 'key.blocked' | 'renewal-campaign.started' | 'renewal-campaign.ended' | 'service.started' | 'store.restored';

/** An entry before it is placed in the chain. Contains no secrets, only names, ids, serials and reasons. */
export interface AuditDraft {
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly event: AuditEvent;
  /** `<identity kind>:<name>`, or `system`. */
  readonly actor: string;
  /** What was acted on: a serial, a token's id, an authority's name. */
  readonly subject: string;
  readonly details?: Readonly<Record<string, string | number | boolean | readonly string[]>>;
}

/** The drafts that remain if the key was already on the block list. */
export const withoutBlocked = (drafts: readonly AuditDraft[]): readonly AuditDraft[] => drafts.filter(({ event }) => event !== 'key.blocked');

/**
 * A line of the log. `hash` is the SHA-256 of the canonical JSON (members sorted, no spaces) of everything else, hex; `previous` is the hash of the
 * preceding line.
 */
export interface AuditEntry extends AuditDraft {
  readonly sequence: number;
  readonly previous: string;
  readonly hash: string;
}
