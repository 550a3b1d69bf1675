import { approvalsMissing } from '../approvals.ts';
import { type EligibilityStep, passed, waiting } from '../eligibility.ts';

export interface ApprovalSetting {
  /** Profiles whose requests need approval, besides those that require it themselves. */
  readonly profiles: readonly string[];
  /** Number of operators that must approve. */
  readonly approvals: number;
  /** Names of the operators whose approval counts; if absent, everyone with scope approve. */
  readonly operators?: readonly string[];
}

/** Approval by operators, for profiles that require it by their own setting or the step's list. */
export const approvalStep = ({ profiles, approvals, operators }: ApprovalSetting): EligibilityStep => ({
  name: 'approval',
  check: ({ profile }) =>
    profile.approval || profiles.includes(profile.name)
      ? waiting(`profile ${profile.name} waits for ${approvalsMissing({ needed: approvals, given: 0, operators })}`)
      : passed(`profile ${profile.name} needs no approval`),
});
