import type { BlockList } from './block-list.ts';
import type { EligibilityStep } from './eligibility.ts';
import { type ApprovalSetting, approvalStep } from './steps/approval.ts';
import { keyStep } from './steps/key.ts';
import { knownKeyStep } from './steps/known-key.ts';
import { type NameOwnershipSetting, nameOwnershipStep } from './steps/name-ownership.ts';
import { namesStep } from './steps/names.ts';
import { profileStep } from './steps/profile.ts';
import { type Quota, quotaStep } from './steps/quota.ts';
import { type TimeWindowSetting, timeWindowStep } from './steps/time-window.ts';

/** A step as configured. If `profiles` is absent, it applies to all. */
export type StepSetting =
  | { readonly step: 'key' | 'names' | 'profile' }
  | ({ readonly step: 'quota' } & Quota)
  | ({ readonly step: 'approval' } & ApprovalSetting)
  | ({ readonly step: 'time-window' } & TimeWindowSetting)
  | ({ readonly step: 'name-ownership' } & NameOwnershipSetting)
  | { readonly step: 'known-key'; readonly profiles?: readonly string[] }
  | WebhookSetting;

/** `webhook` is the name of the endpoint, `giveUp` the number of seconds for which a request may wait for it. */
export interface WebhookSetting {
  readonly step: 'webhook';
  readonly webhook: string;
  readonly giveUp: number;
  readonly profiles?: readonly string[];
}

export interface CompiledSteps {
  readonly steps: readonly EligibilityStep[];
  /** Counted in the same write as the record. */
  readonly quota: Quota | undefined;
  readonly approval: ApprovalSetting;
}

const PLAIN_APPROVAL: ApprovalSetting = { profiles: [], approvals: 1 };

/** Compiles the steps in configured order. @param webhookStep creates the only kind of step that is not pure */
export function compileSteps(settings: readonly StepSetting[], blockLists: readonly BlockList[], webhookStep: (setting: WebhookSetting) => EligibilityStep): CompiledSteps {
  const compile = (setting: StepSetting): EligibilityStep => {
    switch (setting.step) {
      case 'key': return keyStep(blockLists);
      case 'names': return namesStep;
      case 'profile': return profileStep;
      case 'quota': return quotaStep(setting);
      case 'approval': return approvalStep(setting);
      case 'time-window': return timeWindowStep(setting);
      case 'name-ownership': return nameOwnershipStep(setting);
      case 'known-key': return knownKeyStep(setting.profiles);
      case 'webhook': return webhookStep(setting);
    }
  };
  return {
    steps: settings.map(compile),
    quota: settings.find((setting) => setting.step === 'quota'),
    approval: settings.find((setting) => setting.step === 'approval') ?? PLAIN_APPROVAL,
  };
}
