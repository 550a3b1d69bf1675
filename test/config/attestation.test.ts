import t from 'tap';
import { ConfigError } from '../../src/config/faults.ts';
import { loadConfig } from '../../src/config/load.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = temporaryFolder('attestation-config');
const file = join(folder, 'chancery.yaml');

/** What is told of a configuration with this under `attestation`, line and place in front. */
function faultsOf(yaml: string): string[] {
  writeFileSync(file, `attestation:\n${yaml.replace(/^/gm, '  ')}\n`);
  try {
    loadConfig({ file, env: {}, folder });
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.faults.map(({ path, problem, expected }) => `${path}: ${problem}; expected ${expected}`);
  }
}

const GOOD = `x509: {roots: [old.pem], rules: [{when: {}, profile: node, names: ['{{dns}}']}]}
aws: {certificates: {eu-west-1: aws.pem}, rules: [{when: {accountId: ['123456789012', '210987654321'], region: eu-*}, profile: node, names: ['{{instanceId}}.example.com']}]}
gcp: {audience: 'https://ca.example.com', rules: [{when: {project: p}, profile: node, names: ['{{instanceName}}.example.com']}]}
azure: {roots: [r.pem], rules: [{when: {subscriptionId: s}, profile: node, names: ['{{vmId}}.example.com']}]}
ssh: {knownHosts: known_hosts, rules: [{when: {hosts: '*.example.com'}, profile: server, names: ['{{hosts}}'], maxValidity: 1d}]}`;

t.test('all kinds of proof together, with files relative to the folder', async (t) => {
  t.same(faultsOf(GOOD), []);
  const { attestation } = loadConfig({ file, env: {}, folder });
  t.match(attestation, {
    challengeLifetime: 300, tokenLifetime: 3600, claimLifetime: 31_536_000, x509: { roots: [join(folder, 'old.pem')], crls: [], methods: ['tls', 'signature'] },
    aws: { certificates: { 'eu-west-1': join(folder, 'aws.pem') }, maxAge: 3600, once: true }, gcp: { maxAge: 0, once: true },
    azure: { signers: ['metadata.azure.com', '*.metadata.azure.com'] }, ssh: { knownHosts: join(folder, 'known_hosts') },
  });
  t.same(Object.keys(loadConfig({ env: {}, folder: temporaryFolder('none') }).attestation), ['challengeLifetime', 'tokenLifetime', 'claimLifetime'], 'nothing is taken unless it is configured');
});

t.test('every fault is told, with where it stands', async (t) => {
  const rule = (changes: string): string => `{when: {accountId: '1'}, profile: node, names: [a.example.com], ${changes}}`;
  for (const [yaml, ...faults] of [
    ['challengeLifetime: 1s', /^attestation\.challengeLifetime: is 1s/],
    ['challengeLifetime: 2h', /^attestation\.challengeLifetime: is 7200s; expected 10s to 1h/],
    ['tokenLifetime: 0s', /^attestation\.tokenLifetime/],
    ['x509: {}', /x509\.roots: is missing/, /x509\.rules: is missing/],
    ['x509: {roots: [], rules: []}', /x509\.roots: is an empty list/, /x509\.rules: is empty, so nobody/],
    ['ssh: {rules: [{}]}', /ssh\.knownHosts: is missing/, /rules\[0\]\.profile: is missing/, /rules\[0\]\.names: is missing/],
    ['aws: {rules: []}', /aws\.certificates: names no certificate/, /aws\.rules: is empty/],
    ['tpm: {}', /attestation\.tpm: is unknown/],
    [`aws: {certificates: {any: a.pem}, rules: [${rule("when: {region: eu-west-1}").replace("when: {accountId: '1'}, ", '')}]}`, /rules\[0\]\.when: would match the machines of strangers; expected accountId/],
    [`aws: {certificates: {any: a.pem}, rules: [${rule('').replace("'1'", "'1*'")}]}`, /would match the machines of strangers/],
    [`aws: {certificates: {any: a.pem}, rules: [${rule('').replace('a.example.com', "'{{hostname}}.example.com'")}]}`, /names\[0\]: asks for hostname, which does not exist/],
    [`aws: {certificates: {any: a.pem}, rules: [${rule('').replace('a.example.com', "'{{instanceId}'")}]}`, /names\[0\]: .* a brace/],
    [`aws: {certificates: {any: a.pem}, rules: [${rule('').replace('a.example.com', "'{{instanceId}}-{{region}}.example.com'")}]}`, /names\[0\]: has two attributes in one part/],
    [`aws: {certificates: {any: a.pem}, rules: [${rule('').replace('profile: node', 'profile: nodes')}]}`, /profile: is "nodes", which does not exist/],
    [`aws: {certificates: {any: a.pem}, rules: [${rule('').replace('profile: node', 'profile: operator')}]}`, /profile: is "operator", .* reserved for operators/],
    ["azure: {roots: [r.pem], signers: ['*'], rules: [{when: {subscriptionId: s}, profile: node, names: [a]}]}", /signers\[0\]: is "\*"/],
  ] as const) {
    const told = faultsOf(yaml);
    for (const fault of faults) t.ok(told.some((line) => fault.test(line)), `${yaml}\n${told.join('\n')}`);
  }
});
