import type { CredentialRecord, Identity } from '../identity/identity.ts';

/** That the identity comes from a record that was read a while ago. */
export interface Kept {
  /** The record, to which the write is held. */
  readonly credential: CredentialRecord;
  /** Who it is by the record as it is now. @throws Refused `unauthenticated` */
  readonly afresh: () => Promise<Identity>;
}

/** Parts of a subject, each as one attribute. */
export interface AskedSubject {
  readonly commonName?: string;
  readonly organization?: string;
  readonly organizationalUnit?: string;
}

/** What every door hands in, whatever its protocol. */
export interface IssueInput {
  readonly identity: Identity;
  readonly kept?: Kept | undefined;
  /** DER. */
  readonly csr: Uint8Array;
  readonly profile?: string | undefined;
  readonly names?: readonly string[] | undefined;
  /** True where they stand in place of those of the CSR, as with cfssl; else both must say the same. */
  readonly namesReplace?: boolean | undefined;
  /** What the certificate's subject is to say, as the door has allowed it: in place of the CSR's common name, and of the profile's organization. */
  readonly subject?: AskedSubject | undefined;
  /** Seconds. */
  readonly validity?: number | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Of a renewal: whose names and key it is about, as `kind:name`; the requester's where absent. */
  readonly owner?: string | undefined;
  readonly idempotencyKey?: string | undefined;
  /** Seconds for which the key stands; a day where absent. */
  readonly idempotencyFor?: number | undefined;
  /** Seconds since the epoch: exactly when the certificate is to begin and end. The profile's rules hold for its length. */
  readonly life?: { readonly notBefore?: number; readonly notAfter?: number } | undefined;
}
