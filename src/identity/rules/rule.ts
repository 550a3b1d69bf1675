import type { Grant } from '../../policy/grant.ts';
import { type Attributes, compileTemplate, type Template, TemplateError } from './template.ts';
import { matchesText } from './text-pattern.ts';

/** What the configuration grants to those whose attributes match. */
export interface RuleSettings {
  /** Attribute -> patterns (`text-pattern.ts`), one of which must match one of its values. All attributes listed must match. */
  readonly when: Readonly<Record<string, readonly string[]>>;
  readonly profile: string;
  /** Templates as in `template.ts`. */
  readonly names: readonly string[];
  /** Seconds. */
  readonly maxValidity?: number;
}

export interface Rule {
  readonly settings: RuleSettings;
  readonly templates: readonly Template[];
}

/** Compiles a rule. @throws TemplateError */
export const compileRule = (settings: RuleSettings): Rule => ({ settings, templates: settings.names.map(compileTemplate) });

/** Faults of a rule on its own: where, and why. `known`: the attributes that exist, if that is known in advance. */
export function faultsOfRule(settings: RuleSettings, known?: readonly string[]): { readonly at: readonly (string | number)[]; readonly problem: string }[] {
  const unknown = (attribute: string): string | undefined =>
    (known === undefined || known.includes(attribute) ? undefined : `asks for ${attribute}, which does not exist; there are ${known.join(', ')}`);
  const conditions = Object.keys(settings.when).flatMap((attribute) => {
    const problem = unknown(attribute);
    return problem === undefined ? [] : [{ at: ['when', attribute], problem }];
  });
  const templates = settings.names.flatMap((text, index) => {
    try {
      const problem = compileTemplate(text).asks.map(unknown).find((each) => each !== undefined);
      return problem === undefined ? [] : [{ at: ['names', index], problem }];
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      return [{ at: ['names', index], problem: error.message }];
    }
  });
  return [...conditions, ...templates];
}

export type Decision =
  /** `rule`: its number, from 1. */
  | { readonly allowed: true; readonly grant: Pick<Grant, 'profiles' | 'names' | 'maxValidity'>; readonly rule: number }
  /** Why not, in words. */
  | { readonly allowed: false; readonly reason: string };

/** What the first matching rule grants. Nothing if none matches, or if the first match cannot be filled in: later rules are not considered. */
export function decide(rules: readonly Rule[], attributes: Attributes): Decision {
  const missed: string[] = [];
  for (const [index, { settings, templates }] of rules.entries()) {
    const failing = Object.entries(settings.when).filter(([attribute, patterns]) => !(attributes.get(attribute) ?? []).some((value) => patterns.some((pattern) => matchesText(pattern, value))));
    if (failing.length > 0) {
      missed.push(`rule ${index + 1} requires ${failing.map(([attribute, patterns]) => wanted(attribute, patterns, attributes.get(attribute) ?? [])).join(' and ')}`);
      continue;
    }
    try {
      const names = [...new Set(templates.flatMap((template) => template.fill(attributes)))];
      return { allowed: true, rule: index + 1, grant: { profiles: [settings.profile], names, ...(settings.maxValidity === undefined ? {} : { maxValidity: settings.maxValidity }) } };
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      return { allowed: false, reason: `rule ${index + 1}: ${error.message}` };
    }
  }
  const more = missed.length > MOST_TOLD ? `; and ${missed.length - MOST_TOLD} more rules` : '';
  return { allowed: false, reason: `no rule allows anything: ${missed.slice(0, MOST_TOLD).join('; ') || 'there is none'}${more}` };
}

/** Upper bounds of rules, and of values for each, in explanations. */
const MOST_TOLD = 10;
const MOST_VALUES = 3;
const MOST_TEXT = 100;

/** For example `ref to be "refs/heads/main", not "refs/heads/dev"`. */
function wanted(attribute: string, patterns: readonly string[], values: readonly string[]): string {
  const texts = (list: readonly string[]): string => `${list.slice(0, MOST_VALUES).map((text) => JSON.stringify(text.length > MOST_TEXT ? `${text.slice(0, MOST_TEXT)}…` : text)).join(' or ')}${list.length > MOST_VALUES ? ' or others' : ''}`;
  return `${attribute} to be ${texts(patterns)}, ${values.length === 0 ? 'which is not known here' : `not ${texts(values)}`}`;
}
