import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { readCommandLine, readEnvironment, variableName } from '../../src/config/environment.ts';
import { ConfigSchema } from '../../src/config/schema.ts';
import { leavesOf, type SchemaNode } from '../../src/config/schema-node.ts';

const schema = ConfigSchema as unknown as SchemaNode;

const folder = mkdtempSync(join(tmpdir(), 'chancery-environment-'));
t.teardown(() => rmSync(folder, { recursive: true }));

t.test('every value has a variable, named for its path', async (t) => {
  t.equal(variableName(['publicUrl', 'https']), 'CHANCERY_PUBLIC_URL__HTTPS');
  t.equal(variableName(['profiles', 'docker-node', 'names', 'allow']), 'CHANCERY_PROFILES__DOCKER_NODE__NAMES__ALLOW');
  t.equal(variableName(['acme', 'http01Port']), 'CHANCERY_ACME__HTTP01_PORT');
  const paths = [...leavesOf(schema)].map(({ path }) => path.map((part) => (part === '<name>' ? 'docker-node' : part)));
  const env = Object.fromEntries(paths.map((path) => [variableName(path), 'x']));
  t.equal(Object.keys(env).length, paths.length, 'no two share a variable');
  const { overrides, faults } = readEnvironment(schema, env);
  t.same(faults, []);
  t.same(overrides.map(({ path }) => path), paths);
});

t.test('texts become what the setting wants', async (t) => {
  const { overrides } = readEnvironment(schema, {
    CHANCERY_WORKERS: '4', CHANCERY_LOG__REQUESTS: 'true', CHANCERY_HOST_NAMES: 'a.example.com, 10.0.0.1,', CHANCERY_CRL__LIFETIME: '7d',
    CHANCERY_ELIGIBILITY: '[key, {step: quota, limit: 5}]', CHANCERY_LIMITS__BODY: '0x10', CHANCERY_AUTHORITY__VERIFY_SIGNATURES: 'constructor',
  });
  t.same(overrides.map(({ value }) => value), [4, true, ['a.example.com', '10.0.0.1'], '7d', ['key', { step: 'quota', limit: 5 }], '0x10', 'constructor']);
});

t.test('where a word ends is a matter of taste', async (t) => {
  const written = ['CHANCERY_HOST_NAMES', 'CHANCERY_HOSTNAMES', 'CHANCERY_HO_ST_NAMES'];
  t.same(written.flatMap((name) => readEnvironment(schema, { [name]: 'a.example.com' }).overrides.map(({ path }) => path.join())), ['hostNames', 'hostNames', 'hostNames']);
});

t.test('an empty variable is not set', async (t) => {
  t.same(readEnvironment(schema, { CHANCERY_WORKERS: '', CHANCERY_NONSENSE: '', CHANCERY_DATA: undefined }), { overrides: [], faults: [] });
});

t.test('a secret may come from a file, its last line break left out', async (t) => {
  const file = join(folder, 'secret');
  writeFileSync(file, ' open sesame \r\n');
  const read = (env: Record<string, string>) => readEnvironment(schema, env);
  t.same(read({ CHANCERY_AUTHORITY__PASSPHRASE_FILE: file }).overrides, [{ path: ['authority', 'passphrase'], value: ' open sesame ', source: 'CHANCERY_AUTHORITY__PASSPHRASE_FILE' }]);
  t.match(read({ CHANCERY_AUTHORITY__PASSPHRASE_FILE: join(folder, 'none') }).faults, [{ problem: 'names a file that cannot be read (ENOENT)' }]);
  t.match(read({ CHANCERY_AUTHORITY__PASSPHRASE_FILE: file, CHANCERY_AUTHORITY__PASSPHRASE: 'x' }).faults, [{ problem: 'and the variable without _FILE are both set' }]);
  t.match(read({ CHANCERY_WORKERS_FILE: file }).faults, [{ source: 'CHANCERY_WORKERS_FILE' }], 'what is no secret may not');
});

t.test('an unknown variable is a fault, and the near one is named', async (t) => {
  const problem = (name: string): string | undefined => readEnvironment(schema, { [name]: 'x' }).faults[0]?.problem;
  t.equal(problem('CHANCERY_LISTEN_HTTPS'), 'is not a setting (did you mean CHANCERY_LISTEN__HTTPS?)');
  t.equal(problem('CHANCERY_PROFILES__WEB__LIFETIMES'), 'is not a setting (did you mean CHANCERY_PROFILES__WEB__LIFETIME?)');
  t.equal(problem('CHANCERY_LISTEN'), 'is not a setting', 'a section is no value');
  t.equal(problem('CHANCERY_'), 'is not a setting');
  t.equal(problem('OTHER_LISTEN'), undefined);
});

t.test('variables of the command line, of tests and of Kubernetes are no settings, and no faults', async (t) => {
  const env = {
    CHANCERY_URL: 'https://ca:8443', CHANCERY_API_KEY: 'x', CHANCERY_TOKEN: 'x', CHANCERY_CONFIG: 'x', CHANCERY_CORPORA: '/x', CHANCERY_TEST_REDIS: 'x',
    CHANCERY_SERVICE_HOST: '10.0.0.1', CHANCERY_SERVICE_PORT: '443', CHANCERY_SERVICE_PORT_HTTPS: '443', CHANCERY_PORT: 'tcp://10.0.0.1:443',
    CHANCERY_PORT_443_TCP: 'tcp://10.0.0.1:443', CHANCERY_PORT_443_TCP_PROTO: 'tcp', CHANCERY_PORT_443_TCP_ADDR: '10.0.0.1', CHANCERY_CRL_SERVICE_HOST: '10.0.0.2',
  };
  t.same(readEnvironment(schema, env), { overrides: [], faults: [] });
  t.equal(readEnvironment(schema, { CHANCERY_PORT: '8443' }).faults.length, 1, 'what looks like a setting is told');
});

t.test('the command line names settings by their path', async (t) => {
  t.same(readCommandLine(schema, { workers: '2', 'log.level': 'debug' }), [
    { path: ['workers'], value: 2, source: 'command line' },
    { path: ['log', 'level'], value: 'debug', source: 'command line' },
  ]);
  t.throws(() => readCommandLine(schema, { nothing: '1' }), TypeError);
});
