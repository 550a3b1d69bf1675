import type { StepSetting } from '../policy/compile-steps.ts';
import { isZone } from '../policy/steps/time-window.ts';
import { pairFaults, when } from './common-faults.ts';
import type { Config } from './config.ts';
import type { Inconsistency } from './faults.ts';
import { nearestName } from './near-name.ts';

const LEAST_SECRET = 32;

/** The name of a step in requests; each step may occur once. */
const nameOf = (setting: StepSetting): string => (setting.step === 'webhook' ? `webhook ${setting.webhook}` : setting.step);

export const profilesOf = (setting: StepSetting): readonly string[] => ('profiles' in setting ? setting.profiles ?? [] : []);

/** Faults of the checks and webhooks that no single value shows. Profile names are checked only if all profiles could be compiled. */
export const eligibilityInconsistencies = ({ eligibility, webhooks, profiles }: Config): readonly Inconsistency[] => [
  ...(['key', 'names', 'profile'] as const).flatMap((name) => when(!eligibility.some(({ step }) => step === name), {
    path: ['eligibility'], problem: `leaves out the check ${name}`, expected: 'key, names and profile among the checks',
  })),
  ...eligibility.flatMap((setting, index) => when(eligibility.findIndex((earlier) => nameOf(earlier) === nameOf(setting)) < index, {
    path: ['eligibility', index], problem: `is the check ${nameOf(setting)} again`, expected: 'each check once',
  })),
  ...Object.entries(profiles).flatMap(([name, profile]) => when(profile.approval === true && !eligibility.some(({ step }) => step === 'approval'), {
    path: ['profiles', name, 'approval'], about: [['eligibility']], problem: 'requires approval, which is not among the checks of eligibility', expected: 'approval in eligibility',
  })),
  ...eligibility.flatMap((setting, index) => stepFaults(setting, ['eligibility', index], Object.keys(webhooks))),
  ...Object.entries(webhooks).flatMap(([name, webhook]) => [
    ...when(!eligibility.some((setting) => setting.step === 'webhook' && setting.webhook === name), {
      path: ['webhooks', name], about: [['eligibility']], problem: 'is used by no check', expected: `{step: webhook, webhook: ${name}} in eligibility`,
    }),
    ...when((webhook.secret ?? '').length < LEAST_SECRET, { path: ['webhooks', name, 'secret'], problem: 'is too short', expected: `at least ${LEAST_SECRET} characters` }),
    ...pairFaults(['webhooks', name], webhook),
  ]),
];

function stepFaults(setting: StepSetting, path: Inconsistency['path'], webhooks: readonly string[]): readonly Inconsistency[] {
  switch (setting.step) {
    case 'approval': {
      const { operators, approvals } = setting;
      return operators === undefined ? [] : when(new Set(operators).size < approvals, {
        path: [...path, 'operators'], about: [[...path, 'approvals']], problem: `names ${new Set(operators).size} operators, of whom ${approvals} must approve`, expected: 'at least as many',
      });
    }
    case 'time-window': return [
      ...when(!isZone(setting.zone), {
        path: [...path, 'zone'], problem: `is ${JSON.stringify(setting.zone)}, which is not a time zone`,
        expected: 'a name such as Europe/Berlin, America/New_York or UTC',
      }),
      ...setting.windows.flatMap(({ from, to }, at) => when(from === to, {
        path: [...path, 'windows', at], problem: 'begins and ends at the same time', expected: 'two times; for a whole day 00:00 to 23:59',
      })),
    ];
    case 'webhook': {
      const near = nearestName(setting.webhook, webhooks);
      return when(!webhooks.includes(setting.webhook), {
        path: [...path, 'webhook'], about: [['webhooks']], problem: `names the webhook ${JSON.stringify(setting.webhook)}, which does not exist${near === undefined ? '' : ` (did you mean ${near}?)`}`,
        expected: webhooks.length === 0 ? 'it in webhooks' : `one of ${webhooks.join(', ')}`,
      });
    }
    default: return [];
  }
}
