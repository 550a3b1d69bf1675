import type { RuleSettings } from '../identity/rules/rule.ts';
import { networkFaults, when } from './common-faults.ts';
import type { Config } from './config.ts';
import { formatDuration } from './duration.ts';
import type { Inconsistency } from './faults.ts';
import { type IssuerSettings, issuersOf } from './oidc-issuers.ts';
import { ruleFaults, usableProfiles } from './rule-consistency.ts';
import { ruleOf } from './rule-schema.ts';

/** Seconds; a larger skew means a wrong clock, and lets a token live on for as long after its expiry. */
const MOST_SKEW = 300;

/** Faults of `oidc` that no single value shows. */
export function oidcInconsistencies(config: Config): readonly Inconsistency[] {
  const { oidc } = config;
  const issuers = issuersOf(config);
  const faults: Inconsistency[] = [];
  if (oidc.refreshKeys < 10) faults.push({ path: ['oidc', 'refreshKeys'], problem: `is ${formatDuration(oidc.refreshKeys)}`, expected: 'at least 10s' });
  if (oidc.keepKeys < oidc.refreshKeys) {
    faults.push({
      path: ['oidc', 'keepKeys'], about: [['oidc', 'refreshKeys']], problem: `is ${formatDuration(oidc.keepKeys)}`,
      expected: `at least oidc.refreshKeys (${formatDuration(oidc.refreshKeys)})`,
    });
  }
  const profiles = usableProfiles(config);
  for (const [index, issuer] of issuers.entries()) {
    const at = ['oidc', 'issuers', issuer.name];
    const same = issuers.slice(0, index).find((earlier) => earlier.issuer !== undefined && earlier.issuer === issuer.issuer);
    if (same !== undefined) faults.push({
      path: at, about: [['oidc', 'issuers', same.name]], problem: `has the same issuer as oidc.issuers.${same.name}`,
      expected: 'each issuer once, with all its audiences and rules',
    });
    faults.push(...issuerFaults(issuer).map((fault) => ({ ...fault, path: [...at, ...fault.path] })));
    for (const [number, written] of issuer.rules.entries()) {
      const rule = ruleOf(written);
      faults.push(...faultsOf(rule, issuer, profiles).map((fault) => ({ ...fault, path: [...at, 'rules', number, ...fault.path] })));
    }
  }
  return faults;
}

function issuerFaults(issuer: IssuerSettings): readonly Inconsistency[] {
  const given = (['jwks', 'jwksFile', 'jwksUri'] as const).filter((name) => issuer[name] !== undefined);
  const fetches = issuer.jwks === undefined && issuer.jwksFile === undefined;
  const addresses = fetches ? [[issuer.jwksUri === undefined ? 'issuer' : 'jwksUri', issuer.jwksUri ?? issuer.issuer] as const] : [];
  const faults: readonly (Inconsistency | undefined)[] = [
    issuer.issuer === undefined
      ? (issuer.preset === 'azure' ? missing('tenant', 'the number of the directory, or the issuer') : missing('issuer', 'the issuer as in its tokens (iss), or a preset'))
      : undefined,
    issuer.tenant !== undefined && issuer.preset !== 'azure' ? { path: ['tenant'], problem: 'is set', expected: 'preset azure with it' } : undefined,
    issuer.audience.length === 0 ? missing('audience', 'for whom tokens must be: publicUrl.https, or an audience here') : undefined,
    given.length > 1 ? { path: [given[1] ?? ''], problem: `and ${given[0]} are both set`, expected: 'one of them' } : undefined,
    issuer.clockSkew > MOST_SKEW ? { path: ['clockSkew'], problem: `is ${formatDuration(issuer.clockSkew)}`, expected: `at most ${formatDuration(MOST_SKEW)}` } : undefined,
    issuer.maxLifetime === 0 ? { path: ['maxLifetime'], problem: 'is zero', expected: 'at least 1s' } : undefined,
    issuer.rules.length === 0 ? { path: ['rules'], problem: 'is empty, so nobody gets anything', expected: 'at least one rule' } : undefined,
    ...addresses.map(([name, text]) => (text === undefined || isAddress(text, issuer.allowHttp) ? undefined
      : { path: [name], problem: `is ${JSON.stringify(text)}`, expected: `an address that begins with https://${issuer.allowHttp ? ' or http://' : ''}, without user, query and fragment` })),
    issuer.bearerFile !== undefined && issuer.allowHttp ? { path: ['allowHttp'], problem: 'would send the token of bearerFile in clear', expected: 'one of them' } : undefined,
    ...networkFaults(['permitNetworks'], issuer.permitNetworks),
  ];
  return faults.filter((fault) => fault !== undefined);
}

const missing = (name: string, expected: string): Inconsistency => ({ path: [name], problem: 'is missing', expected });

function isAddress(text: string, allowHttp: boolean): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search, hash } = new URL(text);
  return (protocol === 'https:' || (allowHttp && protocol === 'http:')) && username + password + search + hash === '';
}

function faultsOf(rule: RuleSettings, { owners }: IssuerSettings, profiles: ReadonlySet<string> | undefined): readonly Inconsistency[] {
  const conditions = Object.entries(rule.when);
  const fixed = owners === undefined || conditions.some(([claim, patterns]) => Object.hasOwn(owners, claim) && patterns.every((pattern) => owners[claim]?.test(pattern)));
  return [
    ...ruleFaults(rule, profiles, { what: 'a claim' }),
    ...when(conditions.length === 0, { path: ['when'], problem: 'has no condition', expected: 'at least one claim that must match' }),
    ...when(conditions.length > 0 && !fixed, {
      path: ['when'], problem: 'would match strangers: this issuer gives tokens to everybody', expected: `one of ${Object.keys(owners ?? {}).join(', ')}, without a * in the part that names the owner`,
    }),
  ];
}
