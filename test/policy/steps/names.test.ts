import t from 'tap';
import type { Candidate } from '../../../src/policy/eligibility.ts';
import { compileProfiles, ProfileError, type RawProfile } from '../../../src/policy/profile.ts';
import { namesStep } from '../../../src/policy/steps/names.ts';
import { textToName } from '../../../src/x509/general-name.ts';

const KINDS = ['dns', 'ip', 'email', 'uri'] as const;

const verdict = async (names: readonly string[], raw: NonNullable<RawProfile['names']> = {}, granted: 'any' | readonly string[] = 'any') => {
  const profile = compileProfiles({ server: { names: { kinds: KINDS, wildcards: true, ...raw } } }).get('server');
  return namesStep.check({ profile, names: names.map(textToName), nameFaults: [], grant: { profiles: 'any', names: granted } } as unknown as Candidate, {} as never, []);
};

const codes = async (...of: Parameters<typeof verdict>): Promise<readonly string[]> => (await verdict(...of)).faults?.map(({ code }) => code) ?? [];

t.test('no wildcard for a public suffix, of either section of the list', async (t) => {
  for (const name of ['*.co.uk', '*.github.io', '*.any.ck', '*.s3.amazonaws.com']) t.same(await codes([name]), ['name-public-suffix'], name);
  for (const name of ['*.example.co.uk', '*.me.github.io', '*.corp.internal', 'www.github.io', 'co.uk']) t.same(await codes([name]), [], name);
  t.match((await verdict(['*.github.io'])).reason, /wildcard for a public suffix.*expected a domain of one owner, or github\.io among names\.privateZones of profile server/);
});

t.test('a zone that is one\'s own is no public suffix, and only that one', async (t) => {
  t.same(await codes(['*.github.io'], { privateZones: ['GitHub.io'] }), []);
  t.same(await codes(['*.eu-west-1.elb.amazonaws.com'], { privateZones: ['amazonaws.com'] }), []);
  t.same(await codes(['*.gitlab.io'], { privateZones: ['github.io', 'b.io'] }), ['name-public-suffix']);
  t.same(await codes(['*.github.io'], { privateZones: ['github.io'], wildcards: false }), ['name-wildcard']);
  t.throws(() => compileProfiles({ server: { names: { privateZones: ['*.github.io'] } } }), ProfileError);
});

t.test('a SPIFFE ID is the only URI of a certificate, and has a path', async (t) => {
  t.same(await codes(['spiffe://example.com/ci', 'node1.example.com']), []);
  t.same(await codes(['spiffe://example.com/ci', 'https://example.com/ci']), ['name-spiffe']);
  t.same(await codes(['spiffe://example.com/ci', 'spiffe://example.com/cd']), ['name-spiffe']);
  t.same(await codes(['spiffe://example.com']), ['name-spiffe']);
  t.same(await codes(['https://example.com/a', 'https://example.com/b']), []);
});

t.test('a host name that came as a common name alone, where that is a text, is told how to come', async (t) => {
  const told = async (kinds: readonly ('dns' | 'text')[], value: string, granted: readonly string[]): Promise<string> => {
    const profile = compileProfiles({ server: { names: { kinds, allow: granted } } }).get('server');
    return (await namesStep.check({ profile, names: [{ kind: 'text', value }], nameFaults: [], grant: { profiles: 'any', names: granted } } as unknown as Candidate, {} as never, [])).reason;
  };
  const hint = '; a common name alone is a text to this profile, and these are host names: put it into the subject alternative name as well';
  t.equal(await told(['dns', 'text'], 'A.ci.example.com', ['*.ci.example.com']),
    `"A.ci.example.com" matches none of the names of profile server: *.ci.example.com${hint}; "A.ci.example.com" is not allowed for this requester; allowed: *.ci.example.com${hint}`);
  t.notMatch(await told(['dns', 'text'], 'Alice', ['*.ci.example.com']), hint);
  t.notMatch(await told(['text'], 'a.ci.example.com', ['*.ci.example.com']), hint, 'where no host name may be in it');
});

t.test('what is refused is told with what would be allowed', async (t) => {
  t.match((await verdict(['a.example.org'], { allow: ['**.example.com', '10.0.0.0/8'] })).reason, 'matches none of the names of profile server: **.example.com, 10.0.0.0/8');
  t.match((await verdict(['a.example.org'], {}, Array.from({ length: 40 }, (_, n) => `n${n}.example.com`))).reason, /allowed: n0\.example\.com, .*n9\.example\.com and 30 more$/);
});
