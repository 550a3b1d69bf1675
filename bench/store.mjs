// The stores on their own, side by side: accepted requests, each with its indexes, one claim, one quota and one audit line, durable. Redis is
// a server started by this benchmark, with appendfsync always.
//
//     npm run build && node bench/store.mjs [records for each measure, 20000] [records for memory and opening, 100000] [rounds, 3]
//
// Prints CPU and wall time per record and latency at concurrencies of 1, 16 and 64, alternating so that disturbances affect both; the ratio
// of their rates; this disk's sync time; memory and opening time with many records; and the size of a record in Redis.
import { randomBytes, randomFillSync } from 'node:crypto';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { diskSync } from './lib/machine.mjs';

const build = process.env.CHANCERY_BUILD ?? fileURLToPath(new URL('../build', import.meta.url));
const from = (path) => import(pathToFileURL(join(build, path)).href);
const { openEmbeddedStore } = await from('src/store/embedded/store.js');
const { openRedisStore } = await from('src/store/redis/store.js');
const { openRedisLink } = await from('src/store/redis/link/open-link.js');
const count = Number(process.argv[2] ?? 20_000);
const many = Number(process.argv[3] ?? 100_000);
const rounds = Number(process.argv[4] ?? 3);
const folder = mkdtempSync(join(process.env.CHANCERY_BENCH_FOLDER ?? tmpdir(), 'chancery-store-'));

const certificate = randomBytes(620);
const pool = Buffer.alloc(65_536);
let used = pool.length;
const randomHex = (size) => {
  if (used + size > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  return pool.toString('hex', used, used += size);
};
/** `coarse`: four octets of time in units of 16 s; otherwise five in units of 8 ms. */
const serial = (now, coarse) => (coarse
  ? Math.floor(now / 16_000).toString(16).padStart(8, '0') + randomHex(16)
  : Math.floor(now / 8).toString(16).padStart(10, '0') + randomHex(15));

function acceptance(now, coarse) {
  const id = serial(now, coarse);
  const names = [`node${id.slice(12, 18)}.example.com`];
  const step = (name, reason) => ({ name, outcome: 'passed', reason, time: now });
  return {
    record: {
      id, state: 'issued', authority: 'issuing', profile: 'server', requester: { kind: 'api-key', name: 'bench' }, names,
      steps: [step('identity', 'API key bench'), step('key', 'P-256'), step('names', 'every name matches a pattern'), step('profile', 'server'), step('quota', '1 of 1000000')],
      createdAt: now, updatedAt: now, keyHash: randomHex(32),
      certificate, notBefore: Math.floor(now / 1000), notAfter: Math.floor(now / 1000) + 2_592_000,
    },
    quota: { key: 'api-key:bench', limit: 100_000_000, window: 86_400 },
    claims: [{ key: `csr/${randomHex(32)}`, fingerprint: randomHex(32), expires: Math.floor(now / 1000) + 1_728_000, livesWithRequest: true }],
    audit: [{ time: now, event: 'certificate.issued', actor: 'api-key:bench', subject: id, details: { profile: 'server', authority: 'issuing', names, notAfter: 1 } }],
    now,
  };
}

/** CPU time of creating the requests themselves, in microseconds each. */
function making() {
  for (let n = 0; n < 20_000; n += 1) acceptance(Date.now(), false);
  const cpu = process.cpuUsage();
  for (let n = 0; n < 50_000; n += 1) acceptance(Date.now(), false);
  const { user, system } = process.cpuUsage(cpu);
  return (user + system) / 50_000;
}

/** Stores `total` records, `atOnce` at a time; returns milliseconds per record, and latencies. `serverCpu`: CPU seconds a server has used so far. */
async function load(name, store, total, atOnce, serverCpu = () => 0) {
  const latencies = [];
  let next = 0;
  const cpu = process.cpuUsage();
  const theirs = serverCpu();
  const began = performance.now();
  await Promise.all(Array.from({ length: atOnce }, async () => {
    while (next < total) {
      next += 1;
      const from = performance.now();
      const { outcome } = await store.requests.accept(acceptance(Date.now(), false));
      if (outcome !== 'stored') throw new Error(outcome);
      latencies.push(performance.now() - from);
    }
  }));
  const wall = performance.now() - began;
  const { user, system } = process.cpuUsage(cpu);
  const server = (serverCpu() - theirs) * 1e6 / total;
  latencies.sort((a, b) => a - b);
  const at = (share) => latencies[Math.floor((latencies.length - 1) * share)].toFixed(2);
  const each = (used) => (used / total).toFixed(1);
  console.log(`${name.padEnd(8)} ${String(atOnce).padStart(2)} at once: CPU ${each(user + system - total * own)} us (${each(user - total * own)} user, ${each(system)} system)` +
    `${server > 0 ? `, server ${server.toFixed(1)} us` : ''}, wall ${(wall * 1000 / total).toFixed(1)} us each, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`);
  return total / wall;
}

/** A durable Redis server of our own on a TCP socket. */
async function startRedis() {
  const port = 12_000 + Math.floor(Math.random() * 20_000);
  const settings = { port, bind: '127.0.0.1', dir: folder, appendonly: 'yes', appendfsync: 'always', save: '', 'maxmemory-policy': 'noeviction', 'auto-aof-rewrite-percentage': 0 };
  const server = spawn('redis-server', Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]), { stdio: 'ignore' });
  const address = { topology: 'single', tls: false, hosts: [{ host: '127.0.0.1', port }], database: 0 };
  const open = async (hashTag) => openRedisStore({
    link: await openRedisLink({ address, hashTag, allowVolatile: false, minReplicas: 0, replicaTimeout: 1000, timeout: 10_000 }), prefix: hashTag,
  });
  const cli = (...command) => execFileSync('redis-cli', ['-p', String(port), ...command]).toString();
  for (let tries = 0; ; tries += 1) {
    try {
      if (cli('PING').startsWith('PONG')) break;
    } catch (error) {
      if (tries > 50) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const ticks = Number(execFileSync('getconf', ['CLK_TCK']).toString());
  return {
    open, cli,
    /** CPU seconds used so far. */
    cpu: () => readFileSync(`/proc/${server.pid}/stat`, 'latin1').split(') ')[1].split(' ').slice(11, 13).reduce((sum, one) => sum + Number(one), 0) / ticks,
    memory: () => Number(/used_memory:(\d+)/.exec(cli('INFO', 'memory'))[1]),
    stop: () => new Promise((resolve) => {
      server.once('exit', resolve);
      server.kill('SIGKILL');
    }),
  };
}

const memory = () => {
  const status = readFileSync('/proc/self/status', 'latin1');
  const of = (name) => Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)[1]) / 1024);
  return `${of('VmRSS')} MB (files ${of('RssFile')}, most ${of('VmHWM')})`;
};

const median = (numbers) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

async function sideBySide(redis) {
  const stores = { embedded: await openEmbeddedStore({ path: join(folder, 'load') }), redis: await redis.open('load') };
  for (const [name, store] of Object.entries(stores)) await load(`${name}, warming up`, store, count, 64);
  for (const atOnce of [64, 16, 1]) {
    const ratios = [];
    for (let round = 0; round < rounds; round += 1) {
      const total = atOnce === 1 ? Math.ceil(count / 10) : count;
      const embedded = await load('embedded', stores.embedded, total, atOnce);
      ratios.push(await load('redis', stores.redis, total, atOnce, redis.cpu) / embedded);
    }
    console.log(`         ${atOnce} at once: the rate of Redis is ${median(ratios).toFixed(2)} of the embedded store's (median of ${rounds})`);
  }
  for (const store of Object.values(stores)) await store.close();
}

/** A store with many records: its memory, how fast it opens, and how fast it is searched. */
async function withMany(name, open, size) {
  const filled = await open();
  const empty = size();
  for (let made = 0; made < many; made += 1000) {
    const begin = Date.now();
    await Promise.all(Array.from({ length: 1000 }, (_, n) => filled.requests.accept(acceptance(begin + n / 10, false))));
  }
  console.log(`${name}: ${many} records take ${((size() - empty) / many).toFixed(0)} octets each, memory ${memory()}`);
  await filled.close();
  const from = performance.now();
  const again = await open();
  console.log(`${name}: opened again in ${(performance.now() - from).toFixed(1)} ms`);
  const listed = performance.now();
  let pages = 1;
  for (let page = await again.certificates.list({ name: 'nowhere.example.com' }, { limit: 50 }, 0); page.next !== undefined; pages += 1) {
    page = await again.certificates.list({ name: 'nowhere.example.com' }, { limit: 50, cursor: page.next }, 0);
  }
  console.log(`${name}: a search by a name that is nowhere: ${pages} pages, ${(performance.now() - listed).toFixed(0)} ms; memory ${memory()}`);
  await again.close();
}

const own = making();
let redis;
try {
  console.log(`this disk: write and fdatasync p50 ${diskSync(folder).toFixed(2)} ms; a commit needs two`);
  console.log(`making a request: ${own.toFixed(1)} us, left out of the CPU below`);
  redis = await startRedis();
  await sideBySide(redis);
  const path = join(folder, 'many');
  await withMany('embedded', () => openEmbeddedStore({ path }), () => (existsSync(join(path, 'data.mdb')) ? statSync(join(path, 'data.mdb')).size : 0));
  await withMany('redis', () => redis.open('many'), redis.memory);
} finally {
  await redis?.stop();
  rmSync(folder, { recursive: true, force: true });
}
