import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openClient } from '../../src/client/chancery-client.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { makeCsr } from '../helpers/openssl.ts';
import { freePort } from '../helpers/redis.ts';
import { MAIN, cleanEnvironment } from './run-cli.ts';
import { type RunningService, startService } from './service.ts';

/** Real servers that read a CRL file, as docs/operations.md has them. */
interface Server {
  readonly program: string;
  readonly version: readonly string[];
  readonly config: (at: Place) => string;
  readonly start: (file: string, folder: string) => readonly string[];
  readonly reload: (file: string, folder: string) => string;
}

interface Place {
  readonly folder: string;
  readonly port: number;
}

const SERVERS: readonly Server[] = [
  {
    program: 'nginx', version: ['-v'],
    config: ({ folder, port }) => `daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log;
events {}
http {
  access_log off; client_body_temp_path ${folder}/b; proxy_temp_path ${folder}/p; fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  server {
    listen 127.0.0.1:${port} ssl; ssl_certificate ${folder}/server.pem; ssl_certificate_key ${folder}/server.key;
    ssl_client_certificate ${folder}/ca.pem; ssl_verify_client on; ssl_verify_depth 2; ssl_crl ${folder}/crl.pem; ssl_session_cache off; ssl_session_tickets off;
    location / { return 200 "hello"; }
  }
}
`,
    start: (file, folder) => ['-p', folder, '-c', file],
    reload: (file, folder) => `nginx -p ${folder} -c ${file} -s reload`,
  },
  {
    program: 'haproxy', version: ['-v'],
    config: ({ folder, port }) => `global
  maxconn 100
defaults
  mode http
  timeout client 5s
  timeout server 5s
  timeout connect 5s
frontend tls
  bind 127.0.0.1:${port} ssl crt ${folder}/both.pem ca-file ${folder}/ca.pem crl-file ${folder}/crl.pem verify required no-tls-tickets
  http-request return status 200 content-type text/plain string hello
`,
    start: (file, folder) => ['-W', '-db', '-p', join(folder, 'pid'), '-f', file],
    reload: (_file, folder) => `kill -USR2 $(head -n 1 ${folder}/pid)`,
  },
];

async function issue(service: RunningService, folder: string, name: string, profile: string, as: string): Promise<string> {
  const operator = (file: string): string => readFileSync(join(service.data, 'operator', file), 'utf8');
  const client = openClient({
    url: new URL(service.https), roots: [readFileSync(join(service.data, 'root.pem'), 'utf8')],
    credentials: { kind: 'certificate', certificate: operator('cert.pem'), key: operator('key.pem') },
  });
  const { serial = '', certificate = '', chain = [] } = await client.createRequest({ csr: readFileSync(makeCsr(folder, as, { san: `DNS:${name}` }).csr, 'utf8'), profile });
  client.close();
  writeFileSync(join(folder, `${as}.pem`), certificate + chain.join(''));
  return serial;
}

function run(t: Test, command: string, args: readonly string[]): ChildProcess {
  const child = spawn(command, args, { stdio: 'ignore', env: cleanEnvironment() });
  t.teardown(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
  });
  return child;
}

/** What the server answers to a client with this certificate. */
const ask = (folder: string, port: number, as: string): string =>
  spawnSync('curl', ['-s', '--max-time', '5', '--cacert', join(folder, 'root.pem'), '--cert', join(folder, `${as}.pem`), '--key', join(folder, `${as}.key`), `https://localhost:${port}/`], { encoding: 'utf8' }).stdout;

async function until(what: () => boolean, within = 15_000): Promise<number> {
  const started = performance.now();
  while (!what()) {
    if (performance.now() - started > within) throw new Error(`not within ${within} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return performance.now() - started;
}

for (const server of SERVERS) {
  const missing = spawnSync(server.program, server.version).error === undefined ? false : `no ${server.program}: apt-get install ${server.program}`;
  t.test(`${server.program} refuses a client within seconds of its revocation, and no other`, { skip: missing, timeout: 60_000 }, async (t) => {
    const service = await startService();
    t.teardown(() => service.kill());
    const folder = temporaryFolder(server.program);
    const port = await freePort();
    await issue(service, folder, 'localhost', 'server', 'server');
    const bad = await issue(service, folder, 'bad.example.com', 'client', 'bad');
    await issue(service, folder, 'good.example.com', 'client', 'good');
    const pem = (path: string): string => readFileSync(path, 'utf8');
    writeFileSync(join(folder, 'root.pem'), pem(join(service.data, 'root.pem')));
    writeFileSync(join(folder, 'ca.pem'), pem(join(service.data, 'root.pem')) + pem(join(service.data, 'authorities', 'issuing', 'cert.pem')));
    writeFileSync(join(folder, 'both.pem'), pem(join(folder, 'server.pem')) + pem(join(folder, 'server.key')));
    const config = join(folder, 'config');
    writeFileSync(config, server.config({ folder, port }));
    const crl = join(folder, 'crl.pem');
    const reloaded = join(folder, 'reloaded');
    const args = ['crl', 'watch', '--url', service.https, '--ca', join(folder, 'root.pem'), '--out', crl];
    t.equal(spawnSync(process.execPath, [MAIN, ...args, '--once'], { env: cleanEnvironment() }).status, 0);
    run(t, server.program, server.start(config, folder));
    await until(() => ask(folder, port, 'good') === 'hello');
    t.equal(ask(folder, port, 'bad'), 'hello');
    run(t, process.execPath, [MAIN, ...args, '--exec', `${server.reload(config, folder)} && touch ${reloaded}`]);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    t.notOk(existsSync(reloaded), 'nothing was new');
    const done = await service.cli(['revoke', bad, '--reason', 'keyCompromise']);
    t.equal(done.status, 0, done.stderr);
    const after = await until(() => ask(folder, port, 'bad') !== 'hello');
    t.ok(after < 5000, `refused ${after.toFixed(0)} ms after the answer`);
    t.equal(ask(folder, port, 'good'), 'hello');
  });
}
