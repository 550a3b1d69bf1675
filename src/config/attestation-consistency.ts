import { ATTRIBUTES } from '../identity/attestation/attributes.ts';
import { patternFault } from '../policy/name-pattern.ts';
import { when } from './common-faults.ts';
import type { Config } from './config.ts';
import type { Inconsistency } from './faults.ts';
import { ruleFaults, usableProfiles } from './rule-consistency.ts';
import { ruleOf, type WrittenRule } from './rule-schema.ts';

type Part = keyof typeof ATTRIBUTES;

/** The claims that identify an owner: everybody has machines in the same cloud, so a rule must say whose it is for. */
const OWNERS: Readonly<Partial<Record<Part, readonly string[]>>> = { aws: ['accountId'], gcp: ['project', 'projectNumber'], azure: ['subscriptionId'] };

const LEAST_LIFETIME = 10;
const MOST_CHALLENGE = 3600;

/** Faults of `attestation` that no single value shows. */
export function attestationInconsistencies(config: Config): readonly Inconsistency[] {
  const { attestation } = config;
  const profiles = usableProfiles(config);
  const faults: Inconsistency[] = [];
  const add = (wrong: boolean, path: Inconsistency['path'], problem: string, expected: string): void => void (wrong && faults.push({ path: ['attestation', ...path], problem, expected }));
  const { challengeLifetime, tokenLifetime, aws, azure } = attestation;
  add(challengeLifetime < LEAST_LIFETIME || challengeLifetime > MOST_CHALLENGE, ['challengeLifetime'], `is ${challengeLifetime}s`, `${LEAST_LIFETIME}s to 1h`);
  add(tokenLifetime < LEAST_LIFETIME, ['tokenLifetime'], `is ${tokenLifetime}s`, `at least ${LEAST_LIFETIME}s`);
  add(aws !== undefined && Object.keys(aws.certificates).length === 0, ['aws', 'certificates'], 'names no certificate', 'at least one region with its file');
  for (const [index, pattern] of (azure?.signers ?? []).entries()) add(pattern === '*' || patternFault(pattern) !== undefined, ['azure', 'signers', index], `is ${JSON.stringify(pattern)}`, 'a name pattern: a name, or *.domain');
  for (const part of Object.keys(ATTRIBUTES) as Part[]) {
    const rules = attestation[part]?.rules;
    if (rules === undefined) continue;
    add(rules.length === 0, [part, 'rules'], 'is empty, so nobody gets anything', 'at least one rule');
    for (const [number, rule] of rules.entries()) faults.push(...faultsOf(part, rule, profiles).map((fault) => ({ ...fault, path: ['attestation', part, 'rules', number, ...fault.path] })));
  }
  return faults;
}

function faultsOf(part: Part, written: WrittenRule, profiles: ReadonlySet<string> | undefined): readonly Inconsistency[] {
  const rule = ruleOf(written);
  const owners = OWNERS[part];
  const fixed = owners === undefined || owners.some((owner) => rule.when[owner]?.every((pattern) => !pattern.includes('*')));
  return [
    ...ruleFaults(rule, profiles, { what: 'an attribute', known: ATTRIBUTES[part] }),
    ...when(!fixed, { path: ['when'], problem: 'would match the machines of strangers', expected: `${owners?.join(' or ')}, without a *` }),
  ];
}
