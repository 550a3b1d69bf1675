import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openClient } from '../../src/client/chancery-client.ts';
import { outsideRoot } from '../authority/openssl-ca.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { makeCsr, openssl, opensslStatus } from '../helpers/openssl.ts';
import { MAIN, cleanEnvironment, runCli } from './run-cli.ts';
import { type RunningService, serve, startService } from './service.ts';

interface Watching {
  readonly lines: () => readonly Readonly<Record<string, string>>[];
  readonly child: ChildProcess;
  /** Ends it politely. Returns the exit status. */
  readonly stop: () => Promise<number | null>;
}

/** Runs `crl watch` in a process of its own. */
function watch(t: Test, service: RunningService, args: readonly string[]): Watching {
  const child = spawn(process.execPath, [MAIN, 'crl', 'watch', '--json', '--url', service.https, '--ca', join(service.data, 'root.pem'), ...args], {
    env: cleanEnvironment(), stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (part: Buffer) => { text += String(part); });
  t.teardown(() => void child.kill('SIGKILL'));
  return {
    child,
    lines: () => text.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Record<string, string>),
    stop: () => new Promise((resolve) => {
      child.once('close', resolve);
      child.kill('SIGTERM');
    }),
  };
}

async function until(what: () => boolean, within = 15_000): Promise<number> {
  const started = performance.now();
  while (!what()) {
    if (performance.now() - started > within) throw new Error(`not within ${within} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return performance.now() - started;
}

async function issue(service: RunningService, name: string): Promise<{ readonly serial: string; readonly file: string }> {
  const folder = temporaryFolder('leaf');
  const operator = (file: string): string => readFileSync(join(service.data, 'operator', file), 'utf8');
  const client = openClient({
    url: new URL(service.https), roots: [readFileSync(join(service.data, 'root.pem'), 'utf8')],
    credentials: { kind: 'certificate', certificate: operator('cert.pem'), key: operator('key.pem') },
  });
  const { serial = '', certificate = '' } = await client.createRequest({ csr: readFileSync(makeCsr(folder, 'leaf', { san: `DNS:${name}.example.com` }).csr, 'utf8') });
  client.close();
  writeFileSync(join(folder, 'leaf.pem'), certificate);
  return { serial, file: join(folder, 'leaf.pem') };
}

t.test('an OpenSSL directory follows the service through two processes, a kill and a return, and openssl verify sees it', { timeout: 120_000 }, async (t) => {
  const first = await startService([], { CHANCERY_WORKERS: '2' });
  let service = first;
  t.teardown(() => service.kill());
  const folder = join(temporaryFolder('ssl'), 'certs');
  const ran = join(temporaryFolder('ran'), 'ran');
  const watching = watch(t, service, ['--hash-dir', folder, '--exec', `echo "$CRL_TARGET" >> ${ran}`, '--poll', '5s']);
  const runs = (): number => (existsSync(ran) ? readFileSync(ran, 'utf8').split('\n').length - 1 : 0);
  await until(() => runs() === 1);
  for (const name of ['root', 'issuing']) writeFileSync(join(folder, `${name}.pem`), readFileSync(join(service.data, 'authorities', name, 'cert.pem')));
  openssl('rehash', folder);
  const verify = (file: string): string => opensslStatus('verify', '-crl_check_all', '-CApath', folder, file).text;

  const good = await issue(service, 'good');
  const bad = await issue(service, 'bad');
  t.match(verify(bad.file), /leaf\.pem: OK/);
  const revoke = async (serial: string): Promise<void> => {
    const done = await service.cli(['revoke', serial, '--reason', 'superseded']);
    if (done.status !== 0) throw new Error(done.stderr);
  };
  await until(() => watching.lines().some(({ event }) => event === 'connected'));
  await revoke(bad.serial);
  const after = await until(() => verify(bad.file).includes('certificate revoked'));
  t.ok(after < 3000, `refused ${after.toFixed(0)} ms after the answer: ${JSON.stringify(watching.lines())}`);
  t.match(verify(good.file), /leaf\.pem: OK/);
  await until(() => runs() === 2);

  await service.kill();
  await new Promise((resolve) => setTimeout(resolve, 1500));
  t.equal(watching.child.exitCode, null, 'it lives on');
  t.match(verify(bad.file), 'certificate revoked', 'and so does the last good CRL');
  t.match(verify(good.file), /leaf\.pem: OK/);
  service = await serve(first.data, { CHANCERY_WORKERS: '2', CHANCERY_LISTEN__HTTPS: new URL(first.https).host });
  await revoke(good.serial);
  await until(() => verify(good.file).includes('certificate revoked'));
  await until(() => runs() >= 3);
  t.equal(await watching.stop(), 0);
  t.ok(watching.lines().every(({ time }) => !Number.isNaN(Date.parse(time ?? ''))));
});

t.test('once: the exit status tells, and what is there is kept', { timeout: 60_000 }, async (t) => {
  const service = await startService();
  t.teardown(() => service.kill());
  const folder = temporaryFolder('once');
  const file = join(folder, 'issuing.crl');
  const base = ['crl', 'watch', '--once', '--url', service.https, '--ca', join(service.data, 'root.pem')];
  const first = await runCli([...base, '--out', file, '--exec', 'exit 3']);
  t.equal(first.status, 1);
  t.match(first.stdout, /issuing: CRL 1 with 0 entries is in .*issuing\.crl\n/);
  t.match(first.stderr, /^chancery: the command 'exit 3' failed \(exit status 3\); the CRL is in place; it will be run again\n$/);
  t.match(openssl('crl', '-inform', 'DER', '-in', file, '-noout', '-crlnumber'), '0x01');
  const second = await runCli([...base, '--out', file, '--exec', 'echo now']);
  t.equal(second.status, 0, second.stderr);
  t.match(second.stdout, /^now\n/, 'nothing is new, but the command is owed');
  t.equal((await runCli([...base, '--out', file, '--exec', 'exit 3'])).status, 0, 'and now it is not');
  const slow = await runCli([...base, '--out', join(folder, 'other.pem'), '--exec', 'sleep 20 & sleep 20', '--exec-limit', '1']);
  t.equal(slow.status, 1);
  t.match(slow.stderr, 'failed (ended by SIGTERM)');
  t.equal((await runCli([...base, '--authority', 'nobody', '--out', file])).status, 1);

  const mirrored = await runCli(['crl', 'watch', '--once', '--from', `${service.http}/crl/root.crl`, '--issuer', join(service.data, 'root.pem'), '--out', join(folder, 'root.pem')]);
  t.equal(mirrored.status, 0, mirrored.stderr);
  t.match(openssl('crl', '-in', join(folder, 'root.pem'), '-noout', '-crlnumber'), '0x01');
  const foreign = await runCli(['crl', 'watch', '--once', '--from', `${service.http}/crl/issuing.crl`, '--issuer', join(service.data, 'root.pem'), '--out', join(folder, 'never.pem')]);
  t.equal(foreign.status, 1);
  t.match(foreign.stderr, 'from another issuer');
  t.notOk(existsSync(join(folder, 'never.pem')));

  await service.stop();
  const before = statSync(file);
  const away = await runCli([...base, '--out', file]);
  t.equal(away.status, 1);
  t.match(away.stderr, 'service not reachable');
  t.equal(statSync(file).ino, before.ino);
});

t.test('what is wrong usage', async (t) => {
  for (const [args, words] of [
    [[], 'nowhere to put the CRL'],
    [['--out', 'a', '--hash-dir', 'b'], 'both given'],
    [['--out', 'a.pem', '--from', 'http://x/y'], '--from is given alone'],
    [['--out', 'a.pem', '--from', 'ftp://x/y', '--issuer', 'x'], 'not an http address'],
    [['--out', 'a.crl', '--authority', 'a', '--authority', 'b'], 'a DER file holds one CRL'],
    [['--hash-dir', 'b', '--format', 'der'], 'reads only PEM'],
    [['--out', 'a.pem', '--poll', 'often'], 'expected a number'],
  ] as const) {
    const run = await runCli(['crl', 'watch', ...args], { cwd: temporaryFolder('usage') });
    t.equal(run.status, 2, `${args.join(' ')}: ${run.stderr}`);
    t.match(run.stderr, words);
  }
});

t.test('an issuer that is none, or several, is told with its file', async (t) => {
  const folder = temporaryFolder('issuer');
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const [none, two] = [join(folder, 'none.pem'), join(folder, 'two.pem')];
  writeFileSync(none, 'nothing');
  const certificate = outsideRoot(folder, 'Root').pem;
  writeFileSync(two, certificate + certificate);
  for (const [file, words] of [[none, 'is not base64'], [two, '2 blocks of CERTIFICATE were found; one was expected; give that of the authority that signs the CRL, and no other']] as const) {
    const run = await runCli(['crl', 'watch', '--once', '--out', join(folder, 'x.crl'), '--from', 'http://127.0.0.1:1/x.crl', '--issuer', file]);
    t.equal(run.status, 1);
    t.match(run.stderr, `chancery: ${file}: `);
    t.match(run.stderr, words);
  }
});
