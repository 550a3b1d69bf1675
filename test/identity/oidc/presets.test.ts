import { createPublicKey } from 'node:crypto';
import t from 'tap';
import { ConfigError } from '../../../src/config/faults.ts';
import { AUDIENCE, type Claims, foreignKey, handMade, rs256 } from './issuer.ts';
import { configured, readerOf } from './reader.ts';

const key = foreignKey();
const jwks = JSON.stringify({ keys: [{ ...createPublicKey(key).export({ format: 'jwk' }), kid: 'k1', use: 'sig', alg: 'RS256' }] });
const NOW = 1_700_000_000;
const TENANT = '11111111-2222-3333-4444-555555555555';

/** What each issuer puts into a token, as its documentation has it. */
const TOKENS = {
  github: {
    iss: 'https://token.actions.githubusercontent.com', aud: AUDIENCE, jti: 'a9c3b0e4-1111-4f7e-9a2e-2f1f6d6b5a01',
    sub: 'repo:octo-org/octo-repo:environment:prod', environment: 'prod', ref: 'refs/heads/main', sha: '3a1b', repository: 'octo-org/octo-repo',
    repository_owner: 'octo-org', actor_id: '12', repository_visibility: 'private', repository_id: '74', repository_owner_id: '65', run_id: '4711',
    run_number: '10', run_attempt: '2', runner_environment: 'github-hosted', actor: 'octocat',
    workflow: 'deploy', head_ref: '', base_ref: '', event_name: 'workflow_dispatch', ref_type: 'branch',
    job_workflow_ref: 'octo-org/octo-automation/.github/workflows/oidc.yml@refs/heads/main', nbf: NOW - 600, iat: NOW, exp: NOW + 300,
  },
  gitlab: {
    iss: 'https://gitlab.com', aud: AUDIENCE, namespace_id: '72', namespace_path: 'my-group', project_id: '20', project_path: 'my-group/my-project',
    user_id: '1', user_login: 'sample-user', user_email: 'sample@example.com',
    user_identities: [{ provider: 'github', extern_uid: '2435223452345' }], pipeline_id: '574', pipeline_source: 'push', job_id: '302', ref: 'main',
    ref_type: 'branch', ref_path: 'refs/heads/main', ref_protected: 'true', runner_id: 1,
    groups_direct: ['my-group/ops', 'other'], runner_environment: 'self-hosted', sha: '714a', project_visibility: 'public',
    ci_config_ref_uri: 'gitlab.com/my-group/my-project//.gitlab-ci.yml@refs/heads/main', jti: '235b3a54-b797-45c7-ae9a-f72d7bc6ef5b',
    sub: 'project_path:my-group/my-project:ref_type:branch:ref:main', nbf: NOW - 5, iat: NOW, exp: NOW + 3600,
  },
  kubernetes: {
    iss: 'https://kubernetes.default.svc.cluster.local', aud: [AUDIENCE], jti: 'ea28ed49-2e11-4280-9ec5-bc3d1d84661a', nbf: NOW, iat: NOW, exp: NOW + 3607, sub: 'system:serviceaccount:shop:web',
    'kubernetes.io': { namespace: 'shop', node: { name: 'node-1', uid: '58456cb0-dd00-45ed-b797-5578fdceaced' }, pod: { name: 'web-69dbd5d6db-8xqzl', uid: '5e0bd49b-f040-43b0-99b7-22765a53f7f3' }, serviceaccount: { name: 'web', uid: '14ee3fa4-a7e2-420f-9f9a-dbc4507c3798' } },
  },
  google: {
    iss: 'https://accounts.google.com', aud: AUDIENCE, iat: NOW, exp: NOW + 3600, sub: '112179062720391305885', azp: '112179062720391305885',
    email: 'web@acme-prod.iam.gserviceaccount.com', email_verified: true,
    google: { compute_engine: { project_id: 'acme-prod', project_number: 739419398126, zone: 'us-west1-b', instance_id: '152986662232938449', instance_name: 'web-1', instance_creation_timestamp: 1521242403, license_id: ['1000204'] } },
  },
  azure: {
    iss: `https://login.microsoftonline.com/${TENANT}/v2.0`, aud: AUDIENCE, iat: NOW, nbf: NOW, exp: NOW + 86_399, aio: 'k2Ng', azp: '0a1b', azpacr: '2',
    idtyp: 'app', oid: '7c1d', rh: '0.AX', sub: '7c1d', tid: TENANT, uti: 'n5', ver: '2.0',
    xms_mirid: `/subscriptions/${TENANT}/resourcegroups/web/providers/Microsoft.Compute/virtualMachines/vm1`, roles: ['Certificates.Request'],
  },
} as const satisfies Readonly<Record<string, Claims>>;

const PRESETS = {
  github: { preset: 'github-actions' }, gitlab: { preset: 'gitlab' }, kubernetes: { preset: 'kubernetes' }, google: { preset: 'google' }, azure: { preset: 'azure', tenant: TENANT },
} as const;
type Name = keyof typeof TOKENS;

interface WantedRule {
  readonly when: Readonly<Record<string, string | readonly string[]>>;
  readonly names: readonly string[];
}

/** What the rules make of the issuer's token with some claims replaced: names, or why there are none. */
async function granted(name: Name, rules: readonly WantedRule[], over: Claims = {}): Promise<readonly string[] | string> {
  const config = configured({ [name]: { ...PRESETS[name], jwks, audience: [AUDIENCE], rules: rules.map((rule) => ({ ...rule, profile: 'server' })) } });
  const claims = Object.fromEntries(Object.entries({ ...TOKENS[name], ...over }).filter(([, value]) => value !== undefined));
  const { grant, refusal } = await readerOf(config, () => (NOW + 10) * 1000).identify(handMade({ alg: 'RS256', kid: 'k1', typ: 'JWT' }, claims, rs256(key)));
  return refusal ?? (grant.names as readonly string[]);
}

t.test('GitHub Actions: by owner and branch, names of the owner and the repository', async (t) => {
  const rules = [{
    when: { repository_owner: 'octo-org', ref: ['refs/heads/main', 'refs/tags/v*'] },
    names: ['{{repository_owner}}.ci.example.com', '{{repository|last}}.{{repository_owner}}.ci.example.com', 'spiffe://example.com/github/{{repository|path}}'],
  }];
  t.same(await granted('github', rules), ['octo-org.ci.example.com', 'octo-repo.octo-org.ci.example.com', 'spiffe://example.com/github/octo-org/octo-repo']);
  t.same(await granted('github', rules, { ref: 'refs/tags/v1.2.3' }), ['octo-org.ci.example.com', 'octo-repo.octo-org.ci.example.com', 'spiffe://example.com/github/octo-org/octo-repo']);
  t.match(await granted('github', rules, { ref: 'refs/heads/dev' }), /rule 1 requires ref to be "refs\/heads\/main" or "refs\/tags\/v\*", not "refs\/heads\/dev"/);
  t.match(await granted('github', rules, { ref: 'refs/tags/v1/x' }), /requires ref/, 'a star ends at a slash');
  for (const owner of ['Octo-Org', 'octo-org.evil', 'octo-org ', 'evil', '', undefined, null, 7, true, { octo: 'org' }]) t.match(await granted('github', rules, { repository_owner: owner }), /requires repository_owner/, JSON.stringify(owner));
  t.match(await granted('github', rules, { repository: 'octo-org/octo.repo' }), /rule 1: repository is "octo\.repo", which cannot stand in/);
  t.same(await granted('github', [{ when: { sub: 'repo:octo-org/octo-repo:environment:prod' }, names: ['prod.example.com'] }]), ['prod.example.com']);
});

t.test('GitLab: by group, protected branches alone', async (t) => {
  const rules = [{
    when: { namespace_path: ['my-group', 'my-group/**'], ref_protected: 'true' },
    names: ['{{project_path|last}}.ci.example.com', 'spiffe://example.com/gitlab/{{project_path|path}}'],
  }];
  t.same(await granted('gitlab', rules), ['my-project.ci.example.com', 'spiffe://example.com/gitlab/my-group/my-project']);
  t.same(await granted('gitlab', rules, { namespace_path: 'my-group/sub', project_path: 'my-group/sub/my-project' }), ['my-project.ci.example.com', 'spiffe://example.com/gitlab/my-group/sub/my-project']);
  t.match(await granted('gitlab', rules, { ref_protected: 'false' }), /requires ref_protected to be "true", not "false"/);
  t.match(await granted('gitlab', rules, { namespace_path: 'my-group-evil' }), /requires namespace_path/);
  t.same(await granted('gitlab', [{ when: { project_id: '20', groups_direct: 'my-group/*' }, names: ['a.example.com'] }]), ['a.example.com'], 'one of a list');
});

t.test('Kubernetes: by namespace and service account, claims within claims', async (t) => {
  const rules = [{ when: { sub: 'system:serviceaccount:shop:*' }, names: ['{{kubernetes.io/serviceaccount/name}}.{{kubernetes.io/namespace}}.svc.example.com', 'spiffe://example.com/ns/{{kubernetes.io/namespace}}/sa/{{kubernetes.io/serviceaccount/name}}'] }];
  t.same(await granted('kubernetes', rules), ['web.shop.svc.example.com', 'spiffe://example.com/ns/shop/sa/web']);
  t.match(await granted('kubernetes', rules, { sub: 'system:serviceaccount:shopping:web' }), /requires sub/);
  t.match(await granted('kubernetes', rules, { 'kubernetes.io/namespace': 'admin' }), /kubernetes\.io\/namespace, which is not known here/, 'a claim that can be read in two ways is none');
  t.match(await granted('kubernetes', rules, { 'kubernetes.io': { namespace: '*', serviceaccount: { name: 'web' } } }), /which cannot stand in/);
});

t.test('Google: by project or by service account', async (t) => {
  t.same(await granted('google', [{ when: { 'google/compute_engine/project_id': 'acme-prod' }, names: ['{{google/compute_engine/instance_name}}.{{google/compute_engine/zone}}.example.com'] }]), ['web-1.us-west1-b.example.com']);
  t.same(await granted('google', [{ when: { email: '*@acme-prod.iam.gserviceaccount.com', email_verified: 'true' }, names: ['{{email}}'] }]), ['web@acme-prod.iam.gserviceaccount.com']);
  t.match(await granted('google', [{ when: { email: 'web@acme-prod.iam.gserviceaccount.com', email_verified: 'true' }, names: ['a.example.com'] }], { email_verified: false }), /requires email_verified/);
});

t.test('Azure: by managed identity, and by role', async (t) => {
  t.same(await granted('azure', [{ when: { xms_mirid: `/subscriptions/${TENANT}/resourcegroups/web/providers/Microsoft.Compute/virtualMachines/*` }, names: ['{{xms_mirid|last}}.azure.example.com'] }]), ['vm1.azure.example.com']);
  t.same(await granted('azure', [{ when: { roles: 'Certificates.Request' }, names: ['a.example.com'] }]), ['a.example.com']);
});

t.test('the first rule that fits decides, also where it cannot be filled in', async (t) => {
  const rules = [
    { when: { repository: 'octo-org/other' }, names: ['other.example.com'] },
    { when: { repository_owner: 'octo-org', environment: '**' }, names: ['{{environment}}.example.com'] },
    { when: { repository_owner: 'octo-org' }, names: ['**.example.com'] },
  ];
  t.same(await granted('github', rules), ['prod.example.com']);
  t.same(await granted('github', rules, { environment: undefined }), ['**.example.com']);
  for (const environment of ['a.b', '*', '**', 'a b', 'PROD', '-a', 'a-', 'xn--a', '..', 'a/b', 'ä', 'x'.repeat(64), 'prod\n', '{{ref}}', '10.0.0.0/8', ' prod']) {
    t.match(await granted('github', rules, { environment }), /^rule 2: /, `environment ${JSON.stringify(environment)}: the wider rule is not asked`);
  }
});

/** What the start says is wrong. */
function faultsOf(issuers: object, more: object = {}): string {
  try {
    configured(issuers, more);
    return '';
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.message;
  }
}

t.test('a configuration that would believe strangers, or nobody, does not start', async (t) => {
  const rule = { when: { repository_owner: 'octo-org' }, profile: 'server', names: ['a.example.com'] };
  const github = { preset: 'github-actions', audience: [AUDIENCE], rules: [rule] };
  const gitlab = { preset: 'gitlab', audience: [AUDIENCE] };
  const own = { issuer: 'https://ci.example.com', audience: [AUDIENCE], rules: [{ ...rule, when: { sub: '**' } }] };
  t.equal(faultsOf({ github }), '');
  t.equal(faultsOf({ own }), '', 'an issuer of one\'s own may say what it likes');
  t.equal(faultsOf({ lab: { ...gitlab, issuer: 'https://gitlab.example.com', rules: [{ ...rule, when: { ref: 'main' } }] } }), '', 'a GitLab of one\'s own too');
  for (const [what, issuers, message] of [
    ['a rule without conditions', { own: { ...own, rules: [{ ...rule, when: {} }] } }, /has no condition/],
    ['nobody\'s repository', { github: { ...github, rules: [{ ...rule, when: { ref: 'refs/heads/main' } }] } }, /would match strangers/],
    ['everybody\'s repository', { github: { ...github, rules: [{ ...rule, when: { repository: '*/site' } }] } }, /would match strangers/],
    ['owners that begin alike', { github: { ...github, rules: [{ ...rule, when: { repository_owner: 'octo*' } }] } }, /would match strangers/],
    ['one owner or any', { github: { ...github, rules: [{ ...rule, when: { repository_owner: ['octo-org', '*'] } }] } }, /would match strangers/],
    ['subjects of everybody', { github: { ...github, rules: [{ ...rule, when: { sub: 'repo:*/site:*' } }] } }, /would match strangers/],
    ['groups that begin alike', { lab: { ...gitlab, rules: [{ ...rule, when: { namespace_path: 'my-group*' } }] } }, /would match strangers/],
    ['two claims that run together', { github: { ...github, rules: [{ ...rule, names: ['{{repository_owner}}-{{environment}}.example.com'] }] } }, /two claims in one part/],
    ['two paths that run together', { github: { ...github, rules: [{ ...rule, names: ['spiffe://example.com/{{repository|path}}/{{ref|path}}'] }] } }, /two claims in one part/],
    ['a template that is none', { github: { ...github, rules: [{ ...rule, names: ['{{}}.example.com'] }] } }, /names no attribute/],
    ['a profile for operators', { github: { ...github, rules: [{ ...rule, profile: 'operator' }] } }, /reserved for operators/],
    ['a profile that there is not', { github: { ...github, rules: [{ ...rule, profile: 'serve' }] } }, /"serve", which does not exist/],
    ['no audience', { own: { ...own, audience: undefined } }, /audience.*is missing/],
    ['no issuer', { own: { ...own, issuer: undefined } }, /issuer.*is missing/],
    ['azure without tenant', { azure: { ...own, issuer: undefined, preset: 'azure' } }, /tenant.*is missing/],
    ['an issuer without TLS', { own: { ...own, issuer: 'http://ci.example.com' } }, /expected an address that begins with https:\/\//],
    ['keys without TLS', { own: { ...own, jwksUri: 'http://ci.example.com/keys' } }, /expected an address that begins with https:\/\//],
    ['a token shown to everybody', { own: { ...own, allowHttp: true, bearerFile: '/run/token' } }, /would send the token/],
    ['an issuer twice', { github, again: github }, /has the same issuer as oidc\.issuers\.github/],
    ['keys in two ways', { own: { ...own, jwks, jwksUri: 'https://ci.example.com/keys' } }, /and jwks are both set/],
    ['a symmetric algorithm', { own: { ...own, algorithms: ['HS256'] } }, /is "HS256"/],
    ['none', { own: { ...own, algorithms: ['none'] } }, /is "none"/],
    ['an hour of skew', { own: { ...own, clockSkew: '1h' } }, /at most 5m/],
    ['no rule', { own: { ...own, rules: [] } }, /rules.*is empty/],
    ['a network that is none', { own: { ...own, permitNetworks: ['10.0.0.1/8'] } }, /expected a network/],
    ['a condition that is no text', { own: { ...own, rules: [{ ...rule, when: { email_verified: true } }] } }, /in quotes/],
  ] as const) t.match(faultsOf(issuers), message, what);
  t.match(faultsOf({ own }, { keepKeys: '1m' }), /at least oidc\.refreshKeys/);
});
