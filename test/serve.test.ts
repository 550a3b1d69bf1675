import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { makeCsr, openssl } from './helpers/openssl.ts';

t.setTimeout(60_000);

const MAIN = join(dirname(fileURLToPath(import.meta.url)), '..', 'src', 'main.js');
const PORTS = { CHANCERY_LISTEN__HTTPS: '127.0.0.1:0', CHANCERY_LISTEN__HTTP: '127.0.0.1:0', CHANCERY_LISTEN__METRICS: '127.0.0.1:0' };

interface Served {
  readonly process: ChildProcess;
  readonly addresses: Record<string, string>;
  readonly printed: () => string;
  readonly logged: () => string;
  readonly milliseconds: number;
  readonly stop: (signal?: NodeJS.Signals) => Promise<number | null>;
}

function folderOf(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'chancery-serve-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Starts the program as a user does, and waits for its line `ready`. */
function serve(t: Test, folder: string, args: readonly string[] = [], settings: Readonly<Record<string, string>> = {}): Promise<Served> {
  const started = performance.now();
  const child = spawn(process.execPath, [MAIN, 'serve', ...args], { cwd: folder, env: { PATH: process.env['PATH'], ...PORTS, ...settings }, stdio: ['ignore', 'pipe', 'pipe'] });
  let printed = '';
  let told = '';
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  t.teardown(() => void child.kill('SIGKILL'));
  child.stderr.on('data', (data) => (told += String(data)));
  return new Promise((resolve, reject) => {
    void ended.then((status) => reject(new Error(`ended with ${status}: ${told}`)));
    child.stdout.on('data', (data) => {
      printed += String(data);
      const line = /^ready (.*)$/m.exec(printed)?.[1];
      if (line === undefined) return;
      const addresses = Object.fromEntries(line.split(' ').map((pair) => pair.split(/=(.*)/).slice(0, 2) as [string, string]));
      resolve({
        process: child, addresses, printed: () => printed, logged: () => told, milliseconds: performance.now() - started,
        stop: (signal = 'SIGTERM') => {
          child.kill(signal);
          return ended;
        },
      });
    });
  });
}

/** A line that was printed to be pasted, run by a shell as it stands. */
function paste(line: string, folder: string): Promise<{ readonly status: number | null; readonly text: string }> {
  return new Promise((resolve) => {
    const child = spawn('sh', ['-c', line], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (text += String(data)));
    child.once('close', (status) => resolve({ status, text }));
  });
}

const printedLine = (served: Served, part: string): string => served.printed().split('\n').find((line) => line.includes(part))?.trim() ?? `no line with ${part}`;

const until = async (holds: () => boolean): Promise<void> => {
  for (let look = 0; look < 1000 && !holds(); look += 1) await new Promise((resolve) => setTimeout(resolve, 20));
};

t.test('the first start makes an authority, and the printed lines work as printed', async (t) => {
  const folder = folderOf(t);
  const first = await serve(t, folder);
  await until(() => first.printed().includes('enroll'));
  const root = join(folder, 'chancery-data', 'root.pem');
  t.equal((await paste(printedLine(first, 'openssl req'), folder)).status, 0);
  const curl = await paste(`${printedLine(first, 'curl --cacert')} -sS -o curl.pem`, folder);
  t.equal(curl.status, 0, curl.text);
  t.match(openssl('verify', '-CAfile', root, '-untrusted', join(folder, 'curl.pem'), join(folder, 'curl.pem')), 'OK');
  const enroll = await paste(printedLine(first, ' enroll ').replace(/^\S*chancery\.mjs/, `${process.execPath} ${MAIN}`), folder);
  t.equal(enroll.status, 0, enroll.text);
  t.match(openssl('verify', '-CAfile', join(folder, 'node1', 'ca.pem'), '-untrusted', join(folder, 'node1', 'cert.pem'), join(folder, 'node1', 'cert.pem')), 'OK');
  t.equal(await first.stop(), 0);

  const before = readFileSync(root, 'utf8');
  const second = await serve(t, folder);
  t.equal(readFileSync(root, 'utf8'), before, 'a second start keeps the authority');
  t.comment(`ready after ${second.milliseconds.toFixed(0)} ms`);
  t.equal((await paste(`${printedLine(first, 'curl --cacert').replace(/'https:[^']*'/, `'${second.addresses['https']}/v1/requests?profile=server'`)} -sS -f -o again.pem`, folder)).status, 0);
  t.equal(readFileSync(join(folder, 'again.pem'), 'utf8'), readFileSync(join(folder, 'curl.pem'), 'utf8'), 'and the token, its use and the certificate');
  t.equal(await second.stop('SIGINT'), 0);
});

t.test('an operator\'s certificate that was made on another store is told, with what to do', async (t) => {
  const folder = folderOf(t);
  const first = await serve(t, folder);
  t.notMatch(first.logged(), 'nobody is an operator by it');
  await first.stop();
  const elsewhere = { CHANCERY_STORE__URL: `embedded:${join(folder, 'elsewhere')}` };
  const second = await serve(t, folder, [], elsewhere);
  await until(() => second.logged().includes('nobody is an operator by it'));
  t.match(second.logged(), /"level":40.*operator\/cert\.pem is not in this store, so it makes nobody an operator; `chancery init --operator` makes another one/);
  await second.stop();
  const made = await paste(`CHANCERY_STORE__URL='${elsewhere.CHANCERY_STORE__URL}' ${process.execPath} ${MAIN} init --operator`, folder);
  t.equal(made.status, 0, made.text);
  const third = await serve(t, folder, [], elsewhere);
  t.notMatch(third.logged(), 'nobody is an operator by it');
  await third.stop();
});

t.test('several workers share the listeners and the store; one that dies is started again', async (t) => {
  const folder = folderOf(t);
  const served = await serve(t, folder, ['--workers', '2']);
  await until(() => served.printed().includes('enroll'));
  const root = join(folder, 'chancery-data', 'root.pem');
  const curl = printedLine(served, 'curl --cacert');
  makeCsr(folder, 'node', { san: 'DNS:node1.example.com' });
  const texts = new Set<string>();
  for (let call = 0; call < 6; call += 1) {
    const { status, text } = await paste(`${curl} -sSf`, folder);
    t.equal(status, 0, text);
    texts.add(text);
  }
  t.equal(texts.size, 1, 'the same CSR gets the same certificate from every worker');
  t.match([...texts][0], 'BEGIN CERTIFICATE');
  const metrics = await (await fetch(`${served.addresses['metrics']}/metrics`)).text();
  t.match(metrics, /chancery_requests_total\{state="issued",profile="server"\} 1$/m, 'the metrics are those of all');

  const { text: children } = await paste(`pgrep -P ${served.process.pid}`, folder);
  const worker = Number(children.split('\n')[0]);
  process.kill(worker, 'SIGKILL');
  await until(() => !existsSync(`/proc/${worker}`));
  for (let call = 0; call < 4; call += 1) t.equal((await paste(`${curl} -sSf --retry 5 --retry-connrefused`, folder)).status, 0, 'it still serves');
  t.match(openssl('x509', '-in', root, '-noout', '-subject'), 'Chancery Development Root');
  t.equal(await served.stop(), 0);
});

t.test('workers that cannot listen end all, with one clear line', async (t) => {
  const folder = folderOf(t);
  const taken = createServer();
  await new Promise<void>((resolve) => void taken.listen(0, '127.0.0.1', resolve));
  t.teardown(() => void taken.close());
  const { port } = taken.address() as AddressInfo;
  for (const listener of ['HTTP', 'METRICS']) {
    const failed = await serve(t, folder, ['--workers', '2'], { [`CHANCERY_LISTEN__${listener}`]: `127.0.0.1:${port}` }).catch((error: Error) => error.message);
    t.match(failed, new RegExp(`^ended with 1: ((No authority|\\{).*\\n)*chancery: .*EADDRINUSE.*127\\.0\\.0\\.1:${port}; free it, or set another address: listen\\.https, .*\\n$`));
  }
  t.notMatch((await paste('readlink /proc/[0-9]*/cwd', '/')).text, folder, 'nothing is left running');
});

t.test('what cannot work is told at once, in one clear line', async (t) => {
  const folder = folderOf(t);
  await t.rejects(serve(t, folder, ['--workers', '0']), { message: /ended with 2/ });
  const served = await serve(t, folder);
  await served.stop();
  await t.rejects(serve(t, folder, ['--config', 'nowhere.yaml']), { message: /nowhere\.yaml/ });
});
