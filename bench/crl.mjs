// CRLs of realistic size, in one process: the cost of publishing a full CRL of many entries, a delta CRL, and one more revocation with
// shards, and how long the event loop is blocked meanwhile. The embedded store is used as the service uses it.
//
//     npm run build && node bench/crl.mjs [--entries 1000000] [--shards 128] [--rounds 3] [--key P-256] [--build DIR] [--json]
//
// "In memory": following, building and signing only. "Published": with the store, durable. CPU time is this process's, over all threads.
import { randomFillSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { builtFolder, importBuilt } from './lib/build.mjs';
import { median, table } from './lib/table.mjs';

const text = { type: 'string' };
const { values } = parseArgs({
  options: {
    entries: { ...text, default: '1000000' }, shards: { ...text, default: '128' }, rounds: { ...text, default: '3' }, key: { ...text, default: 'P-256' },
    build: text, json: { type: 'boolean', default: false },
  },
});
const [entries, shards, rounds] = [values.entries, values.shards, values.rounds].map(Number);
const build = builtFolder(values.build);
const { initAuthorities } = await importBuilt(build, 'authority/ceremony');
const { loadAuthorities } = await importBuilt(build, 'authority/load');
const { openEmbeddedStore } = await importBuilt(build, 'store/embedded/store');
const { encodeRevokedEntry } = await importBuilt(build, 'x509/crl');
const { crlPublisher } = await importBuilt(build, 'revocation/crl-publisher');
const { buildCrl } = await importBuilt(build, 'revocation/crl-build');
const { RevocationView } = await importBuilt(build, 'revocation/revocation-view');
const { breather } = await importBuilt(build, 'breathe');

const folder = mkdtempSync(join(tmpdir(), 'chancery-crl-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const say = (line) => process.stderr.write(`${line}\n`);
const NOW = Math.floor(Date.now() / 1000);
const REASONS = ['unspecified', 'keyCompromise', 'superseded', 'cessationOfOperation', 'affiliationChanged'];
const pool = Buffer.alloc(15);
const newSerial = () => (Math.floor(Date.now() / 8)).toString(16).padStart(10, '0') + randomFillSync(pool).toString('hex');
const newChange = (revision) => {
  const serial = newSerial();
  const reason = REASONS[revision % REASONS.length];
  return { revision, serial, at: NOW, notAfter: NOW + 86_400, reason, der: encodeRevokedEntry({ serial, at: NOW, reason }) };
};

await initAuthorities({ data: folder, mode: 'internal', clock: () => NOW, random: (size) => randomFillSync(Buffer.alloc(size)), algorithm: values.key });
const { issuing } = await loadAuthorities(folder);

/** Runs work: wall and CPU milliseconds, and the longest block of the event loop, measured with a timer that fires every millisecond. */
async function measure(work) {
  global.gc?.();
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last - 1);
    last = now;
  }, 1);
  await wait(5);
  longest = 0;
  const began = performance.now();
  const cpu = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(cpu);
  const wall = performance.now() - began;
  await wait(2);
  clearInterval(timer);
  return { result, wall, cpu: (user + system) / 1000, held: longest };
}

const rows = [];
function tell(what, measures, octets) {
  const of = (name) => median(measures.map((one) => one[name]));
  rows.push({ what, cpu: of('cpu'), wall: of('wall'), held: Math.max(...measures.map(({ held }) => held)), octets });
  say(`${what}: ${of('cpu').toFixed(2)} ms CPU, ${of('wall').toFixed(1)} ms, loop held ${Math.max(...measures.map(({ held }) => held)).toFixed(1)} ms`);
}

async function repeat(what, work, octetsOf, times = rounds) {
  const measures = [];
  for (let round = 0; round < times; round += 1) measures.push(await measure(work));
  tell(what, measures, octetsOf(measures.at(-1).result));
}

say(`Making ${entries} entries`);
const feed = Array.from({ length: entries }, (_, n) => newChange(n + 1));
let gone = 0;
const feedStore = {
  changes: (_authority, after, limit) => Promise.resolve({ revision: gone + feed.length, changes: feed.slice(after - gone, after - gone + limit), restart: false }),
};
const view = new RevocationView(feedStore, issuing.name, shards);
await repeat('memory: follow all entries', () => view.follow(), () => 0, 1);
// Every garbage collection would have to traverse the benchmark's own million objects.
gone = feed.length;
feed.length = 0;
let number = 0n;
const built = (document, listing) => buildCrl(issuing, {
  number: number += 1n, thisUpdate: NOW, nextUpdate: NOW + 86_400, revision: view.revision, entries: view.select(document, listing),
  ...(listing.since === undefined ? {} : { bases: [{ number: 0n, thisUpdate: NOW, revision: listing.since }] }),
}, breather());
const octets = ({ der }) => der.length;
const previous = { thisUpdate: NOW, revision: entries };
await repeat('memory: full CRL', () => built('full', { previous }), octets);
await repeat(`memory: 1 of ${shards} shards`, () => built(`${shards}-0`, { previous }), octets, 20);
for (let more = 0; more < 100; more += 1) feed.push(newChange(gone + feed.length + 1));
await view.follow();
await repeat('memory: delta of 100', () => built('delta', { previous, since: entries }), octets, 20);
feed.length = 0;

const store = await openEmbeddedStore({ path: join(folder, 'store') });
const revoke = () => {
  const serial = newSerial();
  return store.crls.add(issuing.name, { serial, notAfter: NOW + 86_400 }, { at: NOW, reason: 'superseded' }, (at) => encodeRevokedEntry({ serial, at, reason: 'superseded' }), []);
};
say(`Storing ${entries} revocations`);
for (let done = 0; done < entries;) {
  const some = Math.min(2000, entries - done);
  await Promise.all(Array.from({ length: some }, revoke));
  done += some;
}
// The publisher's clock runs ahead, so that it need not wait for the next second.
let seconds = 0;
const clock = () => (NOW + (seconds += 2)) * 1000;
const schedule = { lifetime: 1e9, renewBefore: 0 };
const publisherWith = (more) => crlPublisher({ store: store.crls, clock, scheduleOf: () => ({ ...schedule, ...more }), folderOf: () => 'http://ca.example.com/crl/issuing/' }, issuing);
const sum = ({ documents }) => [...documents.values()].reduce((all, { der }) => all + der.length, 0);

const plain = publisherWith({});
await repeat('published: the first one, all entries read', () => plain.publish('bench'), sum, 1);
await repeat('published: full CRL', async () => {
  await revoke();
  return plain.publish('bench');
}, sum);
await store.crls.keepShards(issuing.name, { count: shards, until: NOW + 1e9, addresses: ['http://ca.example.com/crl/issuing/'] });
const sharded = publisherWith({ delta: { lifetime: 1e9, renewBefore: 0, reach: 1e9 } });
await repeat(`published: ${shards} shards, delta and full`, () => sharded.publish('bench'), sum, 1);
await sharded.publish('bench');
const onlyShards = publisherWith({ delta: { lifetime: 1e9, renewBefore: 0, reach: 1e9 } });
await onlyShards.publish('bench');
await onlyShards.publish('bench', true);
await repeat('published: one more revocation, delta and 1 shard', async () => {
  await revoke();
  return onlyShards.publish('bench');
}, sum, 20);
await store.close();

if (values.json) process.stdout.write(`${JSON.stringify(rows)}\n`);
else process.stdout.write(`${table([`${entries} entries`, 'CPU ms', 'ms', 'loop held ms', 'octets'], rows.map(({ what, cpu, wall, held, octets: all }) => [what, cpu.toFixed(2), wall.toFixed(1), held.toFixed(1), all]))}\n`);
