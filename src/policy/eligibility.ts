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

/** Facts that only the store knows, asked for when a step needs them. */
export interface Facts {
  /** Uses taken of the requester's quota in the current window of `window` seconds; absent where the write alone is to find out. */
  readonly quotaUsed?: (window: number) => Promise<number>;
}

export interface Verdict {
  readonly outcome: 'passed' | 'failed' | 'waiting';
  /** What was checked against what, in words; for a failure, what would have to change. */
  readonly reason: string;
  readonly faults?: readonly { readonly code: string; readonly detail: string }[];
}

/** One check of the way to a certificate. Pure but for the facts it asks for. */
export interface EligibilityStep {
  readonly name: string;
  readonly check: (candidate: Candidate, facts: Facts) => Verdict | Promise<Verdict>;
}

export const passed = (reason: string): Verdict => ({ outcome: 'passed', reason });

export const waiting = (reason: string): Verdict => ({ outcome: 'waiting', reason });

export const failed = (faults: readonly { readonly code: string; readonly detail: string }[]): Verdict => ({
  outcome: 'failed',
  reason: faults.map((fault) => fault.detail).join('; '),
  faults,
});
