import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Test } from 'tap';
import { authorityFiles } from '../../src/authority/layout.ts';
import { MAIN, cleanEnvironment } from '../cli/run-cli.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { makeCsr, openssl } from '../helpers/openssl.ts';

export interface Answer {
  readonly status: number;
  readonly json: { readonly Allow?: boolean; readonly Msg?: string; readonly Implements?: readonly string[]; readonly Err?: string };
}

export interface Plugin {
  readonly socket: string;
  readonly state: string;
  readonly child: ChildProcess;
  readonly lines: () => readonly Readonly<Record<string, string>>[];
  /** Posts a body as it is. */
  readonly post: (path: string, body: string | Uint8Array) => Promise<Answer>;
  /** Asks whether a call may be made, as the Engine does; `certificate` is PEM. */
  readonly may: (certificate: string | undefined, call?: string) => Promise<Answer['json']>;
  /** Ends it politely. Returns the exit status. */
  readonly stop: () => Promise<number | null>;
}

/** What the Engine sends. */
export function question(certificate: string | undefined, call = 'GET /v1.41/containers/json'): string {
  const [method = '', uri = ''] = call.split(' ');
  const tls = certificate === undefined ? {} : { User: 'x', UserAuthNMethod: 'TLS', RequestPeerCertificates: [Buffer.from(certificate).toString('base64')] };
  return JSON.stringify({ ...tls, RequestMethod: method, RequestUri: uri, RequestHeaders: { 'User-Agent': 'Docker-Client/28.2.2 (linux)' } });
}

export interface PluginStart {
  readonly folder?: string;
  /** Wait until it is ready. */
  readonly ready?: boolean;
}

/** Runs `docker-authz` in a process of its own. */
export async function startPlugin(t: Pick<Test, 'teardown'>, args: readonly string[], { folder = temporaryFolder('authz'), ready = true }: PluginStart = {}): Promise<Plugin> {
  const socket = join(folder, 'chancery.sock');
  const state = join(folder, 'state');
  const child = spawn(process.execPath, [MAIN, 'docker-authz', '--json', '--socket', socket, '--spec', join(folder, 'chancery.spec'), '--state', state, ...args], {
    env: cleanEnvironment(), stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  child.stdout.on('data', (part: Buffer) => { text += String(part); });
  let said = '';
  child.stderr.on('data', (part: Buffer) => { said += String(part); });
  t.teardown(() => void child.kill('SIGKILL'));
  const lines = (): Record<string, string>[] => text.split('\n').filter((line) => line.endsWith('}')).map((line) => JSON.parse(line) as Record<string, string>);
  const post = (path: string, body: string | Uint8Array): Promise<Answer> => new Promise((resolve, reject) => {
    const call = httpRequest({ socketPath: socket, path, method: 'POST', headers: { 'content-length': Buffer.byteLength(body) }, agent: false }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, json: JSON.parse(Buffer.concat(parts).toString()) as Answer['json'] }));
    });
    call.on('error', reject);
    call.end(body);
  });
  if (ready) {
    await until(() => {
      if (child.exitCode !== null) throw new Error(`the plugin ended with ${child.exitCode}: ${said}${text}`);
      return lines().some(({ event }) => event === 'ready');
    });
  }
  return {
    socket, state, child, lines, post,
    may: async (certificate, call) => (await post('/AuthZPlugin.AuthZReq', question(certificate, call))).json,
    stop: () => new Promise((resolve) => {
      if (child.exitCode !== null) return resolve(child.exitCode);
      child.once('exit', resolve);
      child.kill('SIGTERM');
    }),
  };
}

/** Waits, and gives back for how long, milliseconds. */
export async function until(what: () => boolean | Promise<boolean>, within = 15_000): Promise<number> {
  const started = performance.now();
  while (!await what()) {
    if (performance.now() - started > within) throw new Error(`not within ${within} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return performance.now() - started;
}

/** A client's certificate by an authority's key in its file, made by OpenSSL: PEM. Times in days from now. */
export function certifyClient(data: string, authority: string, serial: string, { subject = '/CN=client', san, from = -1, to = 1 }: { readonly subject?: string; readonly san?: string; readonly from?: number; readonly to?: number } = {}): string {
  const folder = temporaryFolder('client');
  const files = authorityFiles(data, authority);
  const { csr } = makeCsr(folder, 'client', { subject });
  writeFileSync(join(folder, 'ext'), `extendedKeyUsage=clientAuth\nauthorityKeyIdentifier=keyid\n${san === undefined ? '' : `subjectAltName=${san}\n`}`);
  // x509 has no option for a start before OpenSSL 3.4; ca has.
  for (const [name, content] of [['index', ''], ['serial', serial]] as const) writeFileSync(join(folder, name), content);
  writeFileSync(join(folder, 'ca.cnf'), `[ca]\ndefault_ca=a\n[a]\ndatabase=${folder}/index\nserial=${folder}/serial\nnew_certs_dir=${folder}\npolicy=p\ndefault_md=sha256\nunique_subject=no\nemail_in_dn=no\n[p]\ncommonName=optional\norganizationName=optional\norganizationalUnitName=optional\n`);
  const time = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString().replaceAll(/[-:T]|\.\d+/g, '').slice(0, 14) + 'Z';
  openssl('ca', '-batch', '-notext', '-config', join(folder, 'ca.cnf'), '-cert', files.certificate, '-keyfile', files.key, '-in', csr, '-startdate', time(from), '-enddate', time(to), '-extfile', join(folder, 'ext'), '-out', join(folder, 'client.pem'));
  return readFileSync(join(folder, 'client.pem'), 'utf8');
}

/** A web server that serves CRLs by their path. */
export async function crlServer(t: Pick<Test, 'teardown'>): Promise<{ readonly url: string; readonly bodies: Map<string, Uint8Array> }> {
  const bodies = new Map<string, Uint8Array>();
  const server = createServer((request, response) => {
    const body = bodies.get(request.url ?? '');
    response.writeHead(body === undefined ? 404 : 200, { connection: 'close' }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => new Promise((resolve) => server.close(resolve)));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, bodies };
}
