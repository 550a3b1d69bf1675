import type { Grant } from '../policy/grant.ts';

/** Permissions of operators; `admin` includes all others. */
export const SCOPES = ['read', 'approve', 'revoke', 'token', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** How the requester was authenticated. */
export type IdentityKind = 'enrolment-token' | 'attestation' | 'api-key' | 'client-certificate' | 'oidc' | 'acme' | 'cfssl' | 'est' | 'service';

/** The store record that identifies someone: an enrolment token or API key by its id, a certificate by its serial. */
export interface CredentialRecord {
  readonly kind: 'token' | 'api-key' | 'certificate';
  readonly id: string;
}

/** Who is calling, how that was proved, and what they may request: the common result of authentication in every protocol. */
export interface Identity {
  readonly kind: IdentityKind;
  /**
   * Stable, and unique within its kind: a token's id, an API key's name, `<subject>#<serial>` of a certificate, `<kind>/<node>` of an attested
   * node.
   */
  readonly name: string;
  /** How it was proved, in words, for the first step of a request. */
  readonly proof: string;
  /** Who enabled the call, as `kind:name`: for an enrolment token, the operator who created it. */
  readonly sponsor?: string;
  readonly grant: Grant;
  /** Why the grant is empty, in words, if that is not obvious from the kind. */
  readonly refusal?: string;
  /** Empty for everyone but operators. */
  readonly scopes: readonly Scope[];
  /** Serial of the client certificate presented, if any. */
  readonly serial?: string;
  /** The store record that identified the caller, if any. */
  readonly credential?: CredentialRecord;
}

/** Whether the identity may act within the scope. */
export const mayAct = (identity: Identity, scope: Scope): boolean =>
  identity.scopes.includes(scope) || identity.scopes.includes('admin');

/** Whether the identity may request certificates at all, that is, whether its grant names a profile. */
export const mayAsk = ({ grant }: Pick<Identity, 'grant'>): boolean => grant.profiles === 'any' || grant.profiles.length > 0;

/** The identity as a string that is unique across kinds. */
export const requesterKey = ({ kind, name }: Pick<Identity, 'kind' | 'name'>): string => `${kind}:${name}`;
