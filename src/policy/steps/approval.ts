import { type EligibilityStep, passed, waiting } from '../eligibility.ts';

/** An operator's approval, for profiles that demand it (their own setting, or the step's list). */
export const approvalStep = (profiles: readonly string[]): EligibilityStep => ({
  name: 'approval',
  check: ({ profile }) =>
    profile.approval || profiles.includes(profile.name)
      ? waiting(`profile ${profile.name} waits for an operator's approval`)
      : passed(`profile ${profile.name} needs no approval`),
});
