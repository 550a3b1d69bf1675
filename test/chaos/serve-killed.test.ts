import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { chainVerifier } from '../../src/audit/verify.ts';
import { certificationRequest } from '../../src/authority/keys/certification-request.ts';
import { generateKeyPair } from '../../src/authority/keys/generate.ts';
import { subjectAltName } from '../../src/x509/extensions.ts';
import type { Json } from '../helpers/service.ts';

const MAIN = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'src', 'main.js');
const ROUNDS = 4;
const AT_ONCE = 12;

/** The whole program under load, killed at a moment of chance, again and again; `docs/issuance-cycle.md` says what must be left. */
t.test('after any SIGKILL, every certificate that a client received is in the store, byte for byte', { timeout: 120_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'chancery-killed-'));
  const data = join(folder, 'chancery-data');
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const received = new Map<string, string>();
  const revoked = new Set<string>();
  let served = await serve(folder);
  t.teardown(() => void served.process.kill('SIGKILL'));
  const operator = { cert: readFileSync(join(data, 'operator', 'cert.pem')), key: readFileSync(join(data, 'operator', 'key.pem')), ca: readFileSync(join(data, 'root.pem')) };
  const pair = await generateKeyPair('P-256');

  let counter = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    let dead = false;
    const agent = new Agent({ ...operator, keepAlive: true, maxSockets: AT_ONCE });
    const clients = Array.from({ length: AT_ONCE }, async () => {
      while (!dead) {
        const name = `n${(counter += 1)}.example.com`;
        const csr = certificationRequest(pair, [], [subjectAltName([{ kind: 'dns', value: name }], true)]);
        const reply = await call(served.url, agent, 'POST', '/v1/requests?profile=server', csr).catch(() => undefined);
        if (reply?.status !== 201) continue;
        received.set(reply.json.serial, reply.json.certificate);
        if (counter % 5 !== 0) continue;
        const answer = await call(served.url, agent, 'POST', `/v1/certificates/${reply.json.serial}/revoke`).catch(() => undefined);
        if (answer?.status === 200) revoked.add(reply.json.serial);
      }
    });
    await new Promise((resolve) => setTimeout(resolve, 300 + Math.random() * 700));
    served.process.kill('SIGKILL');
    dead = true;
    await Promise.all(clients);
    agent.destroy();
    served = await serve(folder);
  }
  t.ok(received.size > 20, `${received.size} certificates received, ${revoked.size} revoked, in ${ROUNDS} lives`);

  const agent = new Agent({ ...operator, keepAlive: true });
  t.teardown(() => agent.destroy());
  const wrong = [];
  for (const [serial, certificate] of received) {
    const { json } = await call(served.url, agent, 'GET', `/v1/certificates/${serial}`);
    if (json.certificate !== certificate || (revoked.has(serial) && json.status !== 'revoked')) wrong.push(serial);
  }
  t.strictSame(wrong, [], 'all are there as they were received, and what was revoked is');

  const issued = new Map<string, number>();
  const { check, finish } = chainVerifier();
  const faults = [];
  let cursor = '';
  do {
    const { json } = await call(served.url, agent, 'GET', `/v1/audit?limit=999${cursor}`);
    for (const entry of json.items) {
      faults.push(...check(entry));
      if (entry.event === 'certificate.issued') issued.set(entry.subject, (issued.get(entry.subject) ?? 0) + 1);
    }
    cursor = json.next === undefined ? '' : `&cursor=${json.next}`;
    if (cursor === '') faults.push(...finish(json.head));
  } while (cursor !== '');
  t.strictSame(faults, [], 'the audit chain is whole');
  t.ok([...received.keys()].every((serial) => issued.get(serial) === 1), 'and tells each issuance once');

  const crl = await call(served.url, agent, 'GET', '/crl/issuing.crl');
  t.ok([...revoked].every((serial) => crl.bytes.includes(Buffer.from(serial, 'hex'))), 'the CRL after the last start lists all that was acknowledged');
  served.process.kill('SIGTERM');
});

interface Served {
  readonly process: ChildProcess;
  readonly url: string;
}

function serve(folder: string): Promise<Served> {
  const env = { PATH: process.env['PATH'], CHANCERY_LISTEN__HTTPS: '127.0.0.1:0', CHANCERY_LISTEN__HTTP: 'off', CHANCERY_LISTEN__METRICS: 'off' };
  const child = spawn(process.execPath, [MAIN, 'serve'], { cwd: folder, env, stdio: ['ignore', 'pipe', 'ignore'] });
  return new Promise((resolve, reject) => {
    child.once('exit', () => reject(new Error('it did not start')));
    let printed = '';
    child.stdout.on('data', (part) => {
      printed += String(part);
      const url = /^ready https=(\S+)/m.exec(printed)?.[1];
      if (url !== undefined) resolve({ process: child, url });
    });
  });
}

function call(url: string, agent: Agent, method: string, path: string, csr?: Uint8Array): Promise<{ readonly status: number | undefined; readonly json: Json; readonly bytes: Buffer }> {
  return new Promise((resolve, reject) => {
    const sent = request(`${url}${path}`, { method, agent, headers: csr === undefined ? {} : { 'content-type': 'application/pkcs10', 'content-length': csr.length } }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => {
        const bytes = Buffer.concat(parts);
        resolve({ status: response.statusCode, bytes, json: /json/.test(response.headers['content-type'] ?? '') ? JSON.parse(String(bytes)) : undefined });
      });
    });
    sent.on('error', reject);
    sent.end(csr);
  });
}
