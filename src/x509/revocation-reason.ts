/** CRLReason values (RFC 5280 5.3.1); 7 is unused. */
export const REVOCATION_REASONS = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  certificateHold: 6,
  removeFromCRL: 8,
  privilegeWithdrawn: 9,
  aACompromise: 10,
} as const;

export type RevocationReason = keyof typeof REVOCATION_REASONS;

export const ALL_REASONS = Object.keys(REVOCATION_REASONS) as readonly RevocationReason[];

/** The inverse of `REVOCATION_REASONS`. */
export const REASON_BY_CODE: ReadonlyMap<number, RevocationReason> = new Map(ALL_REASONS.map((reason) => [REVOCATION_REASONS[reason], reason]));

/** removeFromCRL releases a hold and aACompromise concerns attribute certificates: neither can be requested (RFC 5280 5.3.1). */
const NOT_ASKABLE: ReadonlySet<RevocationReason> = new Set(['removeFromCRL', 'aACompromise']);

/** The reasons that may be given for a revocation. */
export const ASKABLE_REASONS = ALL_REASONS.filter((reason) => !NOT_ASKABLE.has(reason));

/** Those that are final; only a certificateHold can be released. */
export const PERMANENT_REASONS = ASKABLE_REASONS.filter((reason) => reason !== 'certificateHold');
