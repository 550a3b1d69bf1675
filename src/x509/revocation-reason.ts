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

/** Reasons that need a counterpart which does not exist (the release of a hold), or that are none of a certificate's own (RFC 5280 5.3.1). */
const NOT_ASKABLE: ReadonlySet<RevocationReason> = new Set(['certificateHold', 'removeFromCRL', 'aACompromise']);

/** The reasons that whoever revokes a certificate may give. */
export const ASKABLE_REASONS = (Object.keys(REVOCATION_REASONS) as RevocationReason[]).filter((reason) => !NOT_ASKABLE.has(reason));
