import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { temporaryFolder } from './folder.ts';
import { openssl } from './openssl.ts';
import { freePort, HOST, type RedisServer, type ServerOptions, type Settings, startRedis, until } from './redis.ts';

type Teardown = Pick<Test, 'teardown'>;

/** A CA for Redis' own TLS, with a certificate for the servers and one for clients. Paths of PEM files. */
export interface RedisTls {
  readonly ca: string;
  readonly server: { readonly cert: string; readonly key: string };
  readonly client: { readonly cert: string; readonly key: string };
  /** Settings of a server that only accepts TLS, and demands a client certificate. */
  readonly settings: Settings;
  /** For `redis-cli`. */
  readonly access: readonly string[];
}

export function redisTls(): RedisTls {
  const folder = temporaryFolder();
  const file = (name: string): string => join(folder, name);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', '-x509', ...key, '-keyout', file('ca.key'), '-out', file('ca.pem'), '-subj', '/CN=Redis CA', '-days', '2');
  const issue = (name: string, extensions: string): { readonly cert: string; readonly key: string } => {
    writeFileSync(file(`${name}.ext`), extensions);
    openssl('req', '-new', ...key, '-keyout', file(`${name}.key`), '-out', file(`${name}.csr`), '-subj', `/CN=${name}`);
    openssl('x509', '-req', '-in', file(`${name}.csr`), '-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial', '-days', '2', '-extfile', file(`${name}.ext`), '-out', file(`${name}.pem`));
    return { cert: file(`${name}.pem`), key: file(`${name}.key`) };
  };
  // A server is also a client: of its primary, and of its peers in a Cluster.
  const server = issue('server', `subjectAltName=IP:${HOST},DNS:redis.example.com\nextendedKeyUsage=serverAuth,clientAuth\n`);
  const client = issue('client', 'extendedKeyUsage=clientAuth\n');
  const ca = file('ca.pem');
  return {
    ca, server, client,
    settings: {
      'tls-cert-file': server.cert, 'tls-key-file': server.key, 'tls-ca-cert-file': ca, 'tls-auth-clients': 'yes', 'tls-replication': 'yes', 'tls-cluster': 'yes',
    },
    access: ['--tls', '--cacert', ca, '--cert', client.cert, '--key', client.key],
  };
}

/** A primary with replicas that follow it. */
export interface Replicated {
  /** The primary at the start; after a failover it is another one. */
  readonly primary: RedisServer;
  readonly replicas: readonly RedisServer[];
}

const QUICK_REPLICATION: Settings = { 'repl-diskless-sync-delay': '0', 'repl-ping-replica-period': '1' };

export async function startReplicated(t: Teardown, replicas: number, options: ServerOptions = {}): Promise<Replicated> {
  const primary = await startRedis(t, { ...options, settings: { ...QUICK_REPLICATION, ...options.settings } });
  const followers = await Promise.all(Array.from({ length: replicas }, () =>
    startRedis(t, { ...options, settings: { ...QUICK_REPLICATION, ...options.settings, replicaof: `${HOST} ${primary.port}` } })));
  const infos = (): Promise<string[]> => Promise.all([primary, ...followers].map((server) => server.cli('INFO', 'replication')));
  await until('the replicas to follow', async () => {
    const [all = '', ...each] = await infos();
    return all.split('state=online').length === replicas + 1 && each.every((text) => text.includes('master_link_status:up'));
  });
  return { primary, replicas: followers };
}

/** One primary, two replicas, three sentinels. */
export interface Sentinels extends Replicated {
  readonly name: string;
  readonly sentinels: readonly RedisServer[];
  /** The current primary according to the sentinels. */
  readonly current: () => Promise<RedisServer>;
  /** Requests a failover and waits until another server is the primary. */
  readonly failover: () => Promise<RedisServer>;
}

/** @param options for the three servers; the sentinels use TLS if those do, and have a password of their own */
export async function startSentinels(t: Teardown, { sentinelPassword, ...options }: ServerOptions & { readonly sentinelPassword?: string } = {}): Promise<Sentinels> {
  const name = 'chancery';
  const replicated = await startReplicated(t, 2, options);
  const { primary, replicas } = replicated;
  const servers = [primary, ...replicas];
  const tls = Object.fromEntries(Object.entries(options.settings ?? {}).filter(([setting]) => setting.startsWith('tls-')));
  const watch = [
    `sentinel monitor ${name} ${HOST} ${primary.port} 2`, `sentinel down-after-milliseconds ${name} 1000`, `sentinel failover-timeout ${name} 1000`,
    ...(options.settings?.['requirepass'] === undefined ? [] : [`sentinel auth-pass ${name} ${options.settings['requirepass']}`]),
    ...(sentinelPassword === undefined ? [] : [`requirepass ${sentinelPassword}`, `sentinel sentinel-pass ${sentinelPassword}`]),
  ];
  const access = (options.access ?? []).filter((_, index, all) => !['-a', '--pass', '--user'].includes(all[index] ?? '') && !['-a', '--pass', '--user'].includes(all[index - 1] ?? ''))
    .concat(sentinelPassword === undefined ? [] : ['--pass', sentinelPassword, '--no-auth-warning']);
  const sentinels = await Promise.all(Array.from({ length: 3 }, () => startRedis(t, { sentinel: true, settings: tls, lines: watch, access })));
  const know = async (sentinel: RedisServer): Promise<boolean> =>
    (await sentinel.cli('SENTINEL', 'CKQUORUM', name).catch(() => '')).startsWith('OK 3') && (await sentinel.cli('SENTINEL', 'REPLICAS', name)).split('\nrunid\n').length === 3;
  await until('the sentinels to know each other', async () => (await Promise.all(sentinels.map(know))).every(Boolean));
  const current = async (): Promise<RedisServer> => {
    const asked = sentinels[0] as RedisServer;
    const port = Number((await asked.cli('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name)).split('\n')[1]);
    return servers.find((server) => server.port === port) ?? primary;
  };
  return {
    ...replicated, name, sentinels, current,
    async failover() {
      const before = await current();
      await sentinels[0]?.cli('SENTINEL', 'FAILOVER', name);
      await until('another primary', async () => (await current()) !== before);
      return current();
    },
  };
}

/** Three primaries, each with a replica. */
export interface RedisCluster {
  readonly nodes: readonly RedisServer[];
  /** The primary that serves the slot of a key. */
  readonly primaryOf: (key: string) => Promise<RedisServer>;
  readonly replicaOf: (key: string) => Promise<RedisServer>;
}

const PRIMARIES = 3;
const SLOTS = 16_384;

/** Starts the servers with cluster files as if they had already met, which saves the three seconds of introducing them. */
export async function startCluster(t: Teardown, options: ServerOptions = {}): Promise<RedisCluster> {
  const settings: Settings = {
    ...QUICK_REPLICATION, ...options.settings, 'cluster-enabled': 'yes', 'cluster-config-file': 'nodes.conf', 'cluster-node-timeout': '1000', 'cluster-replica-validity-factor': '0',
  };
  // Without this file, a server creates one with its identity, and ports are only known then.
  const nodes = await Promise.all(Array.from({ length: 2 * PRIMARIES }, async () => {
    const busPort = await freePort();
    const server = await startRedis(t, { ...options, settings: { ...settings, 'cluster-port': String(busPort) } });
    return { server, busPort, id: randomBytes(20).toString('hex') };
  }));
  const line = ({ server, busPort, id }: (typeof nodes)[number], index: number, self: number): string => {
    const primary = nodes[index % PRIMARIES];
    const first = Math.ceil((index * SLOTS) / PRIMARIES);
    const slots = index < PRIMARIES ? ` ${first}-${Math.ceil(((index + 1) * SLOTS) / PRIMARIES) - 1}` : '';
    const flags = `${index === self ? 'myself,' : ''}${index < PRIMARIES ? 'master' : 'slave'}`;
    return `${id} ${HOST}:${server.port}@${busPort} ${flags} ${index < PRIMARIES ? '-' : primary?.id ?? ''} 0 0 ${index % PRIMARIES + 1} connected${slots}`;
  };
  await Promise.all(nodes.map(async ({ server }, self) => {
    await server.kill();
    writeFileSync(join(server.folder, 'nodes.conf'), `${nodes.map((node, index) => line(node, index, self)).join('\n')}\nvars currentEpoch ${PRIMARIES} lastVoteEpoch 0\n`);
    await server.start();
  }));
  const servers = nodes.map(({ server }) => server);
  await until('the cluster to stand', async () => {
    const all = await Promise.all(servers.map(async (server, index) => [
      await server.cli('CLUSTER', 'INFO'), index < PRIMARIES ? await server.cli('INFO', 'replication') : 'state=online',
    ].join()));
    return all.every((text) => text.includes('cluster_state:ok') && text.includes('state=online'));
  });
  const of = async (key: string, role: 'master' | 'slave'): Promise<RedisServer> => {
    const alive = await Promise.any(servers.map(async (server) => ({ text: await server.cli('CLUSTER', 'NODES'), slot: Number(await server.cli('CLUSTER', 'KEYSLOT', key)) })));
    const lines = alive.text.split('\n').map((one) => one.split(' ')).filter((one) => !/fail/.test(one[2] ?? ''));
    const owner = lines.find((one) => one.slice(8).some((range) => {
      const [from = NaN, to = from] = range.split('-').map(Number);
      return alive.slot >= from && alive.slot <= to;
    }));
    const wanted = role === 'master' ? owner : lines.find((one) => one[3] === owner?.[0]);
    const port = Number(/:(\d+)@/.exec(wanted?.[1] ?? '')?.[1]);
    return servers.find((server) => server.port === port) ?? Promise.reject(new Error(`no ${role} for ${key} in\n${alive.text}`));
  };
  return { nodes: servers, primaryOf: (key) => of(key, 'master'), replicaOf: (key) => of(key, 'slave') };
}
