import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { Config } from '../../src/config/config.ts';
import { ConfigError } from '../../src/config/faults.ts';
import { loadConfig } from '../../src/config/load.ts';
import { readStoreAddress } from '../../src/config/store-address.ts';

const folder = mkdtempSync(join(tmpdir(), 'chancery-address-'));
t.teardown(() => rmSync(folder, { recursive: true }));

const load = (env: Readonly<Record<string, string>>, yaml = ''): Config['store'] => {
  const file = join(folder, 'test.yaml');
  writeFileSync(file, yaml, { mode: 0o600 });
  return loadConfig({ env, folder, file, machine: 'machine' }).store;
};

/** What is told of a configuration that is refused. */
function faults(env: Readonly<Record<string, string>>, yaml?: string): string[] {
  try {
    load(env, yaml);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n').slice(1).map((line) => line.trim().replace(`${folder}/`, ''));
    throw error;
  }
  return [];
}

t.test('addresses of stores', async (t) => {
  const single = { kind: 'redis', topology: 'single', tls: false, database: 0 };
  const good: Readonly<Record<string, object>> = {
    'embedded:/var/lib/chancery/store': { kind: 'embedded', folder: '/var/lib/chancery/store' },
    'redis://localhost': { ...single, hosts: [{ host: 'localhost', port: 6379 }] },
    'redis://Redis.example.com:6380/3': { ...single, hosts: [{ host: 'redis.example.com', port: 6380 }], database: 3 },
    'redis://:p%40ss%2Fw%25@10.0.0.1/': { ...single, hosts: [{ host: '10.0.0.1', port: 6379 }], password: 'p@ss/w%' },
    'rediss://chancery:secret@[2001:DB8::1]:7000': { ...single, tls: true, hosts: [{ host: '2001:db8::1', port: 7000 }], user: 'chancery', password: 'secret' },
    'redis://a@b:c@my_redis_1': { ...single, hosts: [{ host: 'my_redis_1', port: 6379 }], user: 'a@b', password: 'c' },
    'redis+sentinel://chancery:pw@s1,s2:26380,[::1]/main/2': {
      kind: 'redis', topology: 'sentinel', tls: false, hosts: [{ host: 's1', port: 26_379 }, { host: 's2', port: 26_380 }, { host: '::1', port: 26_379 }],
      name: 'main', database: 2, user: 'chancery', password: 'pw',
    },
    'rediss+sentinel://s1/main': { kind: 'redis', topology: 'sentinel', tls: true, hosts: [{ host: 's1', port: 26_379 }], name: 'main', database: 0 },
    'redis+cluster://n1,n2:7001,n3': { kind: 'redis', topology: 'cluster', tls: false, hosts: [{ host: 'n1', port: 6379 }, { host: 'n2', port: 7001 }, { host: 'n3', port: 6379 }], database: 0 },
    'rediss+cluster://n1/0': { kind: 'redis', topology: 'cluster', tls: true, hosts: [{ host: 'n1', port: 6379 }], database: 0 },
  };
  for (const [text, location] of Object.entries(good)) t.same(readStoreAddress(text), { location }, text);
});

t.test('addresses that are none, with every fault, and nothing of them shown', async (t) => {
  const none = 'is not an address of a store';
  const bad: Readonly<Record<string, readonly string[]>> = {
    '': [none], 'redis': [none], 'redis:/localhost': [none], 'http://localhost': [none], 'Redis://localhost': [none], 'redis+tls://localhost': [none], 'embedded:': [none],
    'rediss+sentinels://hunter2/x': [none],
    'redis://': ['names no host'],
    'redis://:hunter2@': ['names no host'],
    'redis://hunter2:': ['has a host that is not host, host:port or [address]:port'],
    'redis://localhost:0': ['has a host that is not host, host:port or [address]:port'],
    'redis://localhost:65536': ['has a host that is not host, host:port or [address]:port'],
    'redis://2001:db8::1': ['has a host that is not host, host:port or [address]:port'],
    'redis://a:b%zz@h': ['has a user or password that is not percent-encoded (write % as %25)'],
    'redis://localhost/hunter2': ['ends with something that is not the number of a database'],
    'redis://localhost/65536': ['ends with something that is not the number of a database'],
    'redis://localhost/1/2': ['ends with something that is not the number of a database'],
    'redis://localhost?db=1': ['has a query or fragment, which no store accepts (in a password write ? as %3F, # as %23, / as %2F)'],
    'redis://a,b': ['names several hosts, as only redis+sentinel and redis+cluster do'],
    'redis+cluster://a,,c,d:hunter2': ['has a host (the 2nd and 4th) that is not host, host:port or [address]:port'],
    'redis+cluster://a/1': ['names a database, but a Cluster has only number 0'],
    'redis+sentinel://a,b': ['does not end with the name that the sentinels have for the primary, as in redis+sentinel://a,b,c/name'],
    'redis://%zz@a:x,b/y#z': [
      'has a query or fragment, which no store accepts (in a password write ? as %3F, # as %23, / as %2F)',
      'has a user or password that is not percent-encoded (write % as %25)',
      'has a host (the 1st) that is not host, host:port or [address]:port',
      'names several hosts, as only redis+sentinel and redis+cluster do',
      'ends with something that is not the number of a database',
    ],
  };
  for (const [text, faults] of Object.entries(bad)) {
    const read = readStoreAddress(text);
    t.same(read, { faults }, text);
    t.notMatch(JSON.stringify(read), /hunter2/);
  }
  t.same(readStoreAddress(`redis+cluster://${Array.from({ length: 33 }, (_, n) => `n${n}`).join(',')}`), { faults: ['names more than 32 hosts'] });
});

t.test('settings of a store in Redis', async (t) => {
  writeFileSync(join(folder, 'password'), 'from a file\n');
  writeFileSync(join(folder, 'url'), 'redis://u:inside@h\n');
  t.same(load({ CHANCERY_STORE__PASSWORD_FILE: join(folder, 'password') }, `
store:
  url: rediss+sentinel://chancery@a,b,c/main
  prefix: ca:1
  tls: {ca: ./ca.pem, cert: /etc/c.pem, key: c.key, serverName: redis.example.com}
  sentinel: {user: watcher, password: pw}
  minReplicas: 2
  replicaTimeout: 2s
  timeout: 10s
  allowVolatile: true
`), {
    url: { kind: 'redis', topology: 'sentinel', tls: true, hosts: ['a', 'b', 'c'].map((host) => ({ host, port: 26_379 })), name: 'main', database: 0, user: 'chancery' },
    retainEnded: 90 * 86_400, password: 'from a file', prefix: 'ca:1',
    tls: { ca: join(folder, 'ca.pem'), cert: '/etc/c.pem', key: join(folder, 'c.key'), serverName: 'redis.example.com' },
    sentinel: { user: 'watcher', password: 'pw' }, minReplicas: 2, replicaTimeout: 2, timeout: 10, allowVolatile: true,
  });
  t.match(load({ CHANCERY_STORE__URL_FILE: join(folder, 'url') }), { url: { user: 'u', password: 'inside' } });
  t.match(load({ CHANCERY_STORE__URL: 'redis://h', CHANCERY_STORE__MIN_REPLICAS: '1', CHANCERY_STORE__REPLICA_TIMEOUT: '3s' }), { minReplicas: 1, replicaTimeout: 3 });
});

t.test('settings that do not go together are told, and no secret is shown', async (t) => {
  const url = 'redis://u:hunter2@h';
  const cases: readonly (readonly [env: Readonly<Record<string, string>>, told: readonly (string | RegExp)[]])[] = [
    [{ STORE__URL: 'redis://u:hunter2@h:x' }, [/^CHANCERY_STORE__URL: store\.url has a host that is not host, host:port or \[address\]:port; expected embedded:<folder>, redis:\/\//]],
    [{ STORE__URL: url, STORE__PASSWORD: 'hunter2' }, ['CHANCERY_STORE__PASSWORD: store.password and a password in store.url are both set; expected one of them']],
    [{ STORE__URL: url, STORE__TLS__CA: 'x' }, ['CHANCERY_STORE__TLS__CA: store.tls.ca is set, which applies only to rediss (TLS); expected store.url with rediss (TLS)']],
    [{ STORE__URL: 'rediss://h', STORE__TLS__CERT: 'x' }, [/store\.tls\.key is missing, although store\.tls\.cert is set; expected both, or neither/]],
    [{ STORE__URL: url, STORE__SENTINEL__PASSWORD: 'hunter2' }, [/store\.sentinel is set, which applies only to redis\+sentinel/]],
    [{ STORE__PASSWORD: 'hunter2', STORE__MIN_REPLICAS: '1' }, [/store\.password is set, which applies only to Redis/, /store\.minReplicas is set, which applies only to Redis/]],
    [{ STORE__URL: url, STORE__TIMEOUT: '0' }, [/store\.timeout is zero; expected at least 1s/]],
    [{ STORE__URL: url, STORE__REPLICA_TIMEOUT: '5s' }, [/store\.replicaTimeout is 5s; expected at least 1s, and less than store\.timeout \(5s\)/]],
    [{ STORE__URL: url, STORE__PREFIX: '{x}' }, [/store\.prefix is "\{x\}"; expected/]],
    [{ STORE__URL: url, STORE__ALLOW_VOLATILE: 'perhaps', STORE__MIN_REPLICAS: '-1' }, [/store\.allowVolatile is "perhaps"/, /store\.minReplicas is -1/].reverse()],
  ];
  for (const [settings, told] of cases) {
    const found = faults(Object.fromEntries(Object.entries(settings).map(([name, value]) => [`CHANCERY_${name}`, value])));
    t.equal(found.length, told.length, found.join('\n'));
    told.forEach((one, index) => (typeof one === 'string' ? t.equal(found[index], one) : t.match(found[index], one)));
    t.notMatch(found.join('\n'), /hunter2/);
  }
});

t.test('a password in a file that others may read is refused', async (t) => {
  const file = join(folder, 'open.yaml');
  const open = (yaml: string): string[] => {
    writeFileSync(file, yaml);
    chmodSync(file, 0o644);
    try {
      loadConfig({ env: {}, folder, file });
      return [];
    } catch (error) {
      return String(error).split('\n').slice(1);
    }
  };
  t.match(open('store: {url: "redis://u:hunter2@h"}'), [/store\.url is in a file that others may read; expected the file's mode to be 0600, or CHANCERY_STORE__URL_FILE/]);
  t.match(open('store: {url: "redis://h", password: hunter2}'), [/store\.password is in a file that others may read.*CHANCERY_STORE__PASSWORD_FILE/]);
  t.same(open('store: {url: "redis://u@h"}'), []);
  t.same(open('store: {url: "embedded:x"}'), []);
});
