import type { CredentialRecord, Identity } from '../identity/identity.ts';

/** Set if the identity comes from a cached credential record. */
export interface CachedIdentity {
  /** The record; the write is conditional on its being unchanged. */
  readonly credential: CredentialRecord;
  /** Re-reads the record and returns the identity it stands for now. @throws Refused `unauthenticated` */
  readonly refresh: () => Promise<Identity>;
}

/** Subject attributes; each becomes one RDN. */
export interface AskedSubject {
  readonly commonName?: string;
  readonly organization?: string;
  readonly organizationalUnit?: string;
}

/** What every protocol front end hands in. */
export interface IssueInput {
  readonly identity: Identity;
  readonly cached?: CachedIdentity | undefined;
  /** DER. */
  readonly csr: Uint8Array;
  readonly profile?: string | undefined;
  readonly names?: readonly string[] | undefined;
  /** True if `names` replace those of the CSR, as in cfssl; otherwise the two must agree. */
  readonly namesReplace?: boolean | undefined;
  /**
   * True if extended key usages in the CSR beyond the profile's are left out of the certificate instead of refused, as in ACME, where the
   * client's program makes the CSR and nobody chose what it names.
   */
  readonly usagesLeftOut?: boolean | undefined;
  /** Subject attributes that the front end has already authorized; they override the CSR's common name and the profile's organization. */
  readonly subject?: AskedSubject | undefined;
  /** Seconds. */
  readonly validity?: number | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Renewals only: the owner of the names and key, as `kind:name`; the requester if absent. */
  readonly owner?: string | undefined;
  readonly idempotencyKey?: string | undefined;
  /** Seconds the idempotency key stays valid; one day if absent. */
  readonly idempotencyFor?: number | undefined;
  /** Exact validity requested, seconds since the epoch. The profile's limits on its length still apply. */
  readonly life?: { readonly notBefore?: number; readonly notAfter?: number } | undefined;
}
