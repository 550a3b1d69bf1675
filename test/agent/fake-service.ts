import { execFileSync } from 'node:child_process';
import { X509Certificate, createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { temporaryFolder } from '../helpers/folder.ts';

/** What the service answers; a test may replace any of it. */
export interface Behaviour {
  roots: () => string;
  /** Status and body of an answer to a CSR. */
  answer: (asked: Asked) => { readonly status: number; readonly body: object; readonly headers?: Record<string, string> };
  /** The same for a look at a request. */
  look: (id: string) => { readonly status: number; readonly body: object };
}

export interface Asked {
  readonly path: string;
  readonly authorization: string | undefined;
  /** Serial of the client certificate presented and trusted. */
  readonly client: string | undefined;
  readonly csr: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface FakeService {
  readonly url: URL;
  readonly token: string;
  readonly root: string;
  readonly behaviour: Behaviour;
  /** Every CSR that came in, in order. */
  readonly asked: Asked[];
  /** Issues for a CSR with OpenSSL and makes the reply of it. */
  readonly issue: (asked: Asked, options?: { readonly days?: number; readonly usage?: string }) => { readonly status: number; readonly body: object };
  readonly close: () => Promise<void>;
}

const openssl = (folder: string, ...args: string[]): string => execFileSync('openssl', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/** Made once: OpenSSL is started seven times for it. */
let shared: string | undefined;

/** A service that speaks just enough of the API for a node, with a root (shared, or its own), an issuing authority and OpenSSL to sign. */
export async function startFakeService({ ownRoot = false } = {}): Promise<FakeService> {
  const folder = ownRoot ? makeAuthorities() : (shared ??= makeAuthorities());
  const read = (name: string): string => readFileSync(join(folder, name), 'latin1');
  const root = new X509Certificate(read('root.pem')).toString();
  const digest = createHash('sha256').update(new X509Certificate(root).raw).digest('hex');
  const asked: Asked[] = [];
  let serial = 0;

  const issue: FakeService['issue'] = ({ csr }, { days = 30, usage = 'serverAuth' } = {}) => {
    serial += 1;
    const name = `leaf${serial}`;
    writeFileSync(join(folder, `${name}.csr`), csr);
    // OpenSSL refuses a CSR whose signature is wrong.
    writeFileSync(join(folder, `${name}.ext`), `extendedKeyUsage=${usage}\nsubjectAltName=DNS:given.example\n`);
    openssl(folder, 'req', '-in', `${name}.csr`, '-noout', '-verify');
    openssl(folder, 'x509', '-req', '-in', `${name}.csr`, '-CA', 'issuing.pem', '-CAkey', 'issuing.key', '-set_serial', `0x0a${serial}`, '-days', String(days), '-extfile', `${name}.ext`, '-out', `${name}.pem`);
    return { status: 201, body: requestReply(`0a${serial}`, { state: 'issued', certificate: read(`${name}.pem`), chain: [read('issuing.pem')] }) };
  };
  const behaviour: Behaviour = { roots: () => root, answer: (what) => issue(what), look: () => ({ status: 404, body: {} }) };

  const server = createServer({ cert: read('server.pem') + read('issuing.pem'), key: read('server.key'), ca: root, requestCert: true, rejectUnauthorized: false }, (request, response) => {
    void handle(request, response, behaviour, asked);
  });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return {
    url: new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}`),
    token: `CHYTKN-1-${digest}-${'a'.repeat(16)}-${'b'.repeat(52)}`,
    root, behaviour, asked, issue,
    close: () => new Promise((resolve) => {
      server.close(() => { resolve(); });
      server.closeAllConnections();
    }),
  };
}

/** A request as the API shows it. */
export const requestReply = (id: string, more: object): object => ({
  id, profile: 'server', requester: { kind: 'enrolment-token', name: 'a' }, names: [], steps: [], createdAt: '2026-01-01T00:00:00Z', updatedAt: '2026-01-01T00:00:00Z', ...more,
});

function makeAuthorities(): string {
  const folder = temporaryFolder('fake');
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl(folder, 'req', '-x509', ...key, '-days', '30', '-subj', '/CN=Test Root', '-keyout', 'root.key', '-out', 'root.pem');
  openssl(folder, 'req', '-new', ...key, '-subj', '/CN=Test Issuing', '-keyout', 'issuing.key', '-out', 'issuing.csr');
  writeFileSync(join(folder, 'issuing.ext'), 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n');
  openssl(folder, 'x509', '-req', '-in', 'issuing.csr', '-CA', 'root.pem', '-CAkey', 'root.key', '-set_serial', '2', '-days', '30', '-extfile', 'issuing.ext', '-out', 'issuing.pem');
  openssl(folder, 'req', '-new', ...key, '-subj', '/CN=localhost', '-keyout', 'server.key', '-out', 'server.csr');
  writeFileSync(join(folder, 'server.ext'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\n');
  openssl(folder, 'x509', '-req', '-in', 'server.csr', '-CA', 'issuing.pem', '-CAkey', 'issuing.key', '-set_serial', '3', '-days', '30', '-extfile', 'server.ext', '-out', 'server.pem');
  return folder;
}

async function handle(request: IncomingMessage, response: ServerResponse, behaviour: Behaviour, asked: Asked[]): Promise<void> {
  const path = request.url ?? '';
  if (path === '/ca/roots.pem') return send(response, 200, behaviour.roots(), 'application/x-pem-file');
  if (request.method === 'GET') {
    const { status, body } = behaviour.look(path.split('/').at(-1) ?? '');
    return send(response, status, JSON.stringify(body), status < 400 ? 'application/json' : 'application/problem+json');
  }
  let text = '';
  for await (const part of request) text += String(part);
  const body = JSON.parse(text) as Record<string, unknown>;
  const socket = request.socket as TLSSocket;
  const what: Asked = {
    path, body, csr: String(body['csr']), authorization: request.headers.authorization,
    // A certificate for servers only proves who asks all the same.
    client: socket.authorized || String(socket.authorizationError) === 'INVALID_PURPOSE' ? socket.getPeerCertificate().serialNumber.toLowerCase() : undefined,
  };
  asked.push(what);
  const { status, body: reply, headers } = behaviour.answer(what);
  return send(response, status, JSON.stringify(reply), status < 400 ? 'application/json' : 'application/problem+json', headers);
}

function send(response: ServerResponse, status: number, body: string, type: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': type, ...headers }).end(body);
}
