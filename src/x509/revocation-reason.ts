/** CRLReason (RFC 5280 5.3.1) by name; 7 is not used. */
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

/** removeFromCRL is the release of a hold, aACompromise is of attribute certificates: neither is asked for (RFC 5280 5.3.1). */
const NOT_ASKABLE: ReadonlySet<RevocationReason> = new Set(['removeFromCRL', 'aACompromise']);

/** The reasons that whoever revokes a certificate may give. */
export const ASKABLE_REASONS = (Object.keys(REVOCATION_REASONS) as RevocationReason[]).filter((reason) => !NOT_ASKABLE.has(reason));

/** Those of them that stay: a certificate on hold may be released. */
export const PERMANENT_REASONS = ASKABLE_REASONS.filter((reason) => reason !== 'certificateHold');
