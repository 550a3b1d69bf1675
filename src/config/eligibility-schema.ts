import { type Static, Type } from 'typebox';
import type { StepSetting } from '../policy/compile-steps.ts';
import { WEEKDAYS } from '../policy/steps/time-window.ts';
import { Choice, closed, Count, Duration, File, formed, optional, Secret, Texts } from './schema-parts.ts';

const WALL_TIME = '^([01][0-9]|2[0-3]):[0-5][0-9]$';
const Profiles = (what: string) => optional(Texts(`Profiles ${what}. Default: all`));
const step = <const T extends string>(name: T) => ({ step: Type.Literal(name) });

/** A check of a request: by name alone, or with settings. */
const EligibilityStep = Type.Union([
  Choice(['key', 'names', 'profile', 'approval', 'name-ownership', 'known-key']),
  Type.Object({
    ...step('quota'),
    limit: Type.Integer({ minimum: 1, description: 'Number of certificates within the window' }),
    per: Duration('Length of the window; windows are fixed, counted from the epoch', '1h'),
    of: Choice(['requester', 'requester-and-profile', 'profile'], {
      description: 'What is counted: the certificates of each requester, of each requester per profile, or of all requesters together per profile', default: 'requester',
    }),
  }, closed),
  Type.Object({
    ...step('approval'),
    profiles: Texts('Profiles whose requests operators must approve, in addition to those with approval: true', { default: [] }),
    approvals: Count('How many operators must approve, each counted once; never the requester, nor, if more than one is needed, whoever created the token', 1, { minimum: 1, maximum: 10 }),
    operators: optional(Texts('Names of the operators who count: of their API key, or the first in their certificate. Default: all with scope approve', { minItems: 1 })),
  }, closed),
  Type.Object({
    ...step('time-window'),
    zone: Type.String({ minLength: 1, description: 'Time zone, such as Europe/Berlin or UTC' }),
    windows: Type.Array(Type.Object({
      days: optional(Type.Array(Choice(WEEKDAYS), { minItems: 1, description: 'Days on which the window begins. Default: every day' })),
      from: Type.String({ pattern: WALL_TIME, description: 'a time such as 08:00' }),
      to: Type.String({ pattern: WALL_TIME, description: 'a time such as 18:00, when the window ends; on the next day if it is before from' }),
    }, closed), { minItems: 1, description: 'Windows in which certificates are issued' }),
    outside: Choice(['refuse', 'wait'], { description: 'What happens to requests outside the windows: they are refused, or wait until the next window begins', default: 'refuse' }),
    profiles: Profiles('that are checked'),
  }, closed),
  Type.Object({
    ...step('name-ownership'),
    otherwise: Choice(['refuse', 'wait'], {
      description: 'What happens to a request for a name that another requester holds: it is refused, or waits for an operator, whose approval takes the name over', default: 'refuse',
    }),
    profiles: Profiles('whose names are owned by their holder'),
  }, closed),
  Type.Object({ ...step('known-key'), profiles: Profiles('that are checked') }, closed),
  Type.Object({
    ...step('webhook'),
    webhook: Type.String({ minLength: 1, description: 'Its name in webhooks' }),
    giveUp: Duration('How long a request may wait for its decision before it is denied', '7d'),
    profiles: Profiles('whose requests it is asked about'),
  }, closed),
]);

export const EligibilitySchema = Type.Array(EligibilityStep, {
  description: 'The checks of a request, in order: key, names, profile, approval, name-ownership, known-key, or with settings as {step: quota, limit: 100, per: 1h}, '
    + '{step: approval, approvals: 2, profiles: [server]}, {step: time-window, zone: Europe/Berlin, windows: [{days: [mon, fri], from: "08:00", to: "18:00"}]}, '
    + '{step: webhook, webhook: cmdb}; docs/eligibility.md describes each',
  default: ['key', 'names', 'profile', 'approval'],
});

const Webhook = Type.Object({
  url: formed<string>('httpsUrl', { description: 'Address to ask', examples: ['https://cmdb.example.com/chancery'] }),
  secret: Secret('Shared secret that signs the questions (HMAC-SHA-256): 32 characters or more'),
  timeout: Duration('How long an answer may take', '5s'),
  ca: optional(File('CAs for its certificate, PEM. Default: the system\'s', '/etc/chancery/cmdb-ca.pem')),
  cert: optional(File('Our client certificate for it with its chain, PEM', '/etc/chancery/cmdb.pem')),
  key: optional(File('Its key, PEM', '/etc/chancery/cmdb.key')),
}, closed);

export const WebhooksSchema = Type.Unsafe<Record<string, Static<typeof Webhook>>>(Type.Record(Type.String({ pattern: '^[a-z][a-z0-9-]{0,31}$' }), Webhook, {
  ...closed, description: 'Programs to ask about requests, for the checks {step: webhook, webhook: <name>} of eligibility',
}));

export type WebhooksConfig = Static<typeof WebhooksSchema>;

const FILES = ['ca', 'cert', 'key'] as const;

export const absoluteWebhooks = (webhooks: WebhooksConfig, absolute: (path: string) => string): WebhooksConfig =>
  Object.fromEntries(Object.entries(webhooks).map(([name, webhook]) => {
    const files = FILES.flatMap((file) => (webhook[file] === undefined ? [] : [[file, absolute(webhook[file])]]));
    return [name, { ...webhook, ...Object.fromEntries(files) as Partial<typeof webhook> }];
  }));

/** Expands the short form of a step. */
export function stepSetting(setting: Static<typeof EligibilityStep>): StepSetting {
  if (typeof setting === 'string') {
    switch (setting) {
      case 'approval': return { step: setting, profiles: [], approvals: 1 };
      case 'name-ownership': return { step: setting, otherwise: 'refuse' };
      default: return { step: setting };
    }
  }
  return setting.step === 'quota' ? { step: setting.step, limit: setting.limit, window: setting.per, of: setting.of } : setting;
}
