import type { Extension } from '../x509/extensions.ts';
import type { PublicKey } from '../x509/public-key.ts';
import type { Grant } from './grant.ts';
import type { Name } from './name-pattern.ts';
import type { Profile } from './profile.ts';

/** What somebody wants certified: checked bytes on the one side, what they may have on the other. */
export interface Candidate {
  readonly profile: Profile;
  readonly publicKey: PublicKey;
  /** The names that the certificate would carry, and what is wrong with how they were asked for. */
  readonly names: readonly Name[];
  readonly nameFaults: readonly string[];
  /** Asked for in the CSR, beside the subject alternative name. */
  readonly extensions: readonly Extension[];
  /** Seconds asked for. */
  readonly validity: number | undefined;
  readonly grant: Grant;
}

/** What is asked, in plain facts: for steps that look at more than the certificate, and may have to look again later. */
export interface Question {
  readonly requester: { readonly kind: string; readonly name: string };
  /** Whether the requester is an operator with scope admin. */
  readonly operator: boolean;
  readonly profile: string;
  readonly names: readonly Name[];
  readonly key: { readonly type: string; readonly bits: number; /** SHA-256 of the SubjectPublicKeyInfo, hex. */ readonly hash: string };
  /** Seconds asked for. */
  readonly validity?: number;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch: now. */
  readonly time: number;
  readonly dryRun: boolean;
  /** Of a request that waits: its id, and since when, milliseconds since the epoch. */
  readonly waiting?: { readonly id: string; readonly since: number };
}

/** What others hold of what is asked for. */
export interface HeldByOther {
  /** The name, or the key's digest. */
  readonly what: string;
  /** Serial of a certificate by which it is held, and its last second. */
  readonly serial: string;
  readonly until: number;
}

/** Facts that only the store or the call knows, asked for when a step needs them. */
export interface Facts {
  /** Uses taken of the requester's quota in the current window of `window` seconds; absent where the write alone is to find out. */
  readonly quotaUsed?: (window: number) => Promise<number>;
  readonly question: () => Question;
  /** What of the names, or of the keys, somebody else holds. What was asked about becomes the requester's with the certificate. */
  readonly heldByOthers: (kind: 'name' | 'key', what: readonly string[]) => Promise<readonly HeldByOther[]>;
}

/** How a step before ended. */
export interface Passage {
  readonly name: string;
  readonly outcome: Verdict['outcome'];
  readonly reason: string;
}

export interface Verdict {
  readonly outcome: 'passed' | 'failed' | 'waiting';
  /** What was checked against what, in words; for a failure, what would have to change. */
  readonly reason: string;
  readonly faults?: readonly { readonly code: string; readonly detail: string }[];
  /** Of a step that waits and looks again by itself: when, milliseconds since the epoch. */
  readonly again?: number;
}

/** One check of the way to a certificate. Pure but for the facts it asks for. */
export interface EligibilityStep {
  readonly name: string;
  readonly check: (candidate: Candidate, facts: Facts, before: readonly Passage[]) => Verdict | Promise<Verdict>;
  /** Asks somebody outside: after all others, and only about what none of them refuses. */
  readonly outside?: true;
  /** Looks again at a request that waits for it. */
  readonly again?: (question: Question, before: readonly Passage[]) => Verdict | Promise<Verdict>;
}

export const passed = (reason: string): Verdict => ({ outcome: 'passed', reason });

export const waiting = (reason: string, again?: number): Verdict => ({ outcome: 'waiting', reason, ...(again === undefined ? {} : { again }) });

export const failed = (faults: readonly { readonly code: string; readonly detail: string }[]): Verdict => ({
  outcome: 'failed',
  reason: faults.map((fault) => fault.detail).join('; '),
  faults,
});

/** Whether a step that may be for some profiles only is for this one. */
export const concerns = (profiles: readonly string[] | undefined, profile: string): boolean => profiles === undefined || profiles.includes(profile);

/** What the service asks for its own listener and OCSP answers waits for nobody's hours or decision: without it the service would not be there. */
export const isOwn = ({ requester }: Pick<Question, 'requester'>): boolean => requester.kind === 'service';
export const OWN = 'the service itself asks, for a certificate of its own';
