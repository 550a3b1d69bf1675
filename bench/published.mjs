// What clients poll, over http with keep-alive: OCSP responses from memory, newly signed ones for a nonce, and unchanged CRLs, compared
// with Fastify serving as many octets from memory in the same run. Each server on one core, `wrk` on the other.
//
//     npm run build && node bench/published.mjs [--seconds 4] [--rounds 3] [--connections 64] [--certificates 300] [--only 'OCSP GET,bare GET']
//     [--profile DIR] [--node PATH] [--build DIR] [--json]
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { builtFolder, importBuilt } from './lib/build.mjs';
import { makeApiKey, startChancery } from './lib/chancery.mjs';
import { writeCsrs } from './lib/csrs.mjs';
import { cores, cpuOf } from './lib/machine.mjs';
import { median, table } from './lib/table.mjs';
import { gather, spawnOn, stop, temporaryFolder } from './lib/workplace.mjs';

const text = { type: 'string' };
const { values } = parseArgs({
  options: {
    seconds: { ...text, default: '4' }, rounds: { ...text, default: '3' }, connections: { ...text, default: '64' }, certificates: { ...text, default: '300' },
    only: text, profile: text,
    node: { ...text, default: process.execPath }, build: text, json: { type: 'boolean', default: false },
  },
});
const [seconds, rounds, connections, certificates] = [values.seconds, values.rounds, values.connections, values.certificates].map(Number);
const [serverCore, loadCore] = cores();
if (loadCore === undefined) throw new Error('this benchmark needs two cores: one for the server, one for the load');
const say = (line) => process.stderr.write(`${line}\n`);
const build = builtFolder(values.build);
const folder = temporaryFolder();

const service = await startChancery({ build, data: temporaryFolder(), core: serverCore, node: values.node, profile: values.profile });
const http = new URL(await plainUrl());
const csrs = join(folder, 'csrs');
await writeCsrs(csrs, certificates, build);
const key = await makeApiKey(service, 'bench');
const ca = readFileSync(service.root);
say(`Issuing ${certificates} certificates`);
const serials = [];
for (const line of readFileSync(csrs, 'utf8').trimEnd().split('\n')) serials.push((await issue(line)).serial);

const { certIdIssuers } = await importBuilt(build, 'x509/ocsp-cert-id');
const { parseCertificate } = await importBuilt(build, 'x509/certificate');
const { contextExplicit, octetString, sequence } = await importBuilt(build, 'x509/der/writer');
const { encodeExtension } = await importBuilt(build, 'x509/extensions');
const { encodeSerial } = await importBuilt(build, 'x509/serial');
const { OID } = await importBuilt(build, 'x509/oids');
const issuing = parseCertificate(new Uint8Array(Buffer.from(readFileSync(service.chain, 'utf8').replace(/-----[^-]+-----|\s/g, ''), 'base64')));
const [sha1] = certIdIssuers(issuing.subject, issuing.publicKey);
const ocspRequest = (serial, nonce) => sequence(sequence(
  sequence(sequence(sequence(sha1, encodeSerial(serial)))),
  ...(nonce === undefined ? [] : [contextExplicit(2, sequence(encodeExtension({ oid: OID.ocspNonce, critical: false, value: octetString(nonce) })))]),
));

const head = (method, path, host, headers = {}) =>
  `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n${Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
const get = (path, headers) => Buffer.from(head('GET', path, http.host, headers));
const post = (path, body, type) => Buffer.concat([Buffer.from(head('POST', path, http.host, { 'Content-Type': type, 'Content-Length': body.length })), body]);
const paths = serials.map((serial) => `/ocsp/issuing/${encodeURIComponent(Buffer.from(ocspRequest(serial)).toString('base64'))}`);
const first = await fetch(new URL(paths[0], http));
const answer = Buffer.from(await first.arrayBuffer());
const crl = await fetch(new URL('/crl/issuing.crl', http));
await crl.arrayBuffer();

const bare = spawnOn(serverCore, values.node, [fileURLToPath(new URL('lib/bare-fastify.mjs', import.meta.url)), String(answer.length)], { env: { ...process.env, NODE_ENV: 'production' } });
const told = gather(bare.stdout);
while (!told.text.includes('\n')) await once(bare.stdout, 'data');
const bareUrl = `http://127.0.0.1:${told.text.trim()}`;

const REQUEST = 'application/ocsp-request';
const OCTETS = 'application/octet-stream';
/** By name: the server and request, the expected status, and what it is compared with. */
const MEASURES = {
  'bare GET': { pid: bare.pid, url: bareUrl, requests: paths.map((path) => get(path)), status: 200 },
  'bare POST': { pid: bare.pid, url: bareUrl, requests: serials.map((serial) => post('/', ocspRequest(serial), OCTETS)), status: 200 },
  'OCSP GET': { requests: paths.map((path) => get(path)), status: 200, beside: 'bare GET' },
  'OCSP GET 304': { requests: [get(paths[0], { 'If-None-Match': first.headers.get('etag') })], status: 304, beside: 'bare GET' },
  'OCSP POST': { requests: serials.map((serial) => post('/ocsp/issuing', ocspRequest(serial), REQUEST)), status: 200, beside: 'bare POST' },
  'OCSP POST with nonce': { requests: serials.map((serial) => post('/ocsp/issuing', ocspRequest(serial, randomBytes(32)), REQUEST)), status: 200, beside: 'bare POST' },
  'CRL 304': { requests: [get('/crl/issuing.crl', { 'If-None-Match': crl.headers.get('etag') })], status: 304, beside: 'bare GET' },
};

if (values.only !== undefined) for (const name of Object.keys(MEASURES)) if (!values.only.split(',').includes(name)) delete MEASURES[name];
const results = new Map(Object.keys(MEASURES).map((name) => [name, []]));
for (let round = 0; round <= rounds; round++) {
  const names = Object.keys(MEASURES);
  // Every second round runs in reverse order, so that no measure is always first. The first of all is a warm-up.
  for (const name of round % 2 === 1 ? names : names.toReversed()) {
    const result = await load({ pid: service.child.pid, url: http.origin, ...MEASURES[name] });
    if (round > 0) results.get(name).push(result);
    say(`${round === 0 ? 'Warming up' : `Round ${round}`}: ${name} ${result.perSecond.toFixed(0)} a second`);
  }
}
await stop(bare);
await stop(service.child);

const middle = (name, value) => median(results.get(name).map(value));
const rows = Object.entries(MEASURES).map(([name, { beside }]) => ({
  name, perSecond: middle(name, (one) => one.perSecond), p50: middle(name, (one) => one.p50), p99: middle(name, (one) => one.p99), cpu: middle(name, (one) => one.cpu),
  ratio: beside === undefined || !results.has(beside) ? undefined : median(results.get(name).map(({ perSecond }, n) => perSecond / results.get(beside)[n].perSecond)),
}));
const node = execFileSync(values.node, ['--version'], { encoding: 'utf8' }).trim();
if (values.json) process.stdout.write(`${JSON.stringify({ node, octets: answer.length, rows })}\n`);
else {
  process.stdout.write(`Node ${node}, ${connections} at once, answers of ${answer.length} octets\n\n${table(
    ['', 'a second', 'p50 ms', 'p99 ms', 'CPU us', 'to bare Fastify'],
    rows.map(({ name, perSecond, p50, p99, cpu, ratio }) => [name, perSecond.toFixed(0), p50.toFixed(1), p99.toFixed(1), cpu.toFixed(0), ratio?.toFixed(2) ?? '']),
  )}\n`);
}

/** Loads a server for some seconds, and returns what it did and used. */
async function load({ pid, url, requests, status }) {
  const file = join(folder, 'requests');
  writeFileSync(file, `${requests.map((request) => request.toString('hex')).join('\n')}\n`);
  const before = cpuOf(pid);
  const wrk = spawnOn(loadCore, 'wrk', [
    '--threads', '1', '--connections', String(connections), '--duration', `${seconds}s`, '--timeout', '10s',
    '--script', fileURLToPath(new URL('lib/ask.lua', import.meta.url)), url, '--', file, String(status),
  ]);
  const [out, errors] = [gather(wrk.stdout), gather(wrk.stderr)];
  await once(wrk, 'close');
  const used = cpuOf(pid) - before;
  const line = out.text.trimEnd().split('\n').at(-1) ?? '';
  if (!line.startsWith('{')) throw new Error(`wrk: ${errors.text}${out.text}`);
  const { requests: answered, microseconds, p50, p99, wrong, broken } = JSON.parse(line);
  if (wrong + broken > 0) throw new Error(`${url}: of ${answered} answers ${wrong} had another status than ${status}, ${broken} connections broke\n${errors.text}`);
  return { perSecond: (answered * 1e6) / microseconds, p50: p50 / 1000, p99: p99 / 1000, cpu: used / answered };
}

async function plainUrl() {
  const { items } = await fetchJson(`${service.url}/v1/authorities`);
  return items.find(({ name }) => name === 'issuing').crl[0];
}

function fetchJson(url, options = {}, body) {
  return new Promise((resolve, reject) => {
    const call = httpsRequest(url, { ca: readFileSync(service.root), ...options }, (reply) => {
      const received = gather(reply);
      reply.on('end', () => (reply.statusCode < 300 ? resolve(JSON.parse(received.text)) : reject(new Error(`${url}: ${reply.statusCode} ${received.text}`))));
    });
    call.on('error', reject);
    call.end(body);
  });
}

function issue(csr) {
  return fetchJson(`${service.url}/v1/requests`, { ca, method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` } }, `{"csr":"${csr}"}`);
}
