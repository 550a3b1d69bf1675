import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { Config } from '../../src/config/config.ts';
import { ConfigError } from '../../src/config/faults.ts';
import { loadConfig } from '../../src/config/load.ts';

const folder = mkdtempSync(join(tmpdir(), 'chancery-config-'));
t.teardown(() => rmSync(folder, { recursive: true }));

function load(yaml: string, env: Readonly<Record<string, string>> = {}, mode = 0o600): Config {
  const file = join(folder, 'test.yaml');
  rmSync(file, { force: true });
  writeFileSync(file, yaml, { mode });
  return loadConfig({ file, env, folder, machine: 'machine' });
}

/** Place, and what is wrong. */
function faults(...given: Parameters<typeof load>): string[] {
  try {
    load(...given);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults.map(({ path, problem }) => `${path} ${problem}`);
    throw error;
  }
  return [];
}

const KEY = '00112233445566778899aabbccddeeff';
const cfssl = (rest: string): string => `cfssl: {enabled: true, ${rest}}`;
const key = (rest: string): string => cfssl(`keys: {builds: {profiles: [server], names: ["*.example.com"], ${rest}}}`);
const swarm = (profile: string): string => `swarm: {enabled: true}\nprofiles: {swarm: ${profile}}`;

t.test('a key may come from a file of its own', async (t) => {
  writeFileSync(join(folder, 'key'), `${KEY}\n`);
  const env = { CHANCERY_CFSSL__KEYS__BUILDS__KEY_FILE: join(folder, 'key'), CHANCERY_CFSSL__KEYS__BUILDS__PROFILES: 'server', CHANCERY_CFSSL__KEYS__BUILDS__NAMES: '**.example.com' };
  t.same(load('cfssl: {enabled: true}', env).cfssl.keys, { builds: { key: KEY, profiles: ['server'], names: ['**.example.com'], organizations: [], organizationalUnits: [] } });
});

t.test('a secret in a table is not left in a file that others may read', async (t) => {
  t.same(faults(key(`key: "${KEY}"`), {}, 0o644), ['cfssl.keys.builds.key is in a file that others may read']);
  t.same(faults(key(`key: "${KEY}", previousKey: "${KEY.replace('0', 'a')}"`), {}, 0o644).length, 2);
});

t.test('keys and rules that cannot be meant are refused, and no key is shown', async (t) => {
  t.same(faults(key('key: "001122"')), ['cfssl.keys.builds.key is not a key of this form']);
  t.same(faults(key(`key: "${KEY}0"`)), ['cfssl.keys.builds.key is not a key of this form']);
  t.same(faults(key(`key: "${KEY}", previousKey: "${KEY.toUpperCase()}"`)), ['cfssl.keys.builds.previousKey is also the key of another one']);
  t.same(faults(cfssl(`keys: {a: {key: "${KEY}", profiles: [sever, operator, subordinate], names: ["a b/c*"]}}`)), [
    'cfssl.keys.a.profiles[0] names the profile "sever", which does not exist', 'cfssl.keys.a.profiles[1] names the profile operator, which is reserved for operators', 'cfssl.keys.a.profiles[2] names the profile subordinate, which is reserved for operators', 'cfssl.keys.a.names[0] is "a b/c*"',
  ]);
  t.same(faults(cfssl('clients: {a: {profile: nodes, holders: ["x y/z*"], profiles: [server], names: ["*"]}}')), ['cfssl.clients.a.profile names the profile "nodes", which does not exist', 'cfssl.clients.a.holders[0] is "x y/z*"']);
  t.same(faults(`${cfssl('clients: {a: {profile: node, profiles: [swarm], names: ["*"]}}')}\nswarm: {enabled: true}`), ['cfssl.clients.a.profiles[0] is the profile of swarm nodes (swarm)'], 'it would make managers of swarms');
  const units = key(`key: "${KEY}", organizations: ["*"], organizationalUnits: [Web, "*", swarm-manager]`);
  t.same(faults(units), []);
  t.same(faults(`${units}\nswarm: {enabled: true}`), ['cfssl.keys.builds.organizationalUnits[1] is "*", which is for nodes of swarms', 'cfssl.keys.builds.organizationalUnits[2] is "swarm-manager", which is for nodes of swarms'], 'to Engine the unit alone is the role');
});

t.test('a profile that would fail in a swarm is refused at start', async (t) => {
  t.same(faults('swarm: {enabled: true}'), []);
  t.same(faults(swarm('{lifetime: 59m}')), ['profiles.swarm.lifetime is 59m, and swarm nodes would renew again and again']);
  t.same(faults(swarm('{lifetime: 1h}')), []);
  t.same(faults(swarm('{lifetime: 1h, backdate: 16m}')), ['profiles.swarm.backdate is 16m, and certificates of swarm nodes would be due for renewal when they are new']);
  t.same(faults(swarm('{extendedKeyUsage: [serverAuth]}')), ['profiles.swarm.extendedKeyUsage lacks what swarm nodes need']);
  t.same(faults(swarm('{approval: true}')), ['profiles.swarm.approval has swarm nodes wait for approval']);
  t.same(faults('swarm: {enabled: true}\neligibility: [key, names, profile, {step: approval, profiles: [swarm]}]'), ['profiles.swarm.approval has swarm nodes wait for approval']);
  t.same(faults(swarm('{keyTypes: [RSA]}')), ['profiles.swarm.keyTypes lacks the kind of key that Docker Engine makes']);
  t.same(faults(swarm('{subject: {commonName: first-name}}')), ['profiles.swarm.subject does not take the requested common name, which is the id of a swarm\'s node']);
  t.same(faults('swarm: {enabled: true, profile: operator}'), ['swarm.profile names the profile operator, which is reserved for operators']);
  t.same(faults('swarm: {profile: nowhere}'), [], 'nothing is asked of what is off');
});
