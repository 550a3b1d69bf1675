import type { AuditEntry } from '../audit/entry.ts';

/** What the native REST API answers. Times are ISO 8601, UTC. Only what its readers use is named. */

export interface StepReply {
  readonly name: string;
  readonly outcome: 'passed' | 'failed' | 'waiting';
  readonly reason: string;
  readonly time: string;
}

export interface RequestReply {
  readonly id: string;
  readonly state: 'pending' | 'approved' | 'issued' | 'denied' | 'failed';
  readonly profile: string;
  readonly requester: { readonly kind: string; readonly name: string };
  readonly names: readonly string[];
  readonly steps: readonly StepReply[];
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly serial?: string;
  /** PEM. */
  readonly certificate?: string;
  /** PEM, from the issuer up, the root left out. */
  readonly chain?: readonly string[];
  readonly notBefore?: string;
  readonly notAfter?: string;
  readonly problem?: unknown;
}

export interface CertificateReply {
  readonly serial: string;
  readonly status: 'valid' | 'revoked' | 'expired';
  readonly authority?: string;
  readonly profile: string;
  readonly requester?: { readonly kind: string; readonly name: string };
  readonly names: readonly string[];
  readonly notBefore: string;
  readonly notAfter: string;
  readonly issuedAt?: string;
  readonly revocation?: { readonly at: string; readonly reason: string };
  readonly certificate?: string;
  readonly chain?: readonly string[];
}

/** `GET /v1/certificates/{serial}/renewal-info`. */
export interface RenewalInfoReply {
  readonly suggestedWindow: { readonly start: string; readonly end: string };
  readonly explanation?: string;
}

export interface RenewalCampaignReply {
  readonly id: string;
  readonly authority?: string;
  readonly profile?: string;
  readonly requester?: string;
  readonly reason: string;
  readonly startedAt: string;
  readonly endsAt: string;
  readonly createdBy: string;
}

export interface TokenReply {
  readonly id: string;
  /** The token's text: only in the answer to its creation. */
  readonly token?: string;
  readonly profile: string;
  readonly profiles: readonly string[];
  readonly names: readonly string[];
  readonly uses: number;
  readonly used?: number;
  readonly createdAt?: string;
  readonly expiresAt: string;
  readonly revokedAt?: string;
  readonly createdBy?: string;
  readonly note?: string;
}

export interface ApiKeyReply {
  readonly id: string;
  /** The key's text: only in the answer to its creation. */
  readonly key?: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly createdAt?: string;
  readonly expiresAt?: string;
  readonly revokedAt?: string;
  readonly createdBy?: string;
}

export interface SwarmReply {
  readonly clusterId: string;
  readonly roots: readonly { readonly digest: string; readonly subject: string; readonly notAfter: string; readonly addedAt: string; readonly addedBy: string }[];
  readonly graceUntil?: string;
  readonly graceBy?: string;
}

export interface EabKeyReply {
  /** The kid. */
  readonly id: string;
  /** Base64url: only in the answer to its creation. */
  readonly hmac?: string;
  readonly authority?: string;
  readonly uses: number;
  readonly accounts: readonly string[];
  readonly names?: readonly string[];
  readonly note?: string;
  readonly expiresAt: string;
  readonly revokedAt?: string;
}

/** A node that may prove what it is once, and has. */
export interface AttestedNodeReply {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  readonly keyHash: string;
  readonly claimedAt: string;
  readonly token: string;
}

export interface AcmeAccountReply {
  readonly id: string;
  readonly authority: string;
  readonly status: string;
  readonly contact: readonly string[];
  readonly eab?: string;
  readonly createdAt: string;
}

export interface AcmeOrderReply {
  readonly id: string;
  readonly account: string;
  readonly status: string;
  readonly profile: string;
  readonly identifiers: readonly { readonly type: string; readonly value: string }[];
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly serial?: string;
  readonly problem?: string;
  readonly authorizations?: readonly {
    readonly name: string;
    readonly status: string;
    readonly challenges: readonly { readonly type: string; readonly status: string; readonly problem?: string }[];
  }[];
}

export interface PageReply<T> {
  readonly items: readonly T[];
  readonly next?: string;
}

export interface AuditReply extends PageReply<AuditEntry> {
  readonly head: { readonly sequence: number; readonly hash: string };
}

/** One of `GET /v1/authorities`. */
export interface AuthorityReply {
  readonly name: string;
  readonly subject: string;
  /** PEM. */
  readonly certificate: string;
  readonly signs: boolean;
  readonly crl: readonly string[];
  readonly notAfter: string;
  readonly revocation?: { readonly at: string; readonly reason: string };
}

/** What `POST /v1/authorities/{name}/crl` published. */
export interface CrlReply {
  readonly authority?: string;
  readonly number?: string | number;
  readonly thisUpdate?: string;
  readonly nextUpdate?: string;
}
