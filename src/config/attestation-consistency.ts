import { ATTRIBUTES } from '../identity/attestation/attributes.ts';
import { faultsOfRule } from '../identity/rules/rule.ts';
import { compileNamePattern, PatternError } from '../policy/name-pattern.ts';
import type { Config } from './config.ts';
import type { Inconsistency } from './faults.ts';
import { runsTogether, usableProfiles } from './rule-consistency.ts';
import { ruleOf, type WrittenRule } from './rule-schema.ts';

type Part = keyof typeof ATTRIBUTES;

/** Whose nodes these are: everybody has some in the same cloud, so a rule has to say whose it is for. */
const OWNERS: Readonly<Partial<Record<Part, readonly string[]>>> = { aws: ['accountId'], gcp: ['project', 'projectNumber'], azure: ['subscriptionId'] };

const LEAST_LIFETIME = 10;
const MOST_CHALLENGE = 3600;

/** What is wrong with `attestation` that no value shows by itself. */
export function attestationInconsistencies(config: Config): readonly Inconsistency[] {
  const { attestation } = config;
  const profiles = usableProfiles(config);
  const faults: Inconsistency[] = [];
  const add = (wrong: boolean, path: Inconsistency['path'], problem: string, expected: string): void => void (wrong && faults.push({ path: ['attestation', ...path], problem, expected }));
  const { challengeLifetime, tokenLifetime, aws, azure } = attestation;
  add(challengeLifetime < LEAST_LIFETIME || challengeLifetime > MOST_CHALLENGE, ['challengeLifetime'], `is ${challengeLifetime}s`, `${LEAST_LIFETIME}s to 1h`);
  add(tokenLifetime < LEAST_LIFETIME, ['tokenLifetime'], `is ${tokenLifetime}s`, `at least ${LEAST_LIFETIME}s`);
  add(aws !== undefined && Object.keys(aws.certificates).length === 0, ['aws', 'certificates'], 'names no certificate', 'at least one region with its file');
  for (const [index, pattern] of (azure?.signers ?? []).entries()) add(!isPattern(pattern), ['azure', 'signers', index], `is ${JSON.stringify(pattern)}`, 'a name pattern: a name, or *.domain');
  for (const part of Object.keys(ATTRIBUTES) as Part[]) {
    const rules = attestation[part]?.rules;
    if (rules === undefined) continue;
    add(rules.length === 0, [part, 'rules'], 'is empty, so that nobody gets anything', 'at least one rule');
    for (const [number, rule] of rules.entries()) faults.push(...ruleFaults(part, rule, profiles).map((fault) => ({ ...fault, path: ['attestation', part, 'rules', number, ...fault.path] })));
  }
  return faults;
}

function ruleFaults(part: Part, written: WrittenRule, profiles: ReadonlySet<string> | undefined): readonly Inconsistency[] {
  const rule = ruleOf(written);
  const faults: Inconsistency[] = faultsOfRule(rule, ATTRIBUTES[part]).map(({ at, problem }) => ({ path: at, problem, expected: 'an attribute, or a template of names' }));
  const owners = OWNERS[part];
  if (owners !== undefined && !owners.some((owner) => rule.when[owner]?.every((pattern) => !pattern.includes('*')))) {
    faults.push({ path: ['when'], problem: 'would hold for the machines of strangers', expected: `${owners.join(' or ')}, without a *` });
  }
  for (const [index, text] of rule.names.entries()) {
    if (runsTogether(text)) faults.push({ path: ['names', index], problem: 'has two attributes in one part: a-b with c, and a with b-c, would be one name', expected: 'a dot or slash between two attributes' });
  }
  if (profiles !== undefined && !profiles.has(rule.profile)) {
    faults.push({ path: ['profile'], about: [['profiles']], problem: `is ${JSON.stringify(rule.profile)}, which there is not, or which is kept for operators`, expected: `one of ${[...profiles].join(', ')}` });
  }
  return faults;
}

function isPattern(text: string): boolean {
  try {
    compileNamePattern(text);
    return text !== '*';
  } catch (error) {
    if (error instanceof PatternError) return false;
    throw error;
  }
}
