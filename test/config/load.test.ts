import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { Config } from '../../src/config/config.ts';
import { ConfigSchema } from '../../src/config/schema.ts';
import { ConfigError } from '../../src/config/faults.ts';
import { type LoadOptions, loadConfig } from '../../src/config/load.ts';
import { STORE_ADDRESSES } from '../../src/config/store-address.ts';

const folder = mkdtempSync(join(tmpdir(), 'chancery-config-'));
t.teardown(() => rmSync(folder, { recursive: true }));

interface Given extends Partial<LoadOptions> {
  /** Text of the configuration file. */
  readonly yaml?: string;
}

/** The configuration from a file with this text, and this environment, on a machine of our own. */
function load({ yaml, ...options }: Given = {}): Config {
  const file = join(folder, 'test.yaml');
  if (yaml !== undefined) writeFileSync(file, yaml, { mode: 0o600 });
  return loadConfig({ env: {}, folder, machine: 'machine', ...(yaml === undefined ? {} : { file }), ...options });
}

/** The faults as `place path problem; expected …`, without the file's name. */
function faults(given: Given): string[] {
  try {
    load(given);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n').slice(1).map((line) => line.trim().replace(`${join(folder, 'test.yaml')}:`, ''));
    throw error;
  }
  return [];
}

const PARTS = Object.keys(ConfigSchema.properties).join(', ');

t.test('what is a process\'s own may lie elsewhere than the data folder', async (t) => {
  const { data, runtime } = load({ env: { CHANCERY_DATA: 'ca', CHANCERY_RUNTIME: 'own' } });
  t.same([data, runtime], [join(folder, 'ca'), join(folder, 'own')]);
});

t.test('without a file and variables everything is at its default', async (t) => {
  t.same(load(), {
    file: undefined,
    data: join(folder, 'chancery-data'),
    runtime: join(folder, 'chancery-data'),
    listen: { https: { host: '127.0.0.1', port: 8443 }, http: { host: '127.0.0.1', port: 8080 }, metrics: { host: '127.0.0.1', port: 9464 } },
    publicUrl: {},
    hostNames: ['localhost', '127.0.0.1', '::1', 'machine'],
    hostNamesGiven: false,
    store: {
      url: { kind: 'embedded', folder: join(folder, 'chancery-data', 'store') }, retainEnded: 90 * 86_400,
      prefix: 'chancery', tls: {}, sentinel: {}, allowVolatile: false, minReplicas: 0, replicaTimeout: 1, timeout: 5,
    },
    authority: { verifySignatures: false },
    crl: { lifetime: 7 * 86_400, renewBefore: 5 * 86_400, rootLifetime: 90 * 86_400, coalesce: 0, delta: { publish: false, lifetime: 86_400, reach: 7 * 86_400 }, shards: 0 },
    ocsp: { serve: true, lifetime: 86_400, maxAge: 300, kept: 20_000, responderId: 'key', responderLifetime: 604_800 },
    profiles: {},
    defaultProfile: 'server',
    eligibility: [{ step: 'key' }, { step: 'names' }, { step: 'profile' }, { step: 'approval', profiles: [], approvals: 1 }],
    webhooks: {},
    keys: { block: [], debianBlockLists: [] },
    limits: { body: 65_536, connections: 10_240, requestTime: 15, wait: 60, perIdentity: 60_000, perAddress: 0, eventStreams: 2000, eventStreamsPerAddress: 100, failuresPerAddress: 120 },
    log: { level: 'info', requests: false },
    httpsCertificate: {},
    attestation: { challengeLifetime: 300, tokenLifetime: 3600, claimLifetime: 31_536_000 },
    acme: {
      enabled: false, profile: 'acme', profiles: [], deny: [], externalAccount: 'optional', challenges: ['http-01', 'dns-01', 'tls-alpn-01'],
      http01Port: 80, tlsAlpn01Port: 443, permitNetworks: [], caaIdentities: [], privateZones: [], orderLifetime: 604_800, authorizationLifetime: 2_592_000,
      attempts: 3, attemptTimeout: 10, limits: { accountsPerAddress: 100, ordersPerAccount: 1000, ordersPerName: 60, failuresPerName: 30 }, refuseNonces: 0, authorities: {},
    },
    oidc: { refreshKeys: 900, keepKeys: 21_600, issuers: {} },
    cfssl: { enabled: false, keys: {}, clients: {} },
    swarm: { enabled: false, profile: 'swarm' },
    workers: 1,
  });
});

t.test('the configuration cannot be changed, not even deep inside', async (t) => {
  const config = load({ yaml: 'profiles: {server: {names: {allow: ["*.example.com"]}}}' });
  t.throws(() => Object.assign(config.limits, { body: 1 }), TypeError);
  t.throws(() => Object.assign(config.profiles['server']?.names?.allow ?? {}, { 0: '*' }), TypeError);
});

t.test('a file gives values in the forms that people write', async (t) => {
  const config = load({
    yaml: `
data: ./ca
listen: {https: "[::]:443", http: off}
publicUrl: {https: https://CA.example.com/, http: "http://ca.example.com:8080/pki/"}
hostNames: [CA.example.com, 2001:DB8::1]
store: {url: "embedded:./ca/other", retainEnded: 1y}
crl: {lifetime: 2w, renewBefore: 86400, coalesce: 0}
profiles:
  server: {lifetime: 12h, backdate: 5m, subject: {commonName: none}}
eligibility:
  - key
  - names
  - profile
  - {step: quota, limit: 10}
  - {step: approval, profiles: [server]}
`,
  });
  t.same(
    { data: config.data, listen: config.listen, publicUrl: config.publicUrl, hostNames: config.hostNames, hostNamesGiven: config.hostNamesGiven, store: { url: config.store.url, retainEnded: config.store.retainEnded }, crl: config.crl, profiles: config.profiles, eligibility: config.eligibility },
    {
      data: join(folder, 'ca'),
      listen: { https: { host: '::', port: 443 }, http: 'off', metrics: { host: '127.0.0.1', port: 9464 } },
      publicUrl: { https: 'https://ca.example.com', http: 'http://ca.example.com:8080/pki' },
      hostNames: ['ca.example.com', '2001:db8::1'],
      hostNamesGiven: true,
      store: { url: { kind: 'embedded', folder: join(folder, 'ca', 'other') }, retainEnded: 31_536_000 },
      crl: { lifetime: 1_209_600, renewBefore: 86_400, rootLifetime: 7_776_000, coalesce: 0, delta: { publish: false, lifetime: 86_400, reach: 604_800 }, shards: 0 },
      profiles: { server: { lifetime: 43_200, backdate: 300, subject: { commonName: 'none' } } },
      eligibility: [{ step: 'key' }, { step: 'names' }, { step: 'profile' }, { step: 'quota', limit: 10, window: 3600, of: 'requester' }, { step: 'approval', profiles: ['server'], approvals: 1 }],
    });
});

t.test('sections whose every line is commented out are as if they were not there', async (t) => {
  t.same(load({ yaml: 'listen:\n  # https: x\nprofiles:\nlimits:\n' }), { ...load(), file: join(folder, 'test.yaml') });
});

t.test('a file that holds nothing is a good file', async (t) => {
  t.equal(load({ yaml: '' }).data, join(folder, 'chancery-data'));
  t.equal(load({ yaml: '# nothing\n' }).workers, 1);
});

t.test('environment wins over file, command line over environment', async (t) => {
  const yaml = 'workers: 2\nlog: {level: warn}\nlimits: {body: 2048}';
  t.equal(load({ yaml }).workers, 2);
  t.equal(load({ yaml, env: { CHANCERY_WORKERS: '3' } }).workers, 3);
  const config = load({ yaml, env: { CHANCERY_WORKERS: '3' }, overrides: { workers: '4' } });
  t.same([config.workers, config.log.level, config.limits.body], [4, 'warn', 2048]);
});

t.test('the data folder\'s own file is found, and a named one is taken in its place', async (t) => {
  mkdirSync(join(folder, 'place'));
  writeFileSync(join(folder, 'place', 'chancery.yaml'), 'workers: 5');
  writeFileSync(join(folder, 'named.yaml'), 'workers: 6');
  const env = { CHANCERY_DATA: './place' };
  t.equal(load({ env }).workers, 5);
  t.equal(load({ env }).file, join(folder, 'place', 'chancery.yaml'));
  t.equal(load({ overrides: { data: 'place' } }).workers, 5);
  t.equal(load({ env: { ...env, CHANCERY_CONFIG: 'named.yaml' } }).workers, 6);
  t.equal(load({ env, file: 'named.yaml' }).workers, 6);
  t.same(faults({ file: 'missing.yaml' }), ['missing.yaml: cannot be read (ENOENT); expected a YAML file of at most 1048576 bytes']);
});

t.test('a file found in the data folder cannot name another', async (t) => {
  mkdirSync(join(folder, 'first'));
  writeFileSync(join(folder, 'first', 'chancery.yaml'), 'data: ./second');
  t.same(faults({ overrides: { data: 'first' } }), [], 'unless it is overruled');
  symlinkSync('first', join(folder, 'chancery-data'));
  t.teardown(() => rmSync(join(folder, 'chancery-data')));
  t.same(faults({}), ['chancery-data/chancery.yaml:1:1: data is not the folder that holds this file; expected this folder, or the file to be named with --config']);
});

t.test('the file of a data folder that is named does not stand for another folder', async (t) => {
  mkdirSync(join(folder, 'made', 'authorities'), { recursive: true });
  writeFileSync(join(folder, 'made', 'chancery.yaml'), 'workers: 2', { mode: 0o600 });
  const home = join(folder, 'made');
  t.same(faults({ file: 'made/chancery.yaml' }), [`made/chancery.yaml:1:1: data is not said, while this file lies in the data folder ${home}; expected --data ${home}, CHANCERY_DATA, or data in this file`]);
  t.same(faults({ file: 'made/chancery.yaml', overrides: { data: 'other' } }), [], 'where it is said');
  t.same(faults({ file: 'made/chancery.yaml', env: { CHANCERY_DATA: 'made' } }), []);
  rmSync(join(home, 'authorities'), { recursive: true });
  t.same(faults({ file: 'made/chancery.yaml' }), [], 'where it lies anywhere else');
});

t.test('a machine whose name no certificate may carry is left out, the public name is taken in', async (t) => {
  t.same(load({ machine: 'build_host' }).hostNames, ['localhost', '127.0.0.1', '::1']);
  t.same(load({ yaml: 'publicUrl: {https: "https://[2001:db8::7]:8443"}' }).hostNames, ['localhost', '127.0.0.1', '::1', 'machine', '2001:db8::7']);
});

t.test('every fault is told at once, with its place', async (t) => {
  t.same(
    faults({
      yaml: `limits:
  bodyy: 5
  connections: many
crl: {lifetime: 1 week}
hostNames: [ok.example.com, bad_name]
lgo: {}
workers: 65
workers: 2
`,
      env: { CHANCERY_LOG__LEVEL: 'inof', CHANCERY_LISTEN__HTTPS: '8443' },
    }),
    [
      '2:3: limits.bodyy is unknown (did you mean body?); expected one of body, connections, requestTime, wait, perIdentity, perAddress, eventStreams, eventStreamsPerAddress, failuresPerAddress',
      '3:3: limits.connections is "many"; expected a whole number, at least 1',
      '4:7: crl.lifetime is "1 week"; expected a duration such as 90s, 15m, 12h, 30d or 1y (a plain number is seconds)',
      '5:29: hostNames[1] is "bad_name"; expected a host name or an IP address',
      '6:1: lgo is unknown (did you mean log?); expected one of ' + PARTS,
      '8:1: workers is already in line 7; expected each name once, with all that belongs to it',
      'CHANCERY_LISTEN__HTTPS: listen.https is "8443"; expected host:port, such as 127.0.0.1:8443, [::1]:8443 or 0.0.0.0:0, or off',
      'CHANCERY_LOG__LEVEL: log.level is "inof" (did you mean info?); expected one of fatal, error, warn, info, debug, trace, silent',
    ]);
});

const DURATION = 'a duration such as 90s, 15m, 12h, 30d or 1y (a plain number is seconds)';

t.test('what is wrong with a value is said in words', async (t) => {
  const cases: Readonly<Record<string, string>> = {
    'data: 5': '1:1: data is 5, which YAML does not take as text; expected text, in quotes',
    'data:': '1:1: data has no value; expected text',
    'log: {requests: yes}': '1:7: log.requests is "yes"; expected true or false',
    'log: [a]': '1:1: log is a list; expected a group of level, requests',
    'limits: {body: 1.5}': '1:10: limits.body is 1.5; expected a whole number from 1024 to 1048576',
    'hostNames: []': '1:1: hostNames is an empty list; expected a list, each a host name or an IP address',
    'hostNames: ["*.example.com"]': '1:13: hostNames[0] is "*.example.com"; expected a host name or an IP address',
    'publicUrl: {https: "http://a"}': '1:13: publicUrl.https is "http://a"; expected an address that begins with https://, without query',
    'publicUrl: {http: "http://user:word@a"}': '1:13: publicUrl.http is "http://user:word@a"; expected an address that begins with http://, without query',
    'listen: {http: "localhost:99999"}': '1:10: listen.http is "localhost:99999"; expected host:port, such as 127.0.0.1:8443, [::1]:8443 or 0.0.0.0:0, or off',
    'crl: {coalesce: -1}': `1:7: crl.coalesce is -1; expected ${DURATION}`,
    'crl: {coalesce: 1.5}': `1:7: crl.coalesce is 1.5; expected ${DURATION}`,
    'profiles: {Server: {}}': '1:12: profiles.Server has a name that cannot be used; expected a name of the form ^[a-z][a-z0-9-]{0,31}$',
    'profiles: {__proto__: {}}': '1:12: profiles.__proto__ has a name that cannot be used; expected a name of the form ^[a-z][a-z0-9-]{0,31}$',
    'profiles: {server: {keyTypes: [P256]}}': '1:32: profiles.server.keyTypes[0] is "P256" (did you mean P-256?); expected one of P-256, P-384, P-521, Ed25519, RSA, RSA-2048, RSA-3072, RSA-4096',
    'profiles: {server: {policies: [1.3]}}': '1:32: profiles.server.policies[0] is 1.3, which YAML does not take as text; expected a dotted OID, in quotes',
    'eligibility: [key, names, profile, quota]': '1:36: eligibility[3] is "quota"; expected one of key, names, profile, approval, name-ownership, known-key',
    'eligibility: [key, names, profile, {step: quota}]': '1:36: eligibility[3].limit is missing; expected a whole number, at least 1',
    'eligibility: [key, names, profile, {step: quote, limit: 1}]': '1:37: eligibility[3].step is "quote" (did you mean quota?); expected one of quota, approval, time-window, name-ownership, known-key, webhook',
    'eligibility: [key, names, profile, {limit: 1}]': '1:36: eligibility[3].step is missing; expected one of quota, approval, time-window, name-ownership, known-key, webhook',
    'keys: {block: [AB]}': '1:16: keys.block[0] is "AB"; expected 64 lower-case hex digits',
    'store: {url: "redis:/:secret@host"}': `1:9: store.url is not an address of a store; expected ${STORE_ADDRESSES}`,
    'store: {url: 5}': `1:9: store.url is not of the form; expected ${STORE_ADDRESSES}`,
    'authority: {passphrase: [secret]}': '1:13: authority.passphrase is not of the form; expected text',
    '- a': '1:1: is a list; expected a group of ' + PARTS,
  };
  for (const [yaml, expected] of Object.entries(cases)) t.same(faults({ yaml }), [expected], yaml);
});

t.test('a fault of YAML is told with its place, and nothing else is guessed from such a file', async (t) => {
  t.match(faults({ yaml: 'data: [a\nworkers: x' }), [/^2:1: .*; expected YAML 1\.2$/]);
  t.equal(faults({ yaml: 'data: a\n---\ndata: b' }).length, 1);
  t.equal(faults({ yaml: 'data: !!binary aGFsbG8=' }).length, 1);
});

t.test('values that do not go together are told', async (t) => {
  const cases: Readonly<Record<string, string>> = {
    'listen: {https: off, http: off}': '1:1: listen turns both https and http off; expected one of them',
    'listen: {http: "127.0.0.1:8443"}': '1:10: listen.http is the address of listen.https too; expected an address of its own',
    'crl: {lifetime: 5d}': '1:1: crl.renewBefore is 5d; expected less than crl.lifetime (5d)',
    'acme: {allow: ["a b/c*"]}': '1:16: acme.allow[0] is "a b/c*"; expected a name pattern: a name, *.domain, **.domain, an address or network, or *',
    'acme: {permitNetworks: ["10.0.0.1/8"]}': '1:25: acme.permitNetworks[0] is "10.0.0.1/8"; expected a network without bits behind its prefix, such as 10.0.0.0/8 or fd00::/8',
    'acme: {resolver: "dns.example"}': '1:8: acme.resolver is "dns.example"; expected the address of a resolver, with its port: 10.0.0.53:53, [fd00::53]:53',
    'httpsCertificate: {cert: /a.pem}': '1:1: httpsCertificate has a cert and no key; expected both, or none',
    'crl: {renewBefore: 1m, coalesce: 2m}': '1:24: crl.coalesce is 2m; expected at most crl.renewBefore (1m)',
    'crl: {lifetime: 12h, renewBefore: 6h, delta: {publish: true}}': '1:39: crl.delta.lifetime is 1d; expected at most crl.lifetime (12h)',
    'crl: {rootLifetime: 0}': '1:7: crl.rootLifetime is zero; expected at least 1s',
    'ocsp: {lifetime: 59, maxAge: 20}': '1:8: ocsp.lifetime is 59s; expected at least 1m',
    'ocsp: {lifetime: 1h, maxAge: 31m}': '1:22: ocsp.maxAge is 31m; expected at most half of ocsp.lifetime (1h)',
    'ocsp: {responderLifetime: 2d}': '1:8: ocsp.responderLifetime is 2d; expected at least 3 times ocsp.lifetime (3d)',
    'profiles: {ocsp: {approval: true}}': '1:19: profiles.ocsp.approval has the service wait for approval of the certificates that sign its OCSP answers; expected no approval for profile ocsp, or ocsp.serve: false',
    'limits: {requestTime: 0}': '1:10: limits.requestTime is zero; expected at least 1s',
    'store: {retainEnded: 13d}': '1:9: store.retainEnded is 13d; expected at least 2 times crl.lifetime (14d)',
    'defaultProfile: sever': '1:1: defaultProfile names the profile "sever", which does not exist (did you mean server?); expected one of server, acme, …',
    'eligibility: [names, profile]': '1:1: eligibility leaves out the check key; expected key, names and profile among the checks',
    'eligibility: [key, names, key, profile]': '1:27: eligibility[2] is the check key again; expected each check once',
    'eligibility: [key, names, profile, {step: approval, profiles: [nodes]}]': '1:64: eligibility[3].profiles[0] names the profile "nodes", which does not exist (did you mean node?); expected one of server, acme, …',
    'eligibility: [key, names, profile, {step: approval, approvals: 3, operators: [a, b, b]}]': '1:67: eligibility[3].operators names 2 operators, of whom 3 must approve; expected at least as many',
    'eligibility: [key, names, profile, {step: time-window, zone: Berlin, windows: [{from: "08:00", to: "18:00"}]}]': '1:56: eligibility[3].zone is "Berlin", which is not a time zone; expected a name such as Europe/Berlin, America/New_York or UTC',
    'eligibility: [key, names, profile, {step: time-window, zone: UTC, windows: [{from: "08:00", to: "08:00"}]}]': '1:77: eligibility[3].windows[0] begins and ends at the same time; expected two times; for a whole day 00:00 to 23:59',
    'eligibility: [key, names, profile, {step: webhook, webhook: cmbd}, {step: webhook, webhook: cmdb}]\nwebhooks: {cmdb: {url: https://cmdb, secret: 0123456789abcdef0123456789abcdef}}': '1:52: eligibility[3].webhook names the webhook "cmbd", which does not exist (did you mean cmdb?); expected one of cmdb',
    'webhooks: {cmdb: {url: https://cmdb, secret: 0123456789abcdef0123456789abcdef}}': '1:12: webhooks.cmdb is used by no check; expected {step: webhook, webhook: cmdb} in eligibility',
    'eligibility: [key, names, profile, {step: webhook, webhook: cmdb}]\nwebhooks: {cmdb: {url: https://cmdb, secret: short}}': '2:38: webhooks.cmdb.secret is too short; expected at least 32 characters',
    'eligibility: [key, names, profile, {step: webhook, webhook: cmdb}]\nwebhooks: {cmdb: {url: https://cmdb, secret: 0123456789abcdef0123456789abcdef, cert: a}}': '2:12: webhooks.cmdb has a cert and no key; expected both, or none',
    'profiles: {server: {approval: true}}\neligibility: [key, names, profile]': '1:21: profiles.server.approval requires approval, which is not among the checks of eligibility; expected approval in eligibility',
  };
  const withFewProfiles = (fault: string): string => fault.replace(/one of server, acme, .*$/, 'one of server, acme, …');
  for (const [yaml, expected] of Object.entries(cases)) t.same(faults({ yaml }).map(withFewProfiles), [expected], yaml);
});

t.test('a profile that cannot be issued is told at its place', async (t) => {
  const found = faults({ yaml: 'profiles:\n  server: {lifetime: 2y}\n  web: {extendedKeyUsage: [serverauth]}\n' });
  t.equal(found.length, 2);
  t.match(found[0], /^2:3: profiles\.server cannot be used: lifetime .* maxLifetime/);
  t.match(found[1], /^3:3: profiles\.web cannot be used: extendedKeyUsage "serverauth" is unknown; expected serverAuth/);
});

t.test('what is turned off need not fit', async (t) => {
  t.same(faults({ yaml: 'crl: {lifetime: 12h, renewBefore: 6h}' }), [], 'a delta\'s lifetime, where none is published');
});

t.test('a value with a fault of its own causes no second one', async (t) => {
  t.equal(faults({ yaml: 'crl: {lifetime: soon, renewBefore: 30d}' }).length, 1);
  t.equal(faults({ yaml: 'profiles: {web: {lifetimes: 1d}}\ndefaultProfile: web' }).length, 1);
});

t.test('a passphrase stands in no file that others may read', async (t) => {
  const file = join(folder, 'open.yaml');
  writeFileSync(file, 'authority: {passphrase: open sesame}');
  chmodSync(file, 0o640);
  t.same(faults({ file: 'open.yaml' }), ['open.yaml:1:13: authority.passphrase is in a file that others may read; expected the file\'s mode to be 0600, or CHANCERY_AUTHORITY__PASSPHRASE_FILE']);
  chmodSync(file, 0o600);
  t.equal(load({ file: 'open.yaml' }).authority.passphrase, 'open sesame');
});

t.test('an alias within its own anchor does no harm', async (t) => {
  t.ok(faults({ yaml: 'profiles: &a {server: *a}' }).length > 0);
});
