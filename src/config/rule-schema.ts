import { Type } from 'typebox';
import type { RuleSettings } from '../identity/rules/rule.ts';
import { closed, Duration, optional, Texts } from './schema-parts.ts';

/** A rule as it is written: one pattern needs no list. */
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

/** One of the rules by which those whom others have vouched for get certificates. `what`: what they have, such as claims. */
export const RuleSchema = (what: string) => Type.Unsafe<WrittenRule>(Type.Object(
  {
    when: Type.Record(Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9_./:-]{0,127}$' }), Patterns, {
      ...closed, description: `${what}, each with patterns, one of which must match; all named here must match. * stands for characters other than /, ** for any`,
    }),
    profile: Type.String({ minLength: 1, description: 'Profile of the certificates' }),
    names: Texts('Names they may have: patterns, in which {{name}} stands for the value of a claim or attribute', { minItems: 1 }),
    maxValidity: optional(Duration('Longest lifetime of a certificate. Default: the profile\'s')),
  }, closed));

/** The rule with each pattern in a list. What a faulty one lacks is empty here: that was told already. */
export const ruleOf = ({ when, names, ...rule }: WrittenRule): RuleSettings => ({
  ...rule, names: names ?? [], when: Object.fromEntries(Object.entries(when ?? {}).map(([name, patterns]) => [name, typeof patterns === 'string' ? [patterns] : patterns])),
});
