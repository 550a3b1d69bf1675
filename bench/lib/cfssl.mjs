// `cfssl serve` with a P-256 authority and a P-256 https certificate of its own.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { connect } from 'node:tls';
import { join } from 'node:path';
import { gather, spawnOn } from './workplace.mjs';

const READY_WITHIN = 10_000;
const LOOK_EVERY = 50;
/** A level of cfssl's log; by default it writes a line for each certificate, which Chancery does not. */
const WARNINGS = '2';
/** The lifetime and usages of Chancery's profile `server`. */
const POLICY = { signing: { default: { expiry: '720h', usages: ['digital signature', 'server auth'] } } };

/** Starts `cfssl serve` and waits until it is ready. */
export async function startCfssl({ folder, core }) {
  const at = (name) => join(folder, name);
  makePair(at('ca'), '/CN=Bench CA', ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign']);
  makePair(at('tls'), '/CN=localhost', ['subjectAltName=IP:127.0.0.1']);
  writeFileSync(at('config.json'), JSON.stringify(POLICY));
  const port = await freePort();
  const child = spawnOn(core, 'cfssl', [
    'serve', '-address=127.0.0.1', `-port=${port}`, `-ca=${at('ca.pem')}`, `-ca-key=${at('ca.key')}`, `-config=${at('config.json')}`,
    `-tls-cert=${at('tls.pem')}`, `-tls-key=${at('tls.key')}`, `-loglevel=${WARNINGS}`,
  ], { cwd: folder });
  const errors = gather(child.stderr);
  const deadline = Date.now() + READY_WITHIN;
  while (!(await answers(port))) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`cfssl does not serve\n${errors.text}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
  }
  return { child, url: `https://127.0.0.1:${port}`, root: at('ca.pem'), errors };
}

function makePair(path, subject, extensions) {
  execFileSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-sha256', '-days', '3650', '-config', '/dev/null',
    '-subj', subject, '-keyout', `${path}.key`, '-out', `${path}.pem`, ...extensions.flatMap((extension) => ['-addext', extension]),
  ], { stdio: 'pipe' });
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function answers(port) {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
