import type { Identity } from '../identity/identity.ts';
import type { Approvals } from '../policy/approvals.ts';
import type { Name } from '../policy/name-pattern.ts';
import type { RevocationReason } from '../x509/revocation-reason.ts';

/**
 * A request on its way through identity, eligibility and issuance.
 *
 * `approved` means: the exact bytes to be signed are durable, the signature is not there yet. A crash between the
 * two is mended by signing the same bytes again (docs/issuance-cycle.md).
 */
export type RequestState = 'pending' | 'approved' | 'issued' | 'denied' | 'failed';

/** Forward only. A request may also begin in any state but `failed`. */
export const TRANSITIONS: Readonly<Record<RequestState, readonly RequestState[]>> = {
  pending: ['approved', 'denied', 'failed'],
  approved: ['issued', 'failed'],
  issued: [],
  denied: [],
  failed: [],
};

export type StepOutcome = 'passed' | 'failed' | 'waiting';

/** One check of a request: what was checked against what, and how it ended. */
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

/** A request and the certificate it becomes: one record under one serial. */
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
  /** Seconds asked for; the profile's default where absent. */
  readonly validity?: number;
  /** Longest life that the requester was allowed, seconds, for this certificate and its renewals; the profile's where absent. */
  readonly maxValidity?: number;
  /** While waiting: the CSR, DER. */
  readonly csr?: Uint8Array;
  /** While waiting: what the certificate is to say, as it was settled when it was asked for. */
  readonly subject?: { readonly names: readonly Name[]; readonly commonName?: string; readonly organization?: string; readonly organizationalUnit?: string; readonly life?: { readonly notBefore?: number; readonly notAfter?: number } };
  /** While waiting: which operators' approvals it needs, and has; absent where it is one, by any but who asked. */
  readonly approvals?: Approvals;
  /** While waiting: asked for by an operator, who takes over what others hold. */
  readonly takesOver?: true;
  /** Of a renewal, where names or keys belong to somebody: whose they are, as `kind:name`; the requester's where absent. */
  readonly owner?: string;
  /** While approved: the exact TBSCertificate. */
  readonly tbs?: Uint8Array;
  /** When issued: the certificate, DER. */
  readonly certificate?: Uint8Array;
  /** Seconds since the Unix epoch; notAfter is the last second that counts. */
  readonly notBefore?: number;
  readonly notAfter?: number;
  readonly revocation?: Revocation;
  readonly refusal?: Refusal;
}
