// The authorization plugin for Docker Engine with a CRL of 1,000,000 serials: how long a decision takes over its socket, when idle and while
// a new CRL of that size arrives, compared with a bare HTTP server that always allows. The plugin runs on one core, the load on another.
//
//     npm run build && node bench/docker-authz.mjs [--entries 1000000] [--calls 20000] [--node PATH] [--build DIR] [--json]
import { execFileSync } from 'node:child_process';
import { createPrivateKey, randomBytes, sign } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { builtFolder, importBuilt } from './lib/build.mjs';
import { cores, cpuOf, memoryOf } from './lib/machine.mjs';
import { table } from './lib/table.mjs';
import { gather, spawnOn, stop, temporaryFolder } from './lib/workplace.mjs';

const text = { type: 'string' };
const { values } = parseArgs({ options: { entries: { ...text, default: '1000000' }, calls: { ...text, default: '20000' }, node: { ...text, default: process.execPath }, build: text, json: { type: 'boolean', default: false } } });
const [entries, calls] = [values.entries, values.calls].map(Number);
const [pluginCore, loadCore] = cores();
if (loadCore === undefined) throw new Error('this benchmark needs two cores: one for the plugin, one for the load');
const say = (line) => process.stderr.write(`${line}\n`);
const build = builtFolder(values.build);
const folder = temporaryFolder();
execFileSync('taskset', ['-p', '-c', String(loadCore), String(process.pid)], { stdio: 'ignore' });

// An authority, its CRLs, and two clients.
const { initAuthorities } = await importBuilt(build, 'authority/ceremony');
const { loadAuthorities } = await importBuilt(build, 'authority/load');
const { authorityFiles } = await importBuilt(build, 'authority/layout');
const { assembleCrl, encodeRevokedEntry, encodeTbsCrl } = await importBuilt(build, 'x509/crl');
const { cRLNumber } = await importBuilt(build, 'x509/crl-extensions');
const { authorityKeyIdentifier } = await importBuilt(build, 'x509/extensions');
const data = join(folder, 'data');
const now = Math.floor(Date.now() / 1000);
await initAuthorities({ data, mode: 'internal', clock: () => now, random: randomBytes });
const { issuing } = await loadAuthorities(data);
const files = authorityFiles(data, 'issuing');
say(`Making CRLs of ${entries} entries`);
const serials = Array.from({ length: entries }, () => `34${randomBytes(19).toString('hex')}`);
const encoded = serials.map((serial) => encodeRevokedEntry({ serial, at: now - 100, reason: 'superseded' }));
function crl(number) {
  const tbs = encodeTbsCrl({
    algorithm: issuing.signatureAlgorithm.der, issuer: issuing.certificate.subject, thisUpdate: now - 10, nextUpdate: now + 86_400,
    entries: encoded, extensions: [authorityKeyIdentifier(issuing.subjectKeyId), cRLNumber(number)],
  });
  return assembleCrl(tbs, issuing.signatureAlgorithm.der, sign('sha256', tbs, createPrivateKey(readFileSync(files.key))));
}
let served = crl(1);
let number = 1;
const web = createServer((asked, response) => {
  const etag = `"${number}"`;
  response.writeHead(asked.headers['if-none-match'] === etag ? 304 : 200, { etag }).end(asked.headers['if-none-match'] === etag ? undefined : served);
});
await new Promise((resolve) => { web.listen(0, '127.0.0.1', resolve); });

function client(name, serial) {
  const path = (end) => join(folder, `${name}.${end}`);
  writeFileSync(path('ext'), 'extendedKeyUsage=clientAuth\nsubjectAltName=DNS:client.example.com\n');
  execFileSync('openssl', ['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${name}`, '-keyout', path('key'), '-out', path('csr')], { stdio: 'ignore' });
  execFileSync('openssl', ['x509', '-req', '-in', path('csr'), '-CA', files.certificate, '-CAkey', files.key, '-set_serial', `0x${serial}`, '-days', '1', '-extfile', path('ext'), '-out', path('pem')], { stdio: 'ignore' });
  // In the form the Engine sends: the certificate and its chain.
  return JSON.stringify({
    User: name, UserAuthNMethod: 'TLS', RequestMethod: 'GET', RequestUri: '/v1.41/containers/json?all=1', RequestHeaders: { 'Accept-Encoding': 'gzip', 'User-Agent': 'Docker-Client/28.2.2 (linux)' },
    RequestPeerCertificates: [path('pem'), files.certificate].map((file) => readFileSync(file).toString('base64')),
  });
}
const questions = { good: client('good', `34${randomBytes(19).toString('hex')}`), revoked: client('revoked', serials[serials.length >> 1]) };

// The plugin runs with rules, so that all of its work is measured.
const rules = join(folder, 'rules.yaml');
writeFileSync(rules, 'rules:\n  - name: readers\n    clients: [{name: [\'*.example.com\']}]\n    allow: [read, logs]\n    deny: [exec]\n');
const socket = join(folder, 'plugin.sock');
const plugin = spawnOn(pluginCore, values.node, [
  join(build, 'src/main.js'), 'docker-authz', '--json', '--from', `http://127.0.0.1:${web.address().port}/issuing.crl`, '--issuer', files.certificate,
  '--state', join(folder, 'state'), '--socket', socket, '--spec', join(folder, 'plugin.spec'), '--rules', rules, '--poll', '1s',
]);
const out = gather(plugin.stdout);
gather(plugin.stderr);
const until = async (pattern) => {
  for (let n = 0; !pattern.test(out.text); n += 1) {
    if (n > 1200 || plugin.exitCode !== null) throw new Error(`the plugin did not say ${pattern}: ${out.text.slice(-500)}`);
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
};
const began = performance.now();
await until(/"ready"/);
await until(/"number":"1"/);
const startMs = performance.now() - began;

// The baseline: the least that any such plugin takes.
const bareSocket = join(folder, 'bare.sock');
writeFileSync(join(folder, 'bare.mjs'), `import { createServer } from 'node:http';
createServer((request, response) => { const parts = []; request.on('data', (part) => parts.push(part)); request.on('end', () => { JSON.parse(Buffer.concat(parts)); response.end('{"Allow":true}'); }); }).listen(${JSON.stringify(bareSocket)}, () => console.log('ready'));\n`);
const bare = spawnOn(pluginCore, values.node, [join(folder, 'bare.mjs')]);
const bareOut = gather(bare.stdout);
while (!/ready/.test(bareOut.text)) await new Promise((resolve) => { setTimeout(resolve, 20); });

const ask = (socketPath, agent, body) => new Promise((resolve, reject) => {
  const from = performance.now();
  const call = request({ socketPath, agent, method: 'POST', path: '/AuthZPlugin.AuthZReq', headers: { 'content-length': Buffer.byteLength(body) } }, (response) => {
    let answer = '';
    response.on('data', (part) => { answer += part; });
    response.on('end', () => { resolve({ ms: performance.now() - from, answer }); });
  });
  call.on('error', reject);
  call.end(body);
});

async function load(socketPath, body, atOnce, many, expected) {
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce });
  const times = [];
  let left = many;
  await Promise.all(Array.from({ length: atOnce }, async () => {
    while (left-- > 0) {
      const { ms, answer } = await ask(socketPath, agent, body);
      if (!expected.test(answer)) throw new Error(`unexpected: ${answer}`);
      times.push(ms);
    }
  }));
  agent.destroy();
  times.sort((a, b) => a - b);
  const at = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))];
  return { p50: at(0.5), p99: at(0.99), p999: at(0.999), most: times.at(-1) };
}

const YES = /"Allow":true/;
const NO = /certificate is revoked/;
const rows = [];
async function measure(name, socketPath, pid, body, atOnce, expected, many = calls) {
  await load(socketPath, body, atOnce, Math.min(2000, many), expected);
  const cpu = cpuOf(pid);
  const from = performance.now();
  const result = await load(socketPath, body, atOnce, many, expected);
  rows.push({ name, atOnce, ...result, perSecond: many / ((performance.now() - from) / 1000), cpuUs: (cpuOf(pid) - cpu) / many });
}
for (const atOnce of [1, 16]) {
  await measure('bare HTTP server', bareSocket, bare.pid, questions.good, atOnce, YES);
  await measure('plugin, good', socket, plugin.pid, questions.good, atOnce, YES);
  await measure('plugin, revoked', socket, plugin.pid, questions.revoked, atOnce, NO);
}
const memory = memoryOf(plugin.pid);

// The decision alone, without the socket.
const { standing } = await importBuilt(build, 'docker/standing');
const { decider } = await importBuilt(build, 'docker/decide');
const { readAuthzRequest } = await importBuilt(build, 'docker/plugin-request');
const { loadRules } = await importBuilt(build, 'docker/rules/load-rules');
const { indexSerials } = await importBuilt(build, 'docker/revoked-serials');
const certificates = standing({ stale: 'deny', mostSilence: undefined, now: Date.now });
certificates.learn({ kind: 'authorities', items: [{ authority: 'issuing', issuer: issuing.certificate.der }] });
certificates.learn({ kind: 'crl', authority: 'issuing', issuer: issuing.certificate.der, thisUpdate: now - 10, nextUpdate: now + 86_400, serials: indexSerials(Buffer.concat(encoded), entries) });
const compiled = loadRules(rules);
const decide = decider({ standing: certificates, rules: () => compiled, local: 'allow' });
for (const [name, body] of Object.entries(questions)) {
  const bytes = Buffer.from(body);
  const times = Array.from({ length: calls * 5 }, () => {
    const from = performance.now();
    if (decide(readAuthzRequest(bytes)).allowed !== (name === 'good')) throw new Error('decided wrongly');
    return performance.now() - from;
  }).sort((a, b) => a - b);
  const at = (share) => times[Math.floor(times.length * share)];
  rows.push({ name: `decision alone, ${name}`, atOnce: 1, p50: at(0.5), p99: at(0.99), p999: at(0.999), most: times.at(-1), perSecond: times.length / (times.reduce((sum, one) => sum + one, 0) / 1000), cpuUs: Number.NaN });
}

say('A new CRL comes in');
number = 2;
const next = crl(2);
served = next;
let done = false;
const coming = until(/"number":"2"/).finally(() => { done = true; });
const during = [];
const agent = new Agent({ keepAlive: true });
const fromUpdate = performance.now();
while (!done) during.push((await ask(socket, agent, questions.good)).ms);
await coming;
const updateMs = performance.now() - fromUpdate;
agent.destroy();
during.sort((a, b) => a - b);
rows.push({ name: 'plugin, good, meanwhile', atOnce: 1, p50: during[during.length >> 1], p99: during[Math.floor(during.length * 0.99)], p999: during[Math.floor(during.length * 0.999)], most: during.at(-1), perSecond: during.length / (updateMs / 1000), cpuUs: Number.NaN });
const after = memoryOf(plugin.pid);
await Promise.all([stop(plugin), stop(bare)]);
web.close();
web.closeAllConnections();

const result = { entries, crlOctets: served.length, startMs, updateMs, rssMb: memory.now, rssAfterUpdateMb: after.now, rssMostMb: after.most, rows };
const ms = (value) => value.toFixed(3);
if (values.json) process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`);
else {
  process.stdout.write(`${table(['decision, milliseconds', 'at once', 'p50', 'p99', 'p99.9', 'most', 'a second', 'CPU us'], rows.map((row) => [row.name, row.atOnce, ms(row.p50), ms(row.p99), ms(row.p999), ms(row.most), Math.round(row.perSecond), Number.isNaN(row.cpuUs) ? '' : Math.round(row.cpuUs)]))}\n`);
  process.stdout.write(`\n${entries} entries, ${(served.length / 1e6).toFixed(1)} MB: ready after ${(startMs / 1000).toFixed(1)} s, ${memory.now} MB resident; a new CRL after ${(updateMs / 1000).toFixed(1)} s, ${after.most} MB at most\n`);
}
