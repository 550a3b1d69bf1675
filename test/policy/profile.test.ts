import t from 'tap';
import { compileProfiles, ProfileError, type RawProfile } from '../../src/policy/profile.ts';

t.test('the built-in profiles need no configuration', (t) => {
  const profiles = compileProfiles({});
  t.strictSame([...profiles.keys()].sort(), ['acme', 'client', 'node', 'ocsp', 'operator', 'server', 'service', 'subordinate', 'swarm']);
  const server = profiles.get('server');
  t.equal(server?.lifetime, 30 * 86_400);
  t.equal(server?.maxLifetime, 397 * 86_400);
  t.equal(server?.backdate, 60);
  t.strictSame(server?.extendedKeyUsage, ['1.3.6.1.5.5.7.3.1']);
  t.equal(server?.wildcards, false, 'a wildcard is for those who say so');
  t.equal(profiles.get('subordinate')?.operatorsOnly, true);
  t.equal(profiles.get('operator')?.operatorsOnly, true);
  t.end();
});

t.test('a configured member replaces the built-in one, and leaves the others', (t) => {
  const server = compileProfiles({ server: { lifetime: 3600, names: { wildcards: true } } }).get('server');
  t.equal(server?.lifetime, 3600);
  t.equal(server?.wildcards, true);
  t.strictSame([...(server?.nameKinds ?? [])], ['dns', 'ip']);
  t.end();
});

t.test('a name that every object has is no profile', (t) => {
  t.equal(compileProfiles({}).get('constructor'), undefined);
  t.throws(() => compileProfiles({ constructor: {} } as unknown as Record<string, RawProfile>), ProfileError);
  t.end();
});

t.test('every fault is told at once', (t) => {
  const wrong: Record<string, RawProfile> = {
    a: { extendedKeyUsage: ['serverAuth'], lifetime: 10 },
    b: { extendedKeyUsage: ['nonsense'] },
    c: { extendedKeyUsage: ['2.5.29.37.0'] },
    d: {},
    e: { extendedKeyUsage: ['serverAuth'], pathLength: 1 },
    f: { authority: true },
    g: { extendedKeyUsage: ['clientAuth'], lifetime: 400 * 86_400 },
    h: { extendedKeyUsage: ['clientAuth'], names: { allow: ['*bad'] } },
  };
  try {
    compileProfiles(wrong);
    t.fail('accepted');
  } catch (error) {
    const faults = (error as ProfileError).faults.join('\n');
    for (const name of Object.keys(wrong)) t.match(faults, `profiles.${name}:`, name);
  }
  t.end();
});
