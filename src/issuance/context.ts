import type { Authority } from '../authority/authority.ts';
import type { EligibilityStep, HeldByOther } from '../policy/eligibility.ts';
import type { Profile } from '../policy/profile.ts';
import type { RevocationReason } from '../x509/revocation-reason.ts';
import type { ApprovalSetting } from '../policy/steps/approval.ts';
import type { Quota } from '../policy/steps/quota.ts';
import type { ObjectChange } from '../store/objects.ts';
import type { RequestStore } from '../store/store.ts';
import type { RequestState } from './request.ts';
import type { Template } from './template.ts';

/** A profile together with the authority that signs its certificates. */
export interface IssuingProfile {
  readonly profile: Profile;
  readonly authority: Authority;
  readonly template: Template;
  /** Set once the authority's own certificate was revoked and it must not issue any more. `at` in seconds since the epoch. */
  readonly revocation?: () => { readonly at: number; readonly reason: RevocationReason } | undefined;
}

/** Exclusive ownership of names and keys, held while a certificate for them is valid (`eligibility/ownership.ts`). */
export interface Ownership {
  /** Which of the two, names or keys, are owned exclusively under a profile. */
  readonly kindsOf: (profile: string) => readonly ('name' | 'key')[];
  readonly ask: (owner: string) => Inquiry;
}

/** The ownership lookups of one request. */
export interface Inquiry {
  /** What others hold. @throws StoreUnavailable */
  readonly heldByOthers: (kind: 'name' | 'key', what: readonly string[], now: number) => Promise<readonly HeldByOther[]>;
  /** Changes to store in the same step that makes the certificate certain: everything looked up becomes the owner's until `notAfter`. */
  readonly changes: (serial: string, notAfter: number) => readonly ObjectChange[];
}

/** The dependencies of the issuance cycle, assembled once by `service.ts`. */
export interface IssuanceContext {
  readonly store: RequestStore;
  /** Blocked by configuration, by a revocation for key compromise, or because it is an authority's key. */
  readonly isBlocked: (keyHash: string) => Promise<boolean>;
  /** The same, as far as is known without the store, which itself refuses to store a key it knows to be blocked. */
  readonly isKnownBlocked: (keyHash: string) => boolean;
  /** Whether every store lookup is a network round trip. */
  readonly storeIsRemote: boolean;
  /** By profile name. */
  readonly profiles: ReadonlyMap<string, IssuingProfile>;
  readonly defaultProfile: string;
  readonly steps: readonly EligibilityStep[];
  /** The quota among the steps, counted in the same write as the record. */
  readonly quota: Quota | undefined;
  /** How many operators must approve a waiting request, and which may. */
  readonly approval: ApprovalSetting;
  /** Undefined if no step concerns ownership. */
  readonly ownership: Ownership | undefined;
  /** Whether a step consults an external party, who must not be asked about a retry or about what the store would refuse anyway. */
  readonly asksOutside: boolean;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly newSerial: (now: number) => string;
  /** Called with the outcome of each request, for metrics. */
  readonly counted: (state: RequestState, profile: string) => void;
  /** Reports internal failures that are nobody's response, for the log. */
  readonly report: (what: string, error: unknown) => void;
  /** Reports how long each phase took, in milliseconds. */
  readonly measure: (part: 'check' | 'sign' | 'store', milliseconds: number) => void;
}
