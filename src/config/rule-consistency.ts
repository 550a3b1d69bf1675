import { faultsOfRule, type RuleSettings } from '../identity/rules/rule.ts';
import { compiledProfiles, when } from './common-faults.ts';
import type { Config } from './config.ts';
import type { Inconsistency } from './faults.ts';

/** Whether two different subjects could fill the template with the same resulting name. */
const runsTogether = (template: string): boolean =>
  template.replace(/\{\{[^{}]*\}\}/g, '\0').split(/[./@]/).some((part) => part.split('\0').length > 2) || (template.match(/\| *path\b/g) ?? []).length > 1;

/** The profiles open to others than operators; undefined if the profiles have faults of their own. */
export function usableProfiles(config: Config): ReadonlySet<string> | undefined {
  const profiles = compiledProfiles(config);
  return profiles && new Set([...profiles.values()].filter(({ operatorsOnly }) => !operatorsOnly).map(({ name }) => name));
}

/** Faults of a rule that do not depend on its kind, at paths within the rule. */
export const ruleFaults = (rule: RuleSettings, profiles: ReadonlySet<string> | undefined, of: {
  /** What its conditions and templates name, with its article. */
  readonly what: 'a claim' | 'an attribute';
  /** All known names; undefined if any are allowed. */
  readonly known?: readonly string[];
}): readonly Inconsistency[] => [
  ...faultsOfRule(rule, of.known).map(({ at, problem }) => ({ path: at, problem, expected: `${of.what}, or a template of names` })),
  ...rule.names.flatMap((text, index) => when(runsTogether(text), {
    path: ['names', index], problem: `has two ${of.what.split(' ')[1]}s in one part: a-b with c, and a with b-c, would be one name`, expected: `a dot or slash between two ${of.what.split(' ')[1]}s`,
  })),
  ...when(profiles?.has(rule.profile) === false, {
    path: ['profile'], about: [['profiles']], problem: `is ${JSON.stringify(rule.profile)}, which does not exist or is reserved for operators`, expected: `one of ${[...profiles ?? []].join(', ')}`,
  }),
];
