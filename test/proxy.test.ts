import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { temporaryFolder } from './helpers/folder.ts';
import { freePort } from './helpers/redis.ts';
import { repositoryFile } from './repository.ts';

/** A replica as the proxy sees it: it lives, and is ready or not. */
async function replica(t: Test, name: string): Promise<{ readonly port: number; ready: boolean }> {
  const server: Server = createServer((request, reply) => {
    reply.statusCode = request.url === '/readyz' && !state.ready ? 503 : 200;
    reply.end(name);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  const state = { port: (server.address() as AddressInfo).port, ready: true };
  return state;
}

/** deploy/haproxy.cfg with these replicas in place of those that Docker's name server tells. */
async function startProxy(t: Test, ports: readonly number[]): Promise<string> {
  const [https, http] = [await freePort(), await freePort()];
  const config = readFileSync(repositoryFile('deploy/haproxy.cfg'), 'utf8')
    .replace(/^resolvers docker\n(?: .*\n)*/m, '').replace('bind :8443', `bind 127.0.0.1:${https}`).replace('bind :8080', `bind 127.0.0.1:${http}`)
    .replace(/^ {2}server-template replica 1-16 chancery:\S+ check(?: port 8080)? inter 2s (.*) resolvers docker resolve-prefer ipv4 init-addr none(.*)$/gm,
      (_line, check: string, more: string) => ports.map((port, at) => `  server replica${at} 127.0.0.1:${port} check inter 200ms ${check}${more}`).join('\n'));
  const file = join(temporaryFolder('proxy'), 'haproxy.cfg');
  writeFileSync(file, config);
  const proxy = spawn('haproxy', ['-db', '-f', file], { stdio: 'ignore' });
  t.teardown(async () => {
    proxy.kill('SIGKILL');
    if (proxy.exitCode === null && proxy.signalCode === null) await once(proxy, 'exit');
  });
  return `http://127.0.0.1:${http}/crl/root.crl`;
}

/** Who answers, or nobody. */
const answered = async (url: string): Promise<string> => {
  try {
    return await (await fetch(url, { headers: { connection: 'close' }, signal: AbortSignal.timeout(1000) })).text();
  } catch {
    return 'nobody';
  }
};

async function until(url: string, wanted: string): Promise<boolean> {
  for (const end = Date.now() + 10_000; Date.now() < end; await sleep(50)) if (await answered(url) === wanted) return true;
  return false;
}

/** Whether ten calls in a row end as wanted, once the proxy has looked at its servers: 20 seconds at most. */
async function settled(url: string, wanted: (name: string) => boolean): Promise<boolean> {
  for (const end = Date.now() + 20_000; Date.now() < end; await sleep(50)) {
    const names = [await answered(url)];
    while (names.length < 10 && names.every(wanted)) names.push(await answered(url));
    if (names.every(wanted)) return true;
  }
  return false;
}

t.test('CRLs are found behind the proxy also where no replica is ready, as when the issuing authority was revoked', {
  skip: spawnSync('haproxy', ['-v']).status === 0 ? false : 'haproxy is not here',
}, async (t) => {
  const [one, other] = [await replica(t, 'one'), await replica(t, 'other')];
  const url = await startProxy(t, [one.port, other.port]);
  one.ready = false;
  t.ok(await settled(url, (name) => name === 'other'), 'where one is ready, it is asked alone');
  other.ready = false;
  t.ok(await settled(url, (name) => name !== 'nobody'), 'where none is, those that live are');
  one.ready = true;
  t.ok(await until(url, 'one'));
});
