import { Type } from 'typebox';
import type { RuleSettings } from '../identity/rules/rule.ts';
import { closed, Duration, optional, Texts } from './schema-parts.ts';

/** A rule as written: a single pattern needs no list. */
export interface WrittenRule {
  readonly when: Readonly<Record<string, string | readonly string[]>>;
  readonly profile: string;
  readonly names: readonly string[];
  /** Seconds. */
  readonly maxValidity?: number;
}

const Patterns = Type.Union([
  Type.String({ minLength: 1, maxLength: 1024, description: 'a pattern' }),
  Texts('Patterns, one of which must match', { minItems: 1, item: Type.String({ minLength: 1, maxLength: 1024, description: 'a pattern' }) }),
]);

/** A rule under which identities vouched for by others obtain certificates. `what` names their properties, such as claims. */
export const RuleSchema = (what: string) => Type.Unsafe<WrittenRule>(Type.Object(
  {
    when: Type.Record(Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9_./:-]{0,127}$' }), Patterns, {
      ...closed, description: `${what}, each with patterns, one of which must match; all named here must match. * stands for characters other than /, ** for any`,
    }),
    profile: Type.String({ minLength: 1, description: 'Profile of the certificates' }),
    names: Texts('Names they may have: patterns, in which {{name}} stands for the value of a claim or attribute', { minItems: 1 }),
    maxValidity: optional(Duration('Longest lifetime of a certificate. Default: the profile\'s')),
  }, closed));

/** The rule with each pattern in a list. Members missing from a faulty rule are empty here: the fault has been reported. */
export const ruleOf = ({ when, names, ...rule }: WrittenRule): RuleSettings => ({
  ...rule, names: names ?? [], when: Object.fromEntries(Object.entries(when ?? {}).map(([name, patterns]) => [name, typeof patterns === 'string' ? [patterns] : patterns])),
});
