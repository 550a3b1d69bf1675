import type { Extension } from '../x509/extension.ts';
import type { PublicKey } from '../x509/public-key.ts';
import type { Grant } from './grant.ts';
import type { Name } from './name-pattern.ts';
import type { Profile } from './profile.ts';

/** What is to be certified: parsed input on one side, permissions on the other. */
export interface Candidate {
  readonly profile: Profile;
  readonly publicKey: PublicKey;
  /** The names that the certificate would contain, and faults in how they were requested. */
  readonly names: readonly Name[];
  readonly nameFaults: readonly string[];
  /** Extensions requested in the CSR, other than the subject alternative name. */
  readonly extensions: readonly Extension[];
  /** True if extended key usages in the CSR beyond the profile's are left out, provided some of those requested are the profile's. */
  readonly usagesLeftOut?: boolean | undefined;
  /** Requested validity in seconds. */
  readonly validity: number | undefined;
  readonly grant: Grant;
}

/** The facts of a request, for steps that consider more than the certificate, and may have to repeat their check later. */
export interface Question {
  readonly requester: { readonly kind: string; readonly name: string };
  /** Whether the requester is an operator with scope admin. */
  readonly operator: boolean;
  readonly profile: string;
  readonly names: readonly Name[];
  readonly key: { readonly type: string; readonly bits: number; /** SHA-256 of the SubjectPublicKeyInfo, hex. */ readonly hash: string };
  /** Requested validity in seconds. */
  readonly validity?: number;
  readonly metadata?: Readonly<Record<string, string>>;
  /** The present time, milliseconds since the epoch. */
  readonly time: number;
  readonly dryRun: boolean;
  /** Only for a waiting request: its id, and since when it has been waiting, milliseconds since the epoch. */
  readonly waiting?: { readonly id: string; readonly since: number };
}

/** A requested name or key that someone else owns. */
export interface HeldByOther {
  /** The name, or the digest of the key. */
  readonly what: string;
  /** The serial of a certificate that confers ownership, and its last second. */
  readonly serial: string;
  readonly until: number;
}

/** Facts known only to the store or the call, fetched when a step needs them. */
export interface Facts {
  /** Uses taken of the requester's quota in the current window of `window` seconds; absent if only the write is to find out. */
  readonly quotaUsed?: (window: number) => Promise<number>;
  readonly question: () => Question;
  /** Which of these names or keys others own. Everything looked up becomes the requester's when the certificate is issued. */
  readonly heldByOthers: (kind: 'name' | 'key', what: readonly string[]) => Promise<readonly HeldByOther[]>;
}

/** The outcome of an earlier step. */
export interface Passage {
  readonly name: string;
  readonly outcome: Verdict['outcome'];
  readonly reason: string;
}

export interface Verdict {
  readonly outcome: 'passed' | 'failed' | 'waiting';
  /** What was compared with what, in words; for a failure, what would have to change. */
  readonly reason: string;
  readonly faults?: readonly { readonly code: string; readonly detail: string }[];
  /** For a step that waits and can check again by itself: when, milliseconds since the epoch. */
  readonly again?: number;
}

/** One eligibility check. Pure, apart from the facts it fetches. */
export interface EligibilityStep {
  readonly name: string;
  readonly check: (candidate: Candidate, facts: Facts, before: readonly Passage[]) => Verdict | Promise<Verdict>;
  /** Consults an external party: runs after all others, and only if none of them refuses. */
  readonly outside?: true;
  /** Repeats the check for a request that waits for it. */
  readonly again?: (question: Question, before: readonly Passage[]) => Verdict | Promise<Verdict>;
}

export const passed = (reason: string): Verdict => ({ outcome: 'passed', reason });

export const waiting = (reason: string, again?: number): Verdict => ({ outcome: 'waiting', reason, ...(again === undefined ? {} : { again }) });

export const failed = (faults: readonly { readonly code: string; readonly detail: string }[]): Verdict => ({
  outcome: 'failed',
  reason: faults.map((fault) => fault.detail).join('; '),
  faults,
});

/** Whether a step that may be limited to some profiles applies to this one. */
export const concerns = (profiles: readonly string[] | undefined, profile: string): boolean => profiles === undefined || profiles.includes(profile);

/** Certificates for the service's own listener and OCSP responders are exempt from time windows and approval, without which it could not run. */
export const isOwn = ({ requester }: Pick<Question, 'requester'>): boolean => requester.kind === 'service';
export const OWN = 'the service itself requests it, as a certificate of its own';
