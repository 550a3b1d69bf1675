import { compileProfiles, ProfileError } from '../policy/profile.ts';
import { attestationInconsistencies } from './attestation-consistency.ts';
import { cfsslInconsistencies } from './cfssl-consistency.ts';
import { networkFaults, pairFaults, patternFaults, when } from './common-faults.ts';
import type { Config } from './config.ts';
import { formatDuration } from './duration.ts';
import { eligibilityInconsistencies, profilesOf } from './eligibility-consistency.ts';
import type { Inconsistency, Path } from './faults.ts';
import { nearestName } from './near-name.ts';
import { oidcInconsistencies } from './oidc-consistency.ts';

/** Faults that no single value shows. */
export const inconsistencies = (config: Config): readonly Inconsistency[] => RULES.flatMap((rule) => rule(config));

/**
 * A CRL is renewed before it expires, and records are kept while a CRL may list them (RFC 5280 section 3.3: one CRL beyond the certificate's
 * expiry).
 */
const CRL_LIFETIMES_RETAINED = 2;

/** In seconds; clients' clocks are off by minutes. */
const LEAST_OCSP_LIFETIME = 60;
/** The responder's certificate is renewed with a third of its life left, so that no response outlives it. */
const OCSP_LIFETIMES_OF_RESPONDER = 3;

/** Settings that have no effect, or less than intended, with another kind of store. */
const FOR_REDIS: readonly {
  readonly path: Path;
  readonly set: (store: Omit<Config['store'], 'url'>) => boolean;
  readonly kind: string;
  readonly has: (url: Config['store']['url']) => boolean;
}[] = [
  { path: ['password'], set: ({ password }) => password !== undefined, kind: 'Redis', has: ({ kind }) => kind === 'redis' },
  { path: ['minReplicas'], set: ({ minReplicas }) => minReplicas > 0, kind: 'Redis', has: ({ kind }) => kind === 'redis' },
  { path: ['sentinel'], set: ({ sentinel }) => Object.keys(sentinel).length > 0, kind: 'redis+sentinel', has: (url) => url.kind === 'redis' && url.topology === 'sentinel' },
  ...(['ca', 'cert', 'key', 'serverName'] as const).map((name) => ({
    path: ['tls', name], set: ({ tls }: Pick<Config['store'], 'tls'>) => tls[name] !== undefined, kind: 'rediss (TLS)', has: (url: Config['store']['url']) => url.kind === 'redis' && url.tls,
  })),
];

const RULES: readonly ((config: Config) => readonly Inconsistency[])[] = [
  ({ acme: { allow, deny, privateZones, authorities } }) => [
    ...patternFaults(['acme', 'allow'], allow), ...patternFaults(['acme', 'deny'], deny), ...patternFaults(['acme', 'privateZones'], privateZones),
    ...Object.entries(authorities).flatMap(([name, own]) => [...patternFaults(['acme', 'authorities', name, 'allow'], own.allow), ...patternFaults(['acme', 'authorities', name, 'deny'], own.deny)]),
  ],
  ({ acme: { permitNetworks } }) => networkFaults(['acme', 'permitNetworks'], permitNetworks),
  ({ acme: { resolver } }) => when(resolver !== undefined && !/^(?:\[[0-9a-f:]+\]|[0-9.]+)(?::[0-9]{1,5})?$/i.test(resolver), {
    path: ['acme', 'resolver'], problem: `is ${JSON.stringify(resolver)}`, expected: 'the address of a resolver, with its port: 10.0.0.53:53, [fd00::53]:53',
  }),
  ({ httpsCertificate }) => pairFaults(['httpsCertificate'], httpsCertificate),
  ({ listen }) => when(listen.https === 'off' && listen.http === 'off', {
    path: ['listen'], about: [['listen', 'https'], ['listen', 'http']], problem: 'turns both https and http off', expected: 'one of them',
  }),
  ({ listen }) => {
    const taken = Object.entries(listen).flatMap(([name, at]) => (at === 'off' || at.port === 0 ? [] : [{ name, address: `${at.host}:${at.port}` }]));
    return taken.flatMap(({ name, address }, index) => {
      const other = taken.slice(0, index).find((earlier) => earlier.address === address);
      return other === undefined ? [] : [{ path: ['listen', name], about: [['listen', other.name]], problem: `is the address of listen.${other.name} too`, expected: 'an address of its own' }];
    });
  },
  ({ crl }) => when(crl.renewBefore >= crl.lifetime, {
    path: ['crl', 'renewBefore'], about: [['crl', 'lifetime']], problem: `is ${formatDuration(crl.renewBefore)}`, expected: `less than crl.lifetime (${formatDuration(crl.lifetime)})`,
  }),
  ({ crl }) => when(crl.coalesce > crl.renewBefore, {
    path: ['crl', 'coalesce'], about: [['crl', 'renewBefore']], problem: `is ${formatDuration(crl.coalesce)}`, expected: `at most crl.renewBefore (${formatDuration(crl.renewBefore)})`,
  }),
  ({ crl }) => (['lifetime', 'rootLifetime'] as const).flatMap((name) => when(crl[name] === 0, { path: ['crl', name], problem: 'is zero', expected: 'at least 1s' })),
  ({ crl: { shards } }) => when(shards === 1 || (shards & (shards - 1)) !== 0, { path: ['crl', 'shards'], problem: `is ${shards}`, expected: 'a power of two, at least 2, or 0' }),
  ({ crl: { delta } }) => when(delta.lifetime === 0, { path: ['crl', 'delta', 'lifetime'], problem: 'is zero', expected: 'at least 1s' }),
  ({ crl: { delta, shards }, profiles }) => Object.entries(profiles).flatMap(([name, { freshestCrl }]) => when(freshestCrl === true && (!delta.publish || shards > 0), {
    path: ['profiles', name, 'freshestCrl'], about: [['crl', 'delta', 'publish'], ['crl', 'shards']], problem: 'is true',
    expected: 'crl.delta.publish true and crl.shards 0: a delta refers to the full CRL (RFC 5280 5.2.4)',
  })),
  ({ crl: { delta, lifetime } }) => when(delta.publish && delta.lifetime > lifetime, {
    path: ['crl', 'delta', 'lifetime'], about: [['crl', 'lifetime']], problem: `is ${formatDuration(delta.lifetime)}`, expected: `at most crl.lifetime (${formatDuration(lifetime)})`,
  }),
  ({ limits }) => when(limits.requestTime === 0, { path: ['limits', 'requestTime'], problem: 'is zero', expected: 'at least 1s' }),
  ({ store, crl }) => when(store.retainEnded < CRL_LIFETIMES_RETAINED * crl.lifetime, {
    path: ['store', 'retainEnded'], about: [['crl', 'lifetime']],
    problem: `is ${formatDuration(store.retainEnded)}`, expected: `at least ${CRL_LIFETIMES_RETAINED} times crl.lifetime (${formatDuration(CRL_LIFETIMES_RETAINED * crl.lifetime)})`,
  }),
  ({ ocsp }) => when(ocsp.lifetime < LEAST_OCSP_LIFETIME, { path: ['ocsp', 'lifetime'], problem: `is ${formatDuration(ocsp.lifetime)}`, expected: `at least ${formatDuration(LEAST_OCSP_LIFETIME)}` }),
  ({ ocsp, profiles, eligibility }) => when(ocsp.serve && (profiles['ocsp']?.approval === true || eligibility.some((setting) => setting.step === 'approval' && setting.profiles.includes('ocsp'))), {
    path: ['profiles', 'ocsp', 'approval'], about: [['ocsp', 'serve'], ['eligibility']],
    problem: 'has the service wait for approval of the certificates that sign its OCSP answers', expected: 'no approval for profile ocsp, or ocsp.serve: false',
  }),
  ({ ocsp }) => when(ocsp.maxAge > ocsp.lifetime / 2, {
    path: ['ocsp', 'maxAge'], about: [['ocsp', 'lifetime']], problem: `is ${formatDuration(ocsp.maxAge)}`, expected: `at most half of ocsp.lifetime (${formatDuration(ocsp.lifetime)})`,
  }),
  ({ ocsp }) => when(ocsp.responderLifetime < OCSP_LIFETIMES_OF_RESPONDER * ocsp.lifetime, {
    path: ['ocsp', 'responderLifetime'], about: [['ocsp', 'lifetime']],
    problem: `is ${formatDuration(ocsp.responderLifetime)}`, expected: `at least ${OCSP_LIFETIMES_OF_RESPONDER} times ocsp.lifetime (${formatDuration(OCSP_LIFETIMES_OF_RESPONDER * ocsp.lifetime)})`,
  }),
  ({ store }) => when(store.timeout === 0, { path: ['store', 'timeout'], problem: 'is zero', expected: 'at least 1s' }),
  ({ store }) => when(store.replicaTimeout === 0 || (store.timeout > 0 && store.replicaTimeout >= store.timeout), {
    path: ['store', 'replicaTimeout'], about: [['store', 'timeout']], problem: `is ${formatDuration(store.replicaTimeout)}`,
    expected: `at least 1s, and less than store.timeout (${formatDuration(store.timeout)})`,
  }),
  ({ store }) => when(store.password !== undefined && store.url.kind === 'redis' && store.url.password !== undefined, {
    path: ['store', 'password'], about: [['store', 'url']], problem: 'and a password in store.url are both set', expected: 'one of them',
  }),
  ({ store: { tls } }) => (['cert', 'key'] as const).flatMap((one) => when(tls[one] === undefined && tls[one === 'cert' ? 'key' : 'cert'] !== undefined, {
    path: ['store', 'tls', one], problem: `is missing, although store.tls.${one === 'cert' ? 'key' : 'cert'} is set`, expected: 'both, or neither',
  })),
  ({ store: { url, ...store } }) => FOR_REDIS.flatMap(({ path, set, kind, has }) => when(set(store) && !has(url), {
    path: ['store', ...path], about: [['store', 'url']], problem: `is set, which applies only to ${kind}`, expected: `store.url with ${kind}`,
  })),
  oidcInconsistencies,
  faultsOfProfiles,
  cfsslInconsistencies,
  attestationInconsistencies,
  (config) => unknownProfile(config, config.defaultProfile, ['defaultProfile']),
  eligibilityInconsistencies,
  (config) => config.eligibility.flatMap((setting, index) =>
    profilesOf(setting).flatMap((name, at) => unknownProfile(config, name, ['eligibility', index, 'profiles', at]))),
];

function unknownProfile({ profiles }: Config, name: string, path: Path): readonly Inconsistency[] {
  const known = [...new Set([...compileProfiles({}).keys(), ...Object.keys(profiles)])];
  const near = nearestName(name, known);
  return when(!known.includes(name), {
    path, about: [['profiles']], problem: `names the profile ${JSON.stringify(name)}, which does not exist${near === undefined ? '' : ` (did you mean ${near}?)`}`, expected: `one of ${known.join(', ')}`,
  });
}

/** The faults found by the profile compiler, each at its profile. */
function faultsOfProfiles({ profiles }: Config): readonly Inconsistency[] {
  try {
    compileProfiles(profiles);
    return [];
  } catch (error) {
    if (!(error instanceof ProfileError)) throw error;
    return error.faults.map((fault) => {
      const [, name = '', problem = fault, expected = ''] = /^profiles\.([a-z0-9-]+): (.*?)(?:; expected (.*))?$/s.exec(fault) ?? [];
      return { path: ['profiles', name], problem: `cannot be used: ${problem}`, expected };
    });
  }
}
