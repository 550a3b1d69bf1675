import type { Identity } from '../identity/identity.ts';
import type { Approvals } from '../policy/approvals.ts';
import type { Name } from '../policy/name-pattern.ts';
import type { RevocationReason } from '../x509/revocation-reason.ts';

/**
 * The states of a request.
 *
 * `approved` means that the exact bytes to be signed are durable but the signature is not there yet. After a crash between the two, the
 * same bytes are signed again (docs/issuance-cycle.md).
 */
export type RequestState = 'pending' | 'approved' | 'issued' | 'denied' | 'failed';

/** Forward only. A request may be created in any state except `failed`. */
export const TRANSITIONS: Readonly<Record<RequestState, readonly RequestState[]>> = {
  pending: ['approved', 'denied', 'failed'],
  approved: ['issued', 'failed'],
  issued: [],
  denied: [],
  failed: [],
};

export type StepOutcome = 'passed' | 'failed' | 'waiting';

/** One check of a request: what was compared with what, and the outcome. */
export interface Step {
  readonly name: string;
  readonly outcome: StepOutcome;
  readonly reason: string;
  /** Milliseconds since the Unix epoch. */
  readonly time: number;
}

export interface Requester {
  readonly kind: Identity['kind'];
  readonly name: string;
}

export interface Revocation {
  /** Seconds since the Unix epoch, as in the CRL entry. */
  readonly at: number;
  readonly reason: RevocationReason;
}

/** Why a request was denied or failed: a code of `errors.ts` and a sentence. */
export interface Refusal {
  readonly code: string;
  readonly detail: string;
}

/** A request and the certificate it becomes: one record, identified by one serial number. */
export interface RequestRecord {
  /** The serial number: lower-case hex. */
  readonly id: string;
  readonly state: RequestState;
  readonly authority: string;
  readonly profile: string;
  readonly requester: Requester;
  /** As in the certificate, text form: `node1.example.com`, `10.0.0.1`, `spiffe://…`, `ops@example.com`. */
  readonly names: readonly string[];
  readonly steps: readonly Step[];
  /** Milliseconds since the Unix epoch. */
  readonly createdAt: number;
  readonly updatedAt: number;
  /** SHA-256 of the SubjectPublicKeyInfo, lower-case hex. */
  readonly keyHash: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Validity requested, seconds; the profile's default if absent. */
  readonly validity?: number;
  /** Longest lifetime granted to the requester, seconds, for this certificate and its renewals; the profile's limit if absent. */
  readonly maxValidity?: number;
  /** While waiting: the CSR, DER. */
  readonly csr?: Uint8Array;
  /** While waiting: the certificate's contents as settled when the request was made. */
  readonly subject?: { readonly names: readonly Name[]; readonly commonName?: string; readonly organization?: string; readonly organizationalUnit?: string; readonly life?: { readonly notBefore?: number; readonly notAfter?: number } };
  /** While waiting: approvals needed and given; if absent, one is needed, from anyone but the requester. */
  readonly approvals?: Approvals;
  /** While waiting: requested by an operator, who may take over what others hold. */
  readonly takesOver?: true;
  /** Renewals under exclusive ownership: the owner, as `kind:name`; the requester if absent. */
  readonly owner?: string;
  /** While approved: the exact TBSCertificate. */
  readonly tbs?: Uint8Array;
  /** When issued: the certificate, DER. */
  readonly certificate?: Uint8Array;
  /** Seconds since the Unix epoch; notAfter is inclusive. */
  readonly notBefore?: number;
  readonly notAfter?: number;
  readonly revocation?: Revocation;
  readonly refusal?: Refusal;
}
