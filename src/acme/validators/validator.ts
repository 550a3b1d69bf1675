/** RFC 8555 8, RFC 8737, and the drafts dns-account-label and dns-persist. */
export type ChallengeType = 'http-01' | 'dns-01' | 'tls-alpn-01' | 'dns-account-01' | 'dns-persist-01';

/** RFC 8555 7.1.4, RFC 8738. A DNS name is in lower case, without trailing dot or `*.`; an address is in canonical form. */
export interface Identifier {
  readonly type: 'dns' | 'ip';
  readonly value: string;
}

/** What an account claims to control, and how it proves that. */
export interface ValidationRequest {
  readonly type: ChallengeType;
  readonly identifier: Identifier;
  /** True if the certificate is for all names one label below the identifier. */
  readonly wildcard: boolean;
  /** Base64url, at least 128 bits; empty for dns-persist-01, which has none. */
  readonly token: string;
  /** `token.thumbprint` (RFC 8555 8.1). */
  readonly keyAuthorization: string;
  /** The account's URL: for dns-account-01, dns-persist-01 and CAA's accounturi (RFC 8657 3). */
  readonly accountUri: string;
}

/** Error types of RFC 8555 6.7 that a validation can result in, without their prefix. */
export type ValidationFault = 'caa' | 'connection' | 'dns' | 'incorrectResponse' | 'tls' | 'unauthorized' | 'serverInternal' | 'malformed' | 'rejectedIdentifier';

export interface ValidationProblem {
  readonly type: ValidationFault;
  /** For the client: bounded, without internals, and without any content that the client could not see otherwise. */
  readonly detail: string;
}

export type ValidationOutcome =
  | { readonly outcome: 'valid' }
  /**
   * `again`: the same may succeed a little later (no answer, a name server failure, a record not visible yet). The caller decides on retries.
   */
  | { readonly outcome: 'invalid'; readonly problem: ValidationProblem; readonly again: boolean };

/**
 * Contacts the outside world to verify that an account controls what it claims. Obligations of implementations:
 *
 * 1. It connects only where that is allowed: to exactly the address that was checked, and to no reserved one unless permitted.
 * 2. It ends in bounded time by itself, and soon after `signal` fires (then with `again: true`).
 * 3. It never throws because of the peer's behaviour; an exception is a fault of ours.
 * 4. `validate` checks CAA too, if that applies to the name (RFC 8659, 8657: `validationmethods`, `accounturi`).
 */
export interface Validators {
  readonly validate: (request: ValidationRequest, signal: AbortSignal) => Promise<ValidationOutcome>;
  /** Checks CAA only: repeated before issuance if the validation is hours old. Undefined if issuance is permitted. */
  readonly caa: (request: Pick<ValidationRequest, 'type' | 'identifier' | 'wildcard' | 'accountUri'>, signal: AbortSignal) => Promise<ValidationProblem | undefined>;
}
