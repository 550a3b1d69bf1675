import t from 'tap';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { variableName } from '../../src/config/environment.ts';
import { exampleConfig } from '../../src/config/example.ts';
import { loadConfig } from '../../src/config/load.ts';
import { ConfigSchema } from '../../src/config/schema.ts';
import { leavesOf, type SchemaNode } from '../../src/config/schema-node.ts';

const folder = mkdtempSync(join(tmpdir(), 'chancery-example-'));
t.teardown(() => rmSync(folder, { recursive: true }));

function load(text: string) {
  writeFileSync(join(folder, 'example.yaml'), text, { mode: 0o600 });
  return loadConfig({ file: 'example.yaml', env: {}, folder, machine: 'machine' });
}

t.test('the example as it is written changes nothing', async (t) => {
  t.same(load(exampleConfig()), load(''));
});

t.test('with every # of a value removed it is a good configuration, of defaults wherever there is one', async (t) => {
  const uncommented = exampleConfig().replace(/^( *)#(?=\S)/gm, '$1');
  const { publicUrl, hostNames, hostNamesGiven, store, authority, profiles, acme, oidc, cfssl, attestation, httpsCertificate, runtime, ...rest } = load(uncommented);
  const { publicUrl: _url, hostNames: _names, hostNamesGiven: _given, store: standardStore, authority: standardAuthority, profiles: _profiles, acme: standardAcme, oidc: standardOidc, cfssl: standardCfssl, attestation: standardAttestation, httpsCertificate: _files, runtime: _runtime, ...standard } = load('');
  t.same(httpsCertificate, { cert: '/etc/chancery/https.pem', key: '/etc/chancery/https.key' });
  t.same(rest, standard);
  const { allow: _allow, termsOfService: _terms, website: _website, resolver: _resolver, authorities: _authorities, ...acmeRest } = acme;
  const { authorities: _standardAuthorities, ...standardRest } = standardAcme;
  t.same(acmeRest, standardRest);
  t.same({ ...oidc, issuers: {} }, standardOidc);
  t.match(oidc.issuers, { github: { preset: 'github-actions', rules: [{ maxValidity: 3600 }] } });
  const { x509, aws, gcp, azure, ssh, ...attestationRest } = attestation;
  t.same(attestationRest, standardAttestation);
  t.same([x509, aws, gcp, azure, ssh].map((part) => part?.rules.length), [1, 1, 1, 1, 1]);
  t.same({ ...cfssl, clients: {} }, standardCfssl);
  t.match(cfssl.clients, { nodes: { profile: 'node', profiles: ['server'] } });
  t.equal(hostNamesGiven, true);
  t.equal(runtime, '/run/chancery');
  t.equal(store.retainEnded, standardStore.retainEnded);
  t.equal(authority.verifySignatures, standardAuthority.verifySignatures);
  t.same([publicUrl, hostNames, authority.issuing, profiles], [
    { https: 'https://ca.example.com', http: 'http://ca.example.com' }, ['ca.example.com', 'localhost', '127.0.0.1'], 'issuing',
    { server: { lifetime: 7_776_000, names: { allow: ['**.example.com', '10.0.0.0/8'] } } },
  ]);
});

t.test('every variable that it names is one', async (t) => {
  const leaves = [...leavesOf(ConfigSchema as unknown as SchemaNode)];
  const known = new Set(leaves.map(({ path }) => variableName(path)));
  const named = exampleConfig().match(/CHANCERY_[A-Z0-9_<>]+/g) ?? [];
  t.ok(named.length > 100);
  for (const name of named) t.ok(known.has(name.replace(/_FILE$/, '')) || known.has(name), name);
});

t.test('every value is described in it', async (t) => {
  const text = exampleConfig().replace(/\n *# +/g, ' ');
  for (const { path, node } of leavesOf(ConfigSchema as unknown as SchemaNode)) t.ok(node.description !== undefined && text.includes(node.description), path.join('.'));
});

t.test('values that are given are set, and nothing else', async (t) => {
  const text = exampleConfig({ publicUrl: { http: 'http://pki.example.com' }, hostNames: ['ca.example.com', '::1'], workers: 2 });
  const config = load(text);
  t.same([config.publicUrl, config.hostNames, config.workers], [{ http: 'http://pki.example.com' }, ['ca.example.com', '::1'], 2]);
  const lines = (of: string): number => of.match(/^ *[^#\s]/gm)?.length ?? 0;
  t.equal(lines(text), lines(exampleConfig()) + 3, 'the sections, and three values');
  t.throws(() => exampleConfig({ publicUrl: { htp: 'x' } }), TypeError);
  t.same(load(exampleConfig({ profiles: { web: { lifetime: '1d', extendedKeyUsage: ['serverAuth'] } } })).profiles, { web: { lifetime: 86_400, extendedKeyUsage: ['serverAuth'] } });
});
