// The time from a revocation's reply to the CRL that lists it, both seen by a client, while certificates are issued at a steady rate; and
// how many CRLs were published for that. The service on one core, all clients on the other.
//
//     npm run build && node bench/revoke.mjs [--rate 500] [--every 100] [--seconds 30] [--set CHANCERY_CRL__SHARDS=128]…
//     [--node PATH] [--build DIR] [--json]
import { readFileSync } from 'node:fs';
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { builtFolder } from './lib/build.mjs';
import { makeApiKey, startChancery } from './lib/chancery.mjs';
import { writeCsrs } from './lib/csrs.mjs';
import { cores } from './lib/machine.mjs';
import { stop, temporaryFolder } from './lib/workplace.mjs';

const text = { type: 'string' };
const { values } = parseArgs({
  options: {
    rate: { ...text, default: '500' }, every: { ...text, default: '100' }, seconds: { ...text, default: '30' }, set: { ...text, multiple: true, default: [] },
    node: { ...text, default: process.execPath }, build: text, json: { type: 'boolean', default: false },
  },
});
const [rate, every, seconds] = [values.rate, values.every, values.seconds].map(Number);
const WARM_UP = 5;
const say = (line) => process.stderr.write(`${line}\n`);
const build = builtFolder(values.build);
const folder = temporaryFolder();
const settings = Object.fromEntries(values.set.map((one) => one.split('=')));
const service = await startChancery({ build, data: temporaryFolder(), core: cores()[0], node: values.node, settings });
const key = await makeApiKey(service, 'bench');
const secure = new Agent({ keepAlive: true, maxSockets: 32, ca: readFileSync(service.root) });
const plain = new HttpAgent({ keepAlive: true });
const authorization = `Bearer ${key}`;

const revocations = Math.ceil(((seconds + WARM_UP) * 1000) / every);
const csrs = join(folder, 'csrs');
say(`Making ${rate * (seconds + WARM_UP) + revocations} CSRs`);
await writeCsrs(csrs, rate * (seconds + WARM_UP) + revocations, build);
const bodies = readFileSync(csrs, 'utf8').trimEnd().split('\n').map((csr) => `{"csr":"${csr}"}`);
const post = (path, body) => send(httpsRequest, `${service.url}${path}`, { agent: secure, method: 'POST', headers: { 'content-type': 'application/json', authorization } }, body);
const serials = [];
while (serials.length < revocations) {
  const some = await Promise.all(bodies.splice(-Math.min(32, revocations - serials.length)).map((body) => post('/v1/requests', body)));
  serials.push(...some.map(({ bytes }) => JSON.parse(bytes).serial));
}
const crl = (await (await send(httpsRequest, `${service.url}/v1/authorities/issuing`, { agent: secure })).json()).crl[0];

/** By serial: since when it has been waiting for a CRL. */
const waiting = new Map();
const lags = [];
const numbers = [];
let issued = 0;
let done = false;
const began = performance.now();
const isWarm = () => performance.now() - began > WARM_UP * 1000;

await Promise.all([issue(), revoke(), watch()]);
await stop(service.child);
secure.destroy();
plain.destroy();

lags.sort((one, other) => one - other);
const at = (part) => lags[Math.min(lags.length - 1, Math.floor(part * lags.length))];
const result = { issuedPerSecond: issued / seconds, revocations: lags.length, crlsPerSecond: numbers.length / seconds, p50: at(0.5), p95: at(0.95), p99: at(0.99), most: lags.at(-1) };
process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : `${Object.entries(result).map(([name, value]) => `${name} ${value.toFixed(name.includes('Second') ? 2 : 0)}`).join(', ')} (ms)\n`);

async function issue() {
  const start = performance.now();
  const replies = [];
  const issue = async () => {
    const { status } = await post('/v1/requests', bodies.pop());
    if (status === 201 && isWarm()) issued += 1;
  };
  for (let sent = 0; sent < rate * (seconds + WARM_UP); sent += 1) {
    const early = start + (sent * 1000) / rate - performance.now();
    if (early > 1) await wait(early);
    replies.push(issue());
  }
  await Promise.all(replies);
}

async function revoke() {
  for (const [n, serial] of serials.entries()) {
    // At a random point of its interval, so that it does not always coincide with the same phase of the service's timers.
    const early = began + (n + Math.random()) * every - performance.now();
    if (early > 0) await wait(early);
    const { status, bytes } = await post(`/v1/certificates/${serial}/revoke`, '{"reason":"superseded"}');
    if (status !== 200) throw new Error(`revoking: ${status} ${bytes}`);
    if (isWarm()) waiting.set(serial, performance.now());
  }
  for (const end = performance.now() + 5000; waiting.size > 0 && performance.now() < end;) await wait(10);
  done = true;
  if (waiting.size > 0) throw new Error(`${waiting.size} revocations are on no CRL after 5 s`);
}

async function watch() {
  for (let etag = ''; !done; await wait(2)) {
    const { status, headers, bytes } = await send(httpRequest, crl, { agent: plain, headers: { 'if-none-match': etag } });
    const now = performance.now();
    if (status !== 200) continue;
    etag = headers.etag;
    if (isWarm()) numbers.push(now);
    for (const [serial, since] of waiting) {
      if (!bytes.includes(Buffer.from(serial.padStart(serial.length + (serial.length % 2), '0'), 'hex'))) continue;
      lags.push(now - since);
      waiting.delete(serial);
    }
  }
}

function send(request, url, options, body) {
  return new Promise((resolve, reject) => {
    const call = request(url, options, (reply) => {
      const parts = [];
      reply.on('data', (part) => parts.push(part)).on('error', reject).on('end', () => {
        const bytes = Buffer.concat(parts);
        resolve({ status: reply.statusCode, headers: reply.headers, bytes, json: () => JSON.parse(bytes) });
      });
    });
    call.on('error', reject).end(body);
  });
}
