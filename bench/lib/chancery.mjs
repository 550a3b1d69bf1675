// A Chancery service for a benchmark: with data of its own, on free ports, and without settings from the environment.
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { gather, spawnOn } from './workplace.mjs';

const READY_WITHIN = 30_000;
/** The options with which bin/chancery.mjs starts Node. */
const OPTIONS = ['--max-semi-space-size=16'];
const ALLOCATOR = { MALLOC_ARENA_MAX: '2' };

/**
 * Starts `chancery serve` and waits until it is ready.
 * @param {{ build: string, data: string, core: number, node?: string, profile?: string, settings?: Record<string, string> }} options
 */
export async function startChancery({ build, data, core, node = process.execPath, profile, settings = {} }) {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('CHANCERY_')));
  const listen = Object.fromEntries(['HTTPS', 'HTTP', 'METRICS'].map((name) => [`CHANCERY_LISTEN__${name}`, '127.0.0.1:0']));
  const began = performance.now();
  const child = spawnOn(core, node, [...OPTIONS, ...(profile === undefined ? [] : ['--cpu-prof', '--cpu-prof-interval=500', `--cpu-prof-dir=${profile}`]), join(build, 'src/main.js'), 'serve', '--json'], {
    cwd: data, env: { ...env, ...listen, CHANCERY_DATA: data, NODE_ENV: 'production', ...ALLOCATOR, ...settings },
  });
  const errors = gather(child.stderr);
  const addresses = await readyLine(child, errors);
  return {
    child, data, began, url: addresses.https, metricsUrl: addresses.metrics, errors,
    startedIn: performance.now() - began,
    root: join(data, 'root.pem'),
    chain: join(data, 'authorities/issuing/cert.pem'),
  };
}

function readyLine(child, errors) {
  const out = gather(child.stdout);
  return new Promise((resolve, reject) => {
    const fail = (what) => reject(new Error(`chancery ${what}\n${errors.text}`));
    const timer = setTimeout(() => fail(`was not ready within ${READY_WITHIN} ms`), READY_WITHIN);
    child.once('error', reject);
    child.once('exit', (status, signal) => fail(`ended with ${signal ?? `status ${status}`}`));
    child.stdout.on('data', () => {
      const line = out.text.split('\n').slice(0, -1).find((text) => text.startsWith('{"ready"'));
      if (line === undefined) return;
      clearTimeout(timer);
      resolve(JSON.parse(line).ready);
    });
  });
}

/** An API key that may request any certificate. A different name is a different requester, for whom every CSR is new. */
export async function makeApiKey({ url, data }, name) {
  const { key } = await postJson(`${url}/v1/api-keys`, { name, scopes: ['admin'] }, {
    ca: readFileSync(join(data, 'root.pem')),
    cert: readFileSync(join(data, 'operator/cert.pem')),
    key: readFileSync(join(data, 'operator/key.pem')),
  });
  return key;
}

/** How many certificates the service reports to have issued since its start. */
export async function issuedCount({ metricsUrl }) {
  const text = await (await fetch(`${metricsUrl}/metrics`)).text();
  return [...text.matchAll(/^chancery_requests_total\{[^}]*state="issued"[^}]*\} (\d+)/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
}

function postJson(url, body, tls) {
  return new Promise((resolve, reject) => {
    const call = request(url, { method: 'POST', headers: { 'content-type': 'application/json' }, agent: false, ...tls }, (reply) => {
      const received = gather(reply);
      reply.on('end', () => (reply.statusCode === 201 ? resolve(JSON.parse(received.text)) : reject(new Error(`${url}: ${reply.statusCode} ${received.text}`))));
    });
    call.on('error', reject);
    call.end(JSON.stringify(body));
  });
}
