/** What an operator may do; `admin` includes every other one. */
export const SCOPES = ['read', 'approve', 'revoke', 'token', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** How the requester proved who they are. */
export type IdentityKind = 'enrolment-token' | 'api-key' | 'client-certificate' | 'oidc' | 'acme' | 'cfssl' | 'est' | 'service';

/** What an identity may ask for. Deny is the default: an empty list allows nothing. */
export interface Grant {
  readonly profiles: 'any' | readonly string[];
  /** Patterns of `policy/name-pattern.ts`. */
  readonly names: 'any' | readonly string[];
  /** A certificate's life at most, seconds. */
  readonly maxValidity?: number;
  /** Where set, each certificate counts as a use of this token, and the same CSR is answered with its first request. */
  readonly token?: { readonly id: string; readonly uses: number };
  /** Where set, exactly these names, no more and no fewer (a renewal). */
  readonly exactNames?: readonly string[];
}

/** Who asks, how it was proved, and what it may ask for: the one type behind which every door's credentials end. */
export interface Identity {
  readonly kind: IdentityKind;
  /** Stable and unique within its kind: a token's id, an API key's name, `<subject>#<serial>` of a certificate. */
  readonly name: string;
  /** How it was proved, in words, for the request's first step. */
  readonly proof: string;
  readonly grant: Grant;
  /** Empty for those who are no operators. */
  readonly scopes: readonly Scope[];
  /** Of the client certificate presented, where there was one. */
  readonly serial?: string;
}

/** True when the identity may act with the scope. */
export const mayAct = (identity: Identity, scope: Scope): boolean =>
  identity.scopes.includes(scope) || identity.scopes.includes('admin');
