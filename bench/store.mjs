// The embedded store alone: accepted requests, each with its indexes, one claim and one audit line, durable.
//
//     npm run build && node bench/store.mjs [records for each measure, 20000] [records for memory and opening, 100000]
//
// Prints CPU and wall time for each record and latency at 1, 16 and 64 at once, what this disk needs to sync, and the memory and the
// time to open with many records.
import { randomBytes, randomFillSync } from 'node:crypto';
import { fdatasyncSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const build = process.env.CHANCERY_BUILD ?? fileURLToPath(new URL('../build', import.meta.url));
const { openEmbeddedStore } = await import(pathToFileURL(join(build, 'src/store/embedded/store.js')).href);
const count = Number(process.argv[2] ?? 20_000);
const many = Number(process.argv[3] ?? 100_000);
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
    claims: [{ key: `csr/${randomHex(32)}`, fingerprint: randomHex(32), expires: Math.floor(now / 1000) + 1_728_000, livesWithRequest: true }],
    audit: [{ time: now, event: 'certificate.issued', actor: 'api-key:bench', subject: id, details: { profile: 'server', authority: 'issuing', names, notAfter: 1 } }],
    now,
  };
}

/** CPU of making the requests themselves, microseconds each. */
function making() {
  for (let n = 0; n < 20_000; n += 1) acceptance(Date.now(), false);
  const cpu = process.cpuUsage();
  for (let n = 0; n < 50_000; n += 1) acceptance(Date.now(), false);
  const { user, system } = process.cpuUsage(cpu);
  return (user + system) / 50_000;
}

async function load(store, total, atOnce, coarse) {
  const latencies = [];
  let next = 0;
  const cpu = process.cpuUsage();
  const began = performance.now();
  await Promise.all(Array.from({ length: atOnce }, async () => {
    while (next < total) {
      next += 1;
      const from = performance.now();
      const { outcome } = await store.requests.accept(acceptance(Date.now(), coarse));
      if (outcome !== 'stored') throw new Error(outcome);
      latencies.push(performance.now() - from);
    }
  }));
  const wall = performance.now() - began;
  const { user, system } = process.cpuUsage(cpu);
  latencies.sort((a, b) => a - b);
  const at = (share) => latencies[Math.floor((latencies.length - 1) * share)].toFixed(2);
  const each = (used) => (used / total).toFixed(1);
  console.log(`${String(atOnce).padStart(3)} at once${coarse ? ', serials with coarse time' : ''}: CPU ${each(user + system - total * own)} us ` +
    `(${each(user - total * own)} user, ${each(system)} system), wall ${(wall * 1000 / total).toFixed(1)} us each, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`);
}

function diskSync() {
  const file = openSync(join(folder, 'sync'), 'w');
  const page = Buffer.alloc(16_384, 1);
  const times = Array.from({ length: 500 }, (_, n) => {
    const from = performance.now();
    writeSync(file, page, 0, page.length, (n % 64) * page.length);
    fdatasyncSync(file);
    return performance.now() - from;
  }).sort((a, b) => a - b);
  console.log(`this disk: write and fdatasync p50 ${times[250].toFixed(2)} ms; a commit needs two`);
}

const memory = () => {
  const status = readFileSync('/proc/self/status', 'latin1');
  const of = (name) => Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)[1]) / 1024);
  return `${of('VmRSS')} MB (files ${of('RssFile')}, most ${of('VmHWM')})`;
};

const own = making();
try {
  diskSync();
  console.log(`making a request: ${own.toFixed(1)} us, left out of the CPU below`);
  for (const coarse of [false, true]) {
    const store = await openEmbeddedStore({ path: join(folder, `load-${coarse}`) });
    await load(store, count, 64, coarse);
    await load(store, count, 64, coarse);
    await load(store, count, 16, coarse);
    await load(store, Math.ceil(count / 10), 1, coarse);
    await store.close();
  }
  const path = join(folder, 'many');
  const filled = await openEmbeddedStore({ path });
  for (let made = 0; made < many; made += 1000) {
    const begin = Date.now();
    await Promise.all(Array.from({ length: 1000 }, (_, n) => filled.requests.accept(acceptance(begin + n / 10, false))));
  }
  console.log(`after ${many} records: memory ${memory()}, data.mdb ${Math.round(statSync(join(path, 'data.mdb')).size / 2 ** 20)} MB`);
  await filled.close();
  const from = performance.now();
  const again = await openEmbeddedStore({ path });
  console.log(`opened again in ${(performance.now() - from).toFixed(1)} ms`);
  const listed = performance.now();
  let pages = 0;
  for (let page = await again.certificates.list({ name: 'nowhere.example.com' }, { limit: 50 }, 0); ; pages += 1) {
    if (page.next === undefined) break;
    page = await again.certificates.list({ name: 'nowhere.example.com' }, { limit: 50, cursor: page.next }, 0);
  }
  console.log(`a search by a name that is nowhere: ${pages + 1} pages, ${(performance.now() - listed).toFixed(0)} ms; memory ${memory()}`);
  await again.close();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
