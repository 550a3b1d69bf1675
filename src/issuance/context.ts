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

/** One profile with the authority that signs its certificates. */
export interface IssuingProfile {
  readonly profile: Profile;
  readonly authority: Authority;
  readonly template: Template;
  /** Why the authority issues nothing any more: its own certificate was revoked. `at` in seconds since the epoch. */
  readonly revocation?: () => { readonly at: number; readonly reason: RevocationReason } | undefined;
}

/** Which names and keys belong to whom: to one owner, while a certificate for them stands (`eligibility/ownership.ts`). */
export interface Ownership {
  /** Whether names, and whether keys, of a profile's certificates belong to who has them. */
  readonly kindsOf: (profile: string) => readonly ('name' | 'key')[];
  readonly ask: (owner: string) => Inquiry;
}

/** What one request looks up, to hold it from then on. */
export interface Inquiry {
  /** What others hold. Throws StoreUnavailable. */
  readonly heldByOthers: (kind: 'name' | 'key', what: readonly string[], now: number) => Promise<readonly HeldByOther[]>;
  /** What is to change in the step in which the certificate becomes certain: all that was looked up becomes the owner's until it ends. */
  readonly changes: (serial: string, notAfter: number) => readonly ObjectChange[];
}

/** What the cycle of issuance works with: made once by `service.ts`. */
export interface IssuanceContext {
  readonly store: RequestStore;
  /** By the configuration, by a revocation for key compromise, or as the key of an authority. */
  readonly isBlocked: (keyHash: string) => Promise<boolean>;
  /** The same, as far as is known without the store, which refuses to store what it knows to be blocked. */
  readonly isBlockedHere: (keyHash: string) => boolean;
  /** Whether each look into the store is a round trip to another machine. */
  readonly looksAreDear: boolean;
  /** By profile name. */
  readonly profiles: ReadonlyMap<string, IssuingProfile>;
  readonly defaultProfile: string;
  readonly steps: readonly EligibilityStep[];
  /** The quota among the steps, counted with the record. */
  readonly quota: Quota | undefined;
  /** How many operators approve what waits, and which. */
  readonly approval: ApprovalSetting;
  /** Whose names and keys are; undefined where no step asks. */
  readonly ownership: Ownership | undefined;
  /** Whether a step asks somebody outside, who must not be asked twice about what is a retry, or refused by what the store knows. */
  readonly asksOutside: boolean;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly newSerial: (now: number) => string;
  /** Told what became of each request at once. */
  readonly counted: (state: RequestState, profile: string) => void;
  /** Told of what broke without being anybody's answer: for the log. */
  readonly report: (what: string, error: unknown) => void;
  /** Told how long each part took, milliseconds. */
  readonly measure: (part: 'check' | 'sign' | 'store', milliseconds: number) => void;
}
