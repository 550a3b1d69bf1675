import { compileProfiles, type Profile, ProfileError } from '../policy/profile.ts';
import { patternFault } from '../policy/name-pattern.ts';
import { parseCidr } from '../x509/ip-address.ts';
import type { Config } from './config.ts';
import type { Inconsistency, Path } from './faults.ts';

// Checks shared by several parts of the configuration.

export const when = (wrong: boolean, fault: Inconsistency): readonly Inconsistency[] => (wrong ? [fault] : []);

/** Faults in a list of name patterns. */
export const patternFaults = (path: Path, patterns: readonly string[] = []): readonly Inconsistency[] => patterns.flatMap((pattern, index) => when(patternFault(pattern) !== undefined, {
  path: [...path, index], problem: `is ${JSON.stringify(pattern)}`, expected: 'a name pattern: a name, *.domain, **.domain, an address or network, or *',
}));

/** Faults in a list of networks. */
export const networkFaults = (path: Path, networks: readonly string[]): readonly Inconsistency[] => networks.flatMap((network, index) => when(parseCidr(network) === undefined, {
  path: [...path, index], problem: `is ${JSON.stringify(network)}`, expected: 'a network without bits behind its prefix, such as 10.0.0.0/8 or fd00::/8',
}));

/** A certificate requires its key, and the key its certificate. */
export const pairFaults = (path: Path, { cert, key }: { readonly cert?: string; readonly key?: string }): readonly Inconsistency[] => when((cert === undefined) !== (key === undefined), {
  path, problem: `has ${cert === undefined ? 'a key and no cert' : 'a cert and no key'}`, expected: 'both, or none',
});

/** All profiles; undefined if some have faults, which are reported with the profiles. */
export function compiledProfiles({ profiles }: Config): ReadonlyMap<string, Profile> | undefined {
  try {
    return compileProfiles(profiles);
  } catch (error) {
    if (error instanceof ProfileError) return undefined;
    throw error;
  }
}
