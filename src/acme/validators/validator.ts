/** RFC 8555 8, RFC 8737, and the drafts dns-account-label and dns-persist. */
export type ChallengeType = 'http-01' | 'dns-01' | 'tls-alpn-01' | 'dns-account-01' | 'dns-persist-01';

/** RFC 8555 7.1.4, RFC 8738. A DNS name is in lower case, without a trailing dot and without `*.`; an address is in canonical text. */
export interface Identifier {
  readonly type: 'dns' | 'ip';
  readonly value: string;
}

/** What an account says that it controls, and how it shows it. */
export interface ValidationRequest {
  readonly type: ChallengeType;
  readonly identifier: Identifier;
  /** True where the certificate is for the names one label below the identifier. */
  readonly wildcard: boolean;
  /** Base64url, at least 128 bits; empty for dns-persist-01, which has none. */
  readonly token: string;
  /** `token.thumbprint` (RFC 8555 8.1). */
  readonly keyAuthorization: string;
  /** The account's URL: for dns-account-01, dns-persist-01 and CAA's accounturi (RFC 8657 3). */
  readonly accountUri: string;
}

/** What came of it: the types of RFC 8555 6.7 that a validation can end with, without their prefix. */
export type ValidationFault = 'caa' | 'connection' | 'dns' | 'incorrectResponse' | 'tls' | 'unauthorized' | 'serverInternal' | 'malformed' | 'rejectedIdentifier';

export interface ValidationProblem {
  readonly type: ValidationFault;
  /** For the client: no internals, nothing of an answer that the client could not see otherwise, bounded. */
  readonly detail: string;
}

export type ValidationOutcome =
  | { readonly outcome: 'valid' }
  /**
   * `again` where the same might succeed a little later (no answer, a name server's fault, a record not seen yet): whoever asked decides how often.
   */
  | { readonly outcome: 'invalid'; readonly problem: ValidationProblem; readonly again: boolean };

/**
 * The way out of the service, to see whether an account controls what it says. Obligations of an implementation:
 *
 * 1. It calls only where invariants allow: the address that was checked is the one that is called, none reserved unless permitted.
 * 2. It ends in bounded time by itself, and soon after `signal` fires (then with `again: true`).
 * 3. It never throws for what the other side does; an error thrown is a fault of ours.
 * 4. `validate` looks at CAA too, where CAA is on for the name (RFC 8659, 8657: `validationmethods`, `accounturi`).
 */
export interface Validators {
  readonly validate: (request: ValidationRequest, signal: AbortSignal) => Promise<ValidationOutcome>;
  /** CAA alone: asked again before issuance where the validation is hours old. Undefined where issuance is permitted. */
  readonly caa: (request: Pick<ValidationRequest, 'type' | 'identifier' | 'wildcard' | 'accountUri'>, signal: AbortSignal) => Promise<ValidationProblem | undefined>;
}
