// Issues certificates for CSRs over https with keep-alive: Chancery and `cfssl serve`, each on one core, in turn. README.md explains
// what is compared.
//
//     node bench/issue.mjs [options]; --help tells them
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { builtFolder } from './lib/build.mjs';
import { CONTESTANTS } from './lib/contestants.mjs';
import { writeCsrs } from './lib/csrs.mjs';
import { judge } from './lib/judge.mjs';
import { cores, diskSync } from './lib/machine.mjs';
import { readOptions } from './lib/options.mjs';
import { summarise } from './lib/profile.mjs';
import { median, table } from './lib/table.mjs';
import { temporaryFolder } from './lib/workplace.mjs';
import { load } from './lib/wrk.mjs';

/** Until V8 has optimized the service's code: with less, compilation on the same core would count towards the certificates. */
const WARM_UP = { connections: 64, seconds: 8 };

const options = readOptions();
const say = (text) => process.stderr.write(`${text}\n`);
const [serverCore, loadCore] = cores();
if (loadCore === undefined) throw new Error('this benchmark needs two cores: one for the server, one for the load');
// CSRs are generated, and everything else runs, on the core that the servers do not use.
const build = builtFolder(options.build);
const folder = temporaryFolder();
const sync = diskSync(folder);

say(`Making ${options.csrs} CSRs`);
const csrs = join(folder, 'csrs');
await writeCsrs(csrs, options.csrs, build);

const running = new Map();
for (const name of options.servers) {
  running.set(name, await CONTESTANTS[name].start({ name, folder, build, core: serverCore, node: options.node, profile: options.profile && join(options.profile, name) }));
}

/** By server and number of connections: one result per round. */
const results = new Map(options.servers.flatMap((name) => options.connections.map((connections) => [`${name} ${connections}`, []])));
const measure = async (name, round, { connections, seconds }) => {
  const contestant = running.get(name);
  const before = await contestant.count();
  const result = await load(await contestant.target(`${round}-${connections}`), { csrs, samples: contestant.samples, connections, seconds, core: loadCore });
  const after = await contestant.count();
  if (after !== undefined && after - before < result.issued) throw new Error(`${name}: ${result.issued} certificates were received, ${after - before} were issued`);
  return result;
};

for (const name of options.servers) {
  say(`Warming up ${CONTESTANTS[name].title}`);
  await measure(name, 'warm-up', WARM_UP);
}
/** By server: the time in its profile at which the rounds begin, in milliseconds, and the certificates issued since. */
const profiled = new Map(options.servers.map((name) => [name, { from: performance.now() - running.get(name).began, issued: 0 }]));
for (let round = 1; round <= options.rounds; round++) {
  for (const connections of options.connections) {
    // Every second round runs in reverse order, so that no server is always first.
    for (const name of round % 2 === 1 ? options.servers : options.servers.toReversed()) {
      const result = await measure(name, `round-${round}`, { connections, seconds: options.seconds });
      results.get(`${name} ${connections}`).push(result);
      profiled.get(name).issued += result.issued;
      say(`Round ${round}, ${connections} at once: ${CONTESTANTS[name].title} ${result.perSecond.toFixed(0)} a second`);
    }
  }
}

let verified = 0;
for (const contestant of running.values()) verified += await judge(contestant, { csrs, build, folder });
for (const contestant of running.values()) await contestant.stop();

const node = execFileSync(options.node, ['--version'], { encoding: 'utf8' }).trim();
const rows = [...results].map(([key, rounds]) => {
  const [name, connections] = key.split(' ');
  const middle = (value) => median(rounds.map(value));
  const ratioTo = (other) => {
    const others = results.get(`${other} ${connections}`);
    return others === undefined || other === name ? undefined : median(rounds.map(({ perSecond }, n) => perSecond / others[n].perSecond));
  };
  return {
    server: name, connections: Number(connections), perSecond: middle((r) => r.perSecond), p50: middle((r) => r.p50), p99: middle((r) => r.p99),
    cpu: middle((r) => r.cpu), memory: Math.max(...rounds.map((r) => r.memory)),
    toCfssl: ratioTo('cfssl'), toVolatile: name === 'chancery' ? ratioTo('volatile') : undefined,
    least: Math.min(...rounds.map((r) => r.perSecond)), most: Math.max(...rounds.map((r) => r.perSecond)),
  };
}).sort((a, b) => a.connections - b.connections);

if (options.json) process.stdout.write(`${JSON.stringify({ node, sync, seconds: options.seconds, rounds: options.rounds, verified, rows })}\n`);
else {
  const ratio = (value) => (value === undefined ? '' : value.toFixed(2));
  process.stdout.write(`
Node ${node}; ${options.rounds} rounds of ${options.seconds} s, median; ${verified} certificates verified by OpenSSL and against their CSRs
${table(
    ['at once, server', 'issued/s', 'least', 'most', 'p50 ms', 'p99 ms', 'CPU us each', 'memory MB', 'ratio to cfssl', 'to not durable'],
    rows.map((row) => [
      `${String(row.connections).padStart(3)}  ${CONTESTANTS[row.server].title}`, row.perSecond.toFixed(0), row.least.toFixed(0), row.most.toFixed(0),
      row.p50.toFixed(2), row.p99.toFixed(2), row.cpu.toFixed(0), row.memory, ratio(row.toCfssl), ratio(row.toVolatile),
    ]),
  )}
This disk needs ${sync.toFixed(2)} ms to write and sync; a durable write needs two such.
`);
}
if (options.profile !== undefined) for (const name of options.servers.filter((server) => server !== 'cfssl')) tellProfile(name);
process.exit(0);

/** Shows where the main thread spent its time since the warm-up, per certificate. */
function tellProfile(name) {
  const profiles = join(options.profile, name);
  const last = readdirSync(profiles).filter((file) => file.endsWith('.cpuprofile')).sort().at(-1);
  const { issued, from } = profiled.get(name);
  const { microseconds, parts, functions } = summarise(join(profiles, last), from);
  const rows = (items) => items.map((item) => [item.name, (item.microseconds / issued).toFixed(1), `${(item.share * 100).toFixed(1)} %`]);
  process.stdout.write(`\n${CONTESTANTS[name].title}: ${(microseconds / issued).toFixed(0)} us of its main thread for each of ${issued} certificates\n`);
  for (const [title, items] of [['part', parts], ['function', functions.slice(0, 40)]]) process.stdout.write(`\n${table([title, 'us', 'share'], rows(items))}\n`);
}
