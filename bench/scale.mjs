// Memory and start-up time of one process with many certificates in its store.
//
//     node bench/scale.mjs [--certificates 100000] [--node PATH] [--build DIR] [--json]
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { builtFolder } from './lib/build.mjs';
import { issuedCount, makeApiKey, startChancery } from './lib/chancery.mjs';
import { writeCsrs } from './lib/csrs.mjs';
import { cores, memoryOf } from './lib/machine.mjs';
import { median } from './lib/table.mjs';
import { stop, temporaryFolder } from './lib/workplace.mjs';
import { load } from './lib/wrk.mjs';

const PASS = { connections: 64, seconds: 4 };
/** More than any pass needs. */
const CSRS = 48_000;
const STARTS = 5;
/** Milliseconds after which an idle process has returned memory to the system. */
const REST = 15_000;

const { values } = parseArgs({
  options: { certificates: { type: 'string', default: '100000' }, node: { type: 'string', default: process.execPath }, build: { type: 'string' }, json: { type: 'boolean', default: false } },
});
const wanted = Number(values.certificates);
const [serverCore, loadCore = serverCore] = cores();
const build = builtFolder(values.build);
const folder = temporaryFolder();
const data = join(folder, 'data');
mkdirSync(data);
const csrs = join(folder, 'csrs');
const say = (text) => process.stderr.write(`${text}\n`);
const start = () => startChancery({ build, data, core: serverCore, node: values.node });

/** @returns median milliseconds until it served, and its memory at that time in megabytes */
async function startsIn() {
  const starts = [];
  for (let n = 0; n < STARTS; n++) {
    const service = await start();
    starts.push({ milliseconds: service.startedIn, memory: memoryOf(service.child.pid).now });
    await stop(service.child);
  }
  return { milliseconds: median(starts.map(({ milliseconds }) => milliseconds)), memory: median(starts.map(({ memory }) => memory)) };
}

say(`Making ${CSRS} CSRs`);
await writeCsrs(csrs, CSRS, build);
// The first start creates the authority.
await stop((await start()).child);
const empty = await startsIn();

const service = await start();
let most = 0;
for (let pass = 1; await issuedCount(service) < wanted; pass++) {
  const target = { pid: service.child.pid, url: `${service.url}/v1/requests`, member: 'csr', status: 201, authorization: `Bearer ${await makeApiKey(service, `bench-${pass}`)}` };
  const { memory } = await load(target, { ...PASS, csrs, samples: join(folder, 'answers'), core: loadCore });
  most = Math.max(most, memory);
  say(`${await issuedCount(service)} certificates, ${memory} MB`);
}
const issued = await issuedCount(service);
const after = memoryOf(service.child.pid);
await new Promise((resolve) => setTimeout(resolve, REST));
const rested = memoryOf(service.child.pid);
await stop(service.child);
const full = await startsIn();

if (values.json) process.stdout.write(`${JSON.stringify({ issued, after, most, rested, empty, full })}\n`);
else {
  process.stdout.write(`
${issued} certificates from one process, 64 at once
memory after the last: ${after.now} MB (its own ${after.own} MB, pages of files ${after.files} MB), at most ${most} MB between passes; ${REST / 1000} s later ${rested.now} MB (${rested.own} and ${rested.files})
start until it serves: ${full.milliseconds.toFixed(0)} ms and ${full.memory} MB with all of them, ${empty.milliseconds.toFixed(0)} ms and ${empty.memory} MB with none (median of ${STARTS})
`);
}
process.exit(0);
