import type { BlockList } from './block-list.ts';
import type { EligibilityStep } from './eligibility.ts';
import { approvalStep } from './steps/approval.ts';
import { keyStep } from './steps/key.ts';
import { namesStep } from './steps/names.ts';
import { profileStep } from './steps/profile.ts';
import { type Quota, quotaStep } from './steps/quota.ts';

/** A step as the configuration names it. */
export type StepSetting =
  | { readonly step: 'key' | 'names' | 'profile' }
  | { readonly step: 'quota'; readonly limit: number; readonly window: number }
  | { readonly step: 'approval'; readonly profiles: readonly string[] };

/** The steps in the order of the configuration, and the quota among them, which is counted with each record. */
export function compileSteps(settings: readonly StepSetting[], blockLists: readonly BlockList[]): { readonly steps: readonly EligibilityStep[]; readonly quota: Quota | undefined } {
  const quota = settings.find((setting) => setting.step === 'quota');
  return { steps: settings.map((setting) => compileStep(setting, blockLists)), quota: quota && { limit: quota.limit, window: quota.window } };
}

function compileStep(setting: StepSetting, blockLists: readonly BlockList[]): EligibilityStep {
  switch (setting.step) {
    case 'key': return keyStep(blockLists);
    case 'names': return namesStep;
    case 'profile': return profileStep;
    case 'quota': return quotaStep(setting);
    case 'approval': return approvalStep(setting.profiles);
  }
}
