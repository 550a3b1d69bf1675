import type { Grant } from '../policy/grant.ts';

/** What an operator may do; `admin` includes every other one. */
export const SCOPES = ['read', 'approve', 'revoke', 'token', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** How the requester proved who they are. */
export type IdentityKind = 'enrolment-token' | 'attestation' | 'api-key' | 'client-certificate' | 'oidc' | 'acme' | 'cfssl' | 'est' | 'service';

/** A record of the store by which somebody proves who they are: an enrolment token or API key by its id, a certificate by its serial. */
export interface CredentialRecord {
  readonly kind: 'token' | 'api-key' | 'certificate';
  readonly id: string;
}

/** Who asks, how it was proved, and what it may ask for: the one type behind which every door's credentials end. */
export interface Identity {
  readonly kind: IdentityKind;
  /** Stable and unique within its kind: a token's id, an API key's name, `<subject>#<serial>` of a certificate, `<kind>/<node>` of an attested node. */
  readonly name: string;
  /** How it was proved, in words, for the request's first step. */
  readonly proof: string;
  /** Who made it possible to ask, as `kind:name`: of an enrolment token, the operator who made it. */
  readonly sponsor?: string;
  readonly grant: Grant;
  /** Why the grant is empty, in words, where that is not plain from the kind. */
  readonly refusal?: string;
  /** Empty for those who are no operators. */
  readonly scopes: readonly Scope[];
  /** Of the client certificate presented, where there was one. */
  readonly serial?: string;
  /** What it was proved by, where that is a record of the store. */
  readonly credential?: CredentialRecord;
}

/** True when the identity may act with the scope. */
export const mayAct = (identity: Identity, scope: Scope): boolean =>
  identity.scopes.includes(scope) || identity.scopes.includes('admin');

/** True when the identity may ask for certificates at all: its grant names a profile. */
export const mayAsk = ({ grant }: Pick<Identity, 'grant'>): boolean => grant.profiles === 'any' || grant.profiles.length > 0;

/** The identity as one string: unique among all kinds. */
export const requesterKey = ({ kind, name }: Pick<Identity, 'kind' | 'name'>): string => `${kind}:${name}`;
