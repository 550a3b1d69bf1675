import { approvalsMissing } from '../approvals.ts';
import { type EligibilityStep, passed, waiting } from '../eligibility.ts';

export interface ApprovalSetting {
  /** Profiles whose requests wait for approval beside those that say so themselves. */
  readonly profiles: readonly string[];
  /** How many operators must approve. */
  readonly approvals: number;
  /** Names of the operators who count; all with scope approve where absent. */
  readonly operators?: readonly string[];
}

/** Approval by operators, for profiles that demand it (their own setting, or the step's list). */
export const approvalStep = ({ profiles, approvals, operators }: ApprovalSetting): EligibilityStep => ({
  name: 'approval',
  check: ({ profile }) =>
    profile.approval || profiles.includes(profile.name)
      ? waiting(`profile ${profile.name} waits for ${approvalsMissing({ needed: approvals, given: 0, operators })}`)
      : passed(`profile ${profile.name} needs no approval`),
});
