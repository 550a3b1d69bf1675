import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import type { IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import type { Config } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { initialise } from '../../src/initialise.ts';
import { createLogger } from '../../src/log.ts';
import { type Service, startService } from '../../src/service.ts';

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly text: string;
  readonly json: Json;
}

/** The reply of the service, which tests inspect member by member. */
export type Json = any;

export interface Call {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | object;
  /** A bearer credential. */
  readonly bearer?: string;
  /** PEM. */
  readonly certificate?: { readonly cert: string; readonly key: string };
}

/** A running service on free ports, in a folder of its own. */
export interface TestService {
  readonly folder: string;
  readonly config: Config;
  readonly service: Service;
  readonly root: string;
  /** The first operator's certificate. */
  readonly operator: { readonly cert: string; readonly key: string };
  readonly logged: string[];
  readonly call: (method: string, path: string, call?: Call) => Promise<Reply>;
  /** The same over the listener without TLS. */
  readonly plain: (method: string, path: string, call?: Call) => Promise<Reply>;
  readonly token: (body: object) => Promise<string>;
  /** Restarts it on the same data. */
  readonly restart: (settings?: Readonly<Record<string, string>>) => Promise<void>;
}

export interface TestServiceOptions {
  /** Environment settings: `{ CHANCERY_CRL__LIFETIME: '1h' }`. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly clock?: () => number;
  readonly init?: Partial<Parameters<typeof initialise>[0]>;
}

const PORTS = { CHANCERY_LISTEN__HTTPS: '127.0.0.1:0', CHANCERY_LISTEN__HTTP: '127.0.0.1:0', CHANCERY_LISTEN__METRICS: '127.0.0.1:0' };

export async function startTestService(t: Test, { settings = {}, clock = Date.now, init = {} }: TestServiceOptions = {}): Promise<TestService> {
  const folder = mkdtempSync(join(tmpdir(), 'chancery-test-'));
  const data = join(folder, 'data');
  const logged: string[] = [];
  const configured = (more: Readonly<Record<string, string>>): Config => loadConfig({ env: { CHANCERY_DATA: data, ...PORTS, ...settings, ...more }, folder });
  const start = (config: Config): Promise<Service> => startService({ config, clock, log: createLogger('info', (line) => void logged.push(line)) });

  let config = configured({});
  await initialise({ mode: 'internal', ...init }, config, clock);
  let service = await start(config);
  const root = readFileSync(join(data, 'root.pem'), 'utf8');
  const operator = { cert: readFileSync(join(data, 'operator', 'cert.pem'), 'utf8'), key: readFileSync(join(data, 'operator', 'key.pem'), 'utf8') };
  t.teardown(async () => {
    await service.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const call: TestService['call'] = (method, path, options = {}) => send(`${service.addresses.https ?? ''}${path}`, method, options, root);
  return {
    folder, root, operator, logged, call,
    get config() { return config; },
    get service() { return service; },
    plain: (method, path, options = {}) => send(`${service.addresses.http ?? ''}${path}`, method, options, root),
    token: async (body) => {
      const reply = await call('POST', '/v1/tokens', { certificate: operator, body });
      if (reply.status !== 201) throw new Error(`no token: ${reply.text}`);
      return String(reply.json.token);
    },
    restart: async (more = {}) => {
      await service.stop();
      config = configured(more);
      service = await unlessInUse(() => start(config));
    },
  };
}

/** Retries a start whose port another test holds at the moment. */
async function unlessInUse(start: () => Promise<Service>): Promise<Service> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start();
    } catch (error) {
      if (attempt === 100 || !/EADDRINUSE|in use/.test(String(error))) throw error;
      await delay(100);
    }
  }
}

/** Another service with the same store and keys, but a runtime folder of its own. */
export async function startReplica(t: Test, first: TestService, settings: Readonly<Record<string, string>>): Promise<Pick<TestService, 'call' | 'plain' | 'logged' | 'service'>> {
  const runtime = mkdtempSync(join(tmpdir(), 'chancery-replica-'));
  const logged: string[] = [];
  const config = loadConfig({ env: { CHANCERY_DATA: first.config.data, CHANCERY_RUNTIME: runtime, ...PORTS, ...settings }, folder: first.folder });
  const service = await startService({ config, log: createLogger('info', (line) => void logged.push(line)) });
  t.teardown(async () => {
    await service.stop();
    rmSync(runtime, { recursive: true, force: true });
  });
  return {
    service, logged,
    call: (method, path, options = {}) => send(`${service.addresses.https ?? ''}${path}`, method, options, first.root),
    plain: (method, path, options = {}) => send(`${service.addresses.http ?? ''}${path}`, method, options, first.root),
  };
}

/** One request on a connection of its own. @param root the trusted root, PEM */
export function send(url: string, method: string, { headers = {}, body, bearer, certificate }: Call, root: string): Promise<Reply> {
  const isJson = body !== undefined && typeof body === 'object' && !(body instanceof Uint8Array);
  const bytes = body === undefined ? undefined : Buffer.from(isJson ? JSON.stringify(body) : (body as string | Uint8Array));
  const all = {
    ...(isJson ? { 'content-type': 'application/json' } : {}),
    ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
    ...(bytes === undefined ? {} : { 'content-length': String(bytes.length) }),
    ...headers,
  };
  return new Promise((resolve, reject) => {
    const done = (response: import('node:http').IncomingMessage): void => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => {
        const all = Buffer.concat(parts);
        const text = all.toString('utf8');
        const json: Json = /json/.test(response.headers['content-type'] ?? '') && text !== '' ? JSON.parse(text) : undefined;
        resolve({ status: response.statusCode ?? 0, headers: response.headers, bytes: all, text, json });
      });
    };
    const request = url.startsWith('https:')
      ? httpsRequest(url, { method, headers: all, agent: new Agent({ ca: root, keepAlive: false, ...certificate }) }, done)
      : httpRequest(url, { method, headers: all }, done);
    request.on('error', reject);
    request.end(bytes);
  });
}
