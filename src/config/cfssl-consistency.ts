import type { Profile } from '../policy/profile.ts';
import { OID } from '../x509/oids.ts';
import { compiledProfiles, patternFaults, when } from './common-faults.ts';
import type { Config } from './config.ts';
import { formatDuration } from './duration.ts';
import type { Inconsistency, Path } from './faults.ts';

/** HMAC keys of 16 to 64 octets; shorter ones can be guessed (RFC 2104 section 3), longer ones are hashed. */
const KEY = /^(?:[0-9a-f]{2}){16,64}$/i;
const HOUR = 3600;
/**
 * A Docker Engine takes the role of a node from its organizational unit, whatever the profile: it trusts any certificate under the swarm's
 * root that has it.
 */
const MAKES_NODES = ['*', 'swarm-manager', 'swarm-worker'];
/** SwarmKit renews once 50 to 80 % of the time from notBefore to notAfter has passed: with much backdating, a new certificate is already due. */
const BACKDATED_SHARE = 4;

/** Faults of `cfssl` and `swarm` that no single value shows. */
export function cfsslInconsistencies(config: Config): readonly Inconsistency[] {
  const profiles = compiledProfiles(config);
  return profiles === undefined ? [] : [...keyFaults(config), ...grantFaults(config, profiles), ...swarmFaults(config, profiles)];
}

function keyFaults({ cfssl: { keys } }: Config): readonly Inconsistency[] {
  const all = Object.entries(keys).flatMap(([name, { key, previousKey }]) => [
    { path: ['cfssl', 'keys', name, 'key'], value: key }, ...(previousKey === undefined ? [] : [{ path: ['cfssl', 'keys', name, 'previousKey'], value: previousKey }]),
  ]);
  return all.flatMap(({ path, value }, index) => [
    // A secret is never shown.
    ...when(!KEY.test(value), { path, problem: 'is not a key of this form', expected: '32 to 128 hex digits, an even number of them' }),
    ...when(all.slice(0, index).some((other) => other.value.toLowerCase() === value.toLowerCase()), { path, problem: 'is also the key of another one', expected: 'each key once: it identifies the caller' }),
  ]);
}

function grantFaults({ cfssl, swarm }: Config, profiles: ReadonlyMap<string, Profile>): readonly Inconsistency[] {
  const known = [...profiles.keys()].join(', ');
  const grants = [
    ...Object.entries(cfssl.keys).map(([name, one]) => ({ path: ['cfssl', 'keys', name], ...one, holders: [] })),
    ...Object.entries(cfssl.clients).map(([name, one]) => ({ path: ['cfssl', 'clients', name], ...one })),
  ];
  return [
    ...Object.entries(cfssl.clients).flatMap(([name, { profile }]) => when(!profiles.has(profile), {
      path: ['cfssl', 'clients', name, 'profile'], problem: `names the profile ${JSON.stringify(profile)}, which does not exist`, expected: `one of ${known}`,
    })),
    ...grants.flatMap(({ path, profiles: asked, names, holders, organizationalUnits }) => [
      ...organizationalUnits.flatMap((unit, index) => when(swarm.enabled && MAKES_NODES.includes(unit), {
        path: [...path, 'organizationalUnits', index], about: [['swarm', 'enabled']], problem: `is ${JSON.stringify(unit)}, which is for nodes of swarms`,
        expected: 'units by their names, other than swarm-manager and swarm-worker',
      })),
      ...asked.flatMap((name, index) => profileFaults([...path, 'profiles', index], name, profiles.get(name), known)),
      ...asked.flatMap((name, index) => when(swarm.enabled && name === swarm.profile, {
        path: [...path, 'profiles', index], about: [['swarm', 'profile']], problem: `is the profile of swarm nodes (${name})`,
        expected: 'another one: a certificate of this profile lets its holder have others issued',
      })),
      ...patternFaults([...path, 'names'], names), ...patternFaults([...path, 'holders'], holders),
    ]),
  ];
}

function profileFaults(path: Path, name: string, profile: Profile | undefined, known: string): readonly Inconsistency[] {
  if (profile === undefined) return [{ path, problem: `names the profile ${JSON.stringify(name)}, which does not exist`, expected: `one of ${known}` }];
  return when(profile.operatorsOnly || profile.authority, { path, problem: `names the profile ${name}, which is reserved for operators`, expected: 'a profile that others may request' });
}

/** SwarmKit's requirements for node certificates, checked here rather than discovered by a swarm. */
function swarmFaults({ swarm, eligibility }: Config, profiles: ReadonlyMap<string, Profile>): readonly Inconsistency[] {
  if (!swarm.enabled) return [];
  const { profile: name } = swarm;
  const profile = profiles.get(name);
  const unknown = profileFaults(['swarm', 'profile'], name, profile, [...profiles.keys()].join(', '));
  if (profile === undefined || unknown.length > 0) return unknown;
  const { lifetime, backdate } = profile;
  const at = (member: string): { readonly path: Path; readonly about: readonly Path[] } => ({ path: ['profiles', name, member], about: [['swarm', 'profile']] });
  return [
    ...when(lifetime < HOUR, { ...at('lifetime'), problem: `is ${formatDuration(lifetime)}, and swarm nodes would renew again and again`, expected: 'at least 1h' }),
    ...when(BACKDATED_SHARE * backdate > lifetime, {
      ...at('backdate'), problem: `is ${formatDuration(backdate)}, and certificates of swarm nodes would be due for renewal when they are new`,
      expected: `at most a quarter of the lifetime (${formatDuration(lifetime)})`,
    }),
    ...when(![OID.serverAuth, OID.clientAuth].every((usage) => profile.extendedKeyUsage.includes(usage)), {
      ...at('extendedKeyUsage'), problem: 'lacks what swarm nodes need', expected: 'serverAuth and clientAuth',
    }),
    ...when(!profile.nameKinds.has('dns'), { ...at('names'), problem: 'has no DNS names, by which swarm nodes know each other', expected: 'dns among the kinds' }),
    ...when(profile.subject.commonName !== 'from-csr', {
      ...at('subject'), problem: 'does not take the requested common name, which is the id of a swarm\'s node', expected: 'commonName: from-csr',
    }),
    ...when(!profile.keyTypes.includes('P-256'), { ...at('keyTypes'), problem: 'lacks the kind of key that Docker Engine makes', expected: 'P-256 among them' }),
    ...when(profile.approval || eligibility.some((setting) => setting.step === 'approval' && setting.profiles.includes(name)), {
      ...at('approval'), about: [['swarm', 'profile'], ['eligibility']], problem: 'has swarm nodes wait for approval',
      expected: 'none: a swarm waits only for seconds',
    }),
  ];
}
