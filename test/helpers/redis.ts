import { execFile, type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Test } from 'tap';

const run = promisify(execFile);

export const HOST = '127.0.0.1';
const STARTED_WITHIN = 15_000;
/** Below the kernel's ephemeral range, so that a restarted server finds its port free. */
const PORTS = { first: 12_000, count: 20_000 };

/** For `skip`: why there is no Redis here. In CI, where everything is tested, its absence is a failure. */
export const noRedis: string | false = process.env['CI'] !== undefined || onPath('redis-server') !== undefined ? false : 'no redis-server: apt-get install redis-server';

export type Settings = Readonly<Record<string, string>>;
type Teardown = Pick<Test, 'teardown'>;

/** A `redis-server` process in a folder of its own; both are removed when the test ends. */
export interface RedisServer {
  readonly port: number;
  readonly folder: string;
  /** `127.0.0.1:port`. */
  readonly address: string;
  /** The pid of the current process. */
  readonly pid: () => number;
  /** Everything it has printed. */
  readonly said: () => string;
  /** Runs a command through `redis-cli` as the administrator. Throws on an error reply. */
  readonly cli: (...command: readonly string[]) => Promise<string>;
  /** CONFIG SET. */
  readonly set: (name: string, value: string) => Promise<void>;
  /** Terminates it (with SIGKILL by default, like a crash), and waits until it is gone. */
  readonly kill: (signal?: NodeJS.Signals) => Promise<void>;
  /** Suspends it: connections stay open, but nothing is answered. */
  readonly pause: () => void;
  readonly resume: () => void;
  /** Restarts it on the same files and port, with other settings if given, and waits until it is ready. */
  readonly start: (settings?: Settings) => Promise<void>;
  /** The same without waiting: it may still be loading its files. */
  readonly startOnly: (settings?: Settings) => Promise<void>;
}

export interface ServerOptions {
  /** Override those of a durable server. Names and values as in redis.conf. */
  readonly settings?: Settings;
  /** Further lines of redis.conf, such as `user …`. */
  readonly lines?: readonly string[];
  /** How `redis-cli` reaches it: TLS files, user, password. */
  readonly access?: readonly string[];
  /** A program to run it under, such as strace with its options. */
  readonly under?: readonly string[];
  readonly sentinel?: boolean;
  readonly port?: number;
}

/** What the service requires of Redis: every write is on disk before the reply, and nothing is evicted. */
const DURABLE: Settings = { appendonly: 'yes', appendfsync: 'always', 'maxmemory-policy': 'noeviction', save: '""' };

/** Starts a standalone server, durable unless the settings say otherwise. */
export async function startRedis(t: Teardown, options: ServerOptions = {}): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'chancery-redis-'));
  let server: ChildProcess | undefined;
  let pid = 0;
  let said = '';
  let port = options.port ?? await freePort();
  const { access = [], under = [], sentinel = false } = options;

  const configure = (settings: Settings): string => {
    const file = join(folder, 'redis.conf');
    const tls = settings['tls-cert-file'] !== undefined;
    const all: Settings = {
      bind: HOST, port: tls ? '0' : String(port), ...(tls ? { 'tls-port': String(port) } : {}), dir: folder, 'enable-debug-command': 'yes',
      ...(sentinel ? {} : DURABLE), ...settings,
    };
    const lines = Object.entries(all).filter(([name]) => !(sentinel && name === 'enable-debug-command')).map(([name, value]) => `${name} ${value}`);
    writeFileSync(file, `${[...lines, ...options.lines ?? []].join('\n')}\n`);
    return file;
  };
  const startOnly = async (settings: Settings): Promise<void> => {
    // A sentinel stores its state in its configuration file.
    const file = sentinel && existsSync(join(folder, 'redis.conf')) ? join(folder, 'redis.conf') : configure({ ...options.settings, ...settings });
    const [program = '', ...rest] = [...mortal(), ...under, 'redis-server', file, ...(sentinel ? ['--sentinel'] : [])];
    const child = spawn(program, rest, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    server = child;
    const from = said.length;
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (more: string) => (said += more));
    await until('redis-server to start', () => {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`redis-server did not start: ${said.slice(from)}`);
      return /pid=(\d+), just started/.test(said.slice(from)) && /Running mode=/.test(said.slice(from));
    });
    pid = Number(/pid=(\d+), just started/.exec(said.slice(from))?.[1]);
  };
  const kill = async (signal: NodeJS.Signals = 'SIGKILL'): Promise<void> => {
    const child = server;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    process.kill(pid, signal);
    await gone;
  };
  t.teardown(async () => {
    await kill().catch(() => undefined);
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  const self: RedisServer = {
    get port() { return port; },
    folder,
    get address() { return `${HOST}:${port}`; },
    pid: () => pid,
    said: () => said,
    async cli(...command) {
      // -e: an error reply exits with a failure, and is printed on standard error.
      const { stdout } = await run('redis-cli', ['-e', '-h', HOST, '-p', String(port), ...access, ...command], { timeout: 10_000 });
      return stdout.trimEnd();
    },
    set: async (name, value) => void await self.cli('CONFIG', 'SET', name, value),
    kill,
    pause: () => void process.kill(pid, 'SIGSTOP'),
    resume: () => void process.kill(pid, 'SIGCONT'),
    start: async (settings = {}) => {
      await startOnly(settings);
      await ready(self);
    },
    startOnly: (settings = {}) => startOnly(settings),
  };
  for (let attempt = 0; ; attempt += 1) {
    try {
      await self.start();
      return self;
    } catch (error) {
      // Another program took the port first.
      if (attempt === 3 || options.port !== undefined || !/in use/.test(String(error))) throw error;
      port = await freePort();
    }
  }
}

/** Waits until it answers and has loaded its files. */
const ready = (server: RedisServer): Promise<void> =>
  until('redis-server to answer', async () => (await server.cli('PING').catch(() => '')) === 'PONG');

/** Makes a program end with this process, where the system supports that, so that no server outlives a killed test. */
const mortal = (): readonly string[] => (onPath('setpriv') === undefined ? [] : ['setpriv', '--pdeathsig', 'KILL', '--']);

function onPath(program: string): string | undefined {
  return (process.env['PATH'] ?? '').split(':').map((folder) => join(folder, program)).find((path) => existsSync(path));
}

export async function until(what: string, check: () => boolean | Promise<boolean>, within = STARTED_WITHIN): Promise<void> {
  const end = Date.now() + within;
  while (!await check()) {
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = PORTS.first + Math.floor(Math.random() * PORTS.count);
    const free = await new Promise<boolean>((resolve) => {
      const probe = createServer().once('error', () => resolve(false));
      probe.listen(port, HOST, () => probe.close(() => resolve(true)));
    });
    if (free) return port;
  }
}
