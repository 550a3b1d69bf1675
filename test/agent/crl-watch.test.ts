import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { alarm, backOff, pauseUnless } from '../../src/agent/crl/alarm.ts';
import { owedCommand } from '../../src/agent/crl/owed-command.ts';
import { fileTarget } from '../../src/agent/crl/targets.ts';
import { type CrlWatch, crlWatch } from '../../src/agent/crl/watch.ts';
import type { LoadedAuthorities } from '../../src/authority/authority.ts';
import { parseCrl } from '../../src/x509/crl.ts';
import { decodeCrlNumber } from '../../src/x509/crl-extensions.ts';
import { OID } from '../../src/x509/oids.ts';
import { makeTestAuthorities } from '../helpers/authority.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { type CrlSample, signCrl } from './sign-crl.ts';

/** A web server that serves whatever it is told to, as a mirror would. */
interface Mirror {
  readonly url: string;
  /** Path -> body; undefined is 404. */
  readonly bodies: Map<string, Buffer>;
  readonly asked: { readonly path: string; readonly etag: string | undefined; readonly since: string | undefined; readonly status: number }[];
  status: number | undefined;
  readonly server: Server;
}

async function mirror(t: Test): Promise<Mirror> {
  const bodies = new Map<string, Buffer>();
  const asked: Mirror['asked'] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    const body = bodies.get(path);
    const etag = body === undefined ? '' : `"${body.toString('hex', body.length - 8)}"`;
    const same = request.headers['if-none-match'] === etag || (request.headers['if-modified-since'] !== undefined && body !== undefined && Date.parse(request.headers['if-modified-since']) >= parseCrl(body).thisUpdate * 1000);
    const status = self.status ?? (body === undefined ? 404 : same ? 304 : 200);
    asked.push({ path, etag: request.headers['if-none-match'], since: request.headers['if-modified-since'], status });
    response.writeHead(status, { etag, connection: 'close' }).end(status === 200 ? body : undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const self: Mirror = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, bodies, asked, status: undefined, server };
  t.teardown(() => new Promise((resolve) => server.close(resolve)));
  return self;
}

interface Scene {
  readonly folder: string;
  readonly file: string;
  readonly mirror: Mirror;
  readonly authorities: LoadedAuthorities;
  readonly told: string[];
  readonly watch: CrlWatch;
  readonly serve: (sample: CrlSample, authority?: 'root' | 'issuing') => void;
  readonly numbers: () => bigint[];
  clock: number;
  /** Another watch of the same file, as after a restart. */
  readonly again: () => CrlWatch;
  readonly ran: number[];
}

async function scene(t: Test, names: readonly ('root' | 'issuing')[] = ['issuing']): Promise<Scene> {
  const { data, authorities } = await makeTestAuthorities();
  const folder = temporaryFolder();
  const from = await mirror(t);
  const told: string[] = [];
  const ran: number[] = [];
  const file = join(folder, 'crl.pem');
  const target = fileTarget(file, 'pem');
  const again = (): CrlWatch => crlWatch({
    target, poll: 60_000,
    find: () => Promise.resolve(names.map((name) => ({ authority: name, address: new URL(`${from.url}/${name}.crl`), issuer: authorities[name].certificate }))),
    command: owedCommand({ marker: target.marker, debounce: 1, failed: () => {}, command: () => { ran.push(ran.length); return Promise.resolve(); } }),
  }, { now: () => self.clock, random: () => 0.5, tell: (level, event, message) => told.push(`${level} ${event} ${message}`) });
  const self: Scene = {
    folder, file, mirror: from, authorities, told, ran, again, watch: again(), clock: Date.now(),
    serve: (sample, authority = 'issuing') => void from.bodies.set(`/${authority}.crl`, signCrl(data, authorities[authority], sample)),
    numbers: () => target.read().map((der) => decodeCrlNumber(parseCrl(der).extensions.find(({ oid }) => oid === OID.cRLNumber)?.value ?? new Uint8Array())),
  };
  return self;
}

t.test('a new CRL is put in place once, and asked for by its tag from then on', async (t) => {
  const at = await scene(t);
  at.serve({ number: 1 });
  t.equal(await at.watch.look(), true);
  t.same(at.numbers(), [1n]);
  t.equal(await at.watch.look(), true);
  at.serve({ number: 2, serials: ['0a'] });
  t.equal(await at.watch.look(), true);
  t.same(at.numbers(), [2n]);
  t.same(at.mirror.asked.map(({ status }) => status), [200, 304, 200]);
  t.match(at.mirror.asked[1]?.etag, /^"/);
  t.match(at.told, [/^info updated issuing: CRL 1 with 0 entries is in/, /CRL 2 with 1 entry is in/]);
  t.equal(await at.again().look(), true);
  t.match(at.mirror.asked.at(-1), { since: /GMT$/, status: 304 }, 'after a restart it asks by the time of the CRL that it has');
  t.equal(at.told.length, 2);
});

t.test('what is wrong is told and leaves the good one in place', async (t) => {
  const at = await scene(t);
  at.serve({ number: 5 });
  await at.watch.look();
  const good = readFileSync(at.file);
  const spoilt = Buffer.from(at.mirror.bodies.get('/issuing.crl') ?? '');
  spoilt.writeUInt8(1, spoilt.length - 1);
  const cases: readonly (readonly [string, () => void, RegExp])[] = [
    ['an older number', () => at.serve({ number: 4 }), /number 4, older than 5/],
    ['the same number, other content', () => at.serve({ number: 5, serials: ['0a'] }), /same number/],
    ['a spoilt signature', () => at.mirror.bodies.set('/issuing.crl', spoilt), /refused/],
    ['a page', () => at.mirror.bodies.set('/issuing.crl', Buffer.from('<html>'.repeat(10))), /refused/],
    ['another authority\'s', () => { at.serve({ number: 9 }, 'root'); at.mirror.bodies.set('/issuing.crl', at.mirror.bodies.get('/root.crl') ?? Buffer.alloc(0)); }, /another issuer/],
    ['one from the future', () => at.serve({ number: 9, thisUpdate: Math.floor(Date.now() / 1000) + 600 }), /becomes valid in \d+ s/],
    ['an answer that is none', () => { at.mirror.status = 500; }, /answered 500/],
  ];
  for (const [what, prepare, words] of cases) {
    prepare();
    at.told.length = 0;
    t.equal(await at.watch.look(), false, what);
    t.match(at.told.join('\n'), words, what);
    t.ok(readFileSync(at.file).equals(good), what);
  }
  at.mirror.status = undefined;
  at.serve({ number: 6 });
  t.equal(await at.watch.look(), true);
  t.same(at.numbers(), [6n]);
});

t.test('of several authorities the file holds all or is not written', async (t) => {
  const at = await scene(t, ['root', 'issuing']);
  at.serve({ number: 1 });
  t.equal(await at.watch.look(), false);
  t.notOk(existsSync(at.file));
  t.match(at.told.join('\n'), /not written: there is no CRL yet from root/);
  at.serve({ number: 3 }, 'root');
  t.equal(await at.watch.look(), true);
  t.same(at.numbers(), [3n, 1n]);
  at.mirror.bodies.delete('/root.crl');
  at.serve({ number: 2 });
  t.equal(await at.watch.look(), false);
  t.same(at.numbers(), [3n, 2n], 'the last good one of the other stays');
});

t.test('a file that somebody else changed or removed is mended', async (t) => {
  const at = await scene(t);
  at.serve({ number: 3 });
  await at.watch.look();
  const three = readFileSync(at.file);
  rmSync(at.file);
  t.equal(await at.watch.look(), true);
  t.same(at.numbers(), [3n]);
  at.serve({ number: 4, thisUpdate: Math.floor(at.clock / 1000) - 5 });
  await at.watch.look();
  writeFileSync(at.file, three);
  t.equal(await at.watch.look(), true, 'an old copy');
  t.same(at.numbers(), [4n]);
  writeFileSync(at.file, 'nonsense');
  t.equal(await at.watch.look(), true);
  t.same(at.numbers(), [4n]);
});

t.test('a folder that cannot be written to is told, and tried again', async (t) => {
  const at = await scene(t);
  at.serve({ number: 1 });
  const target = fileTarget(join(at.folder, 'missing', 'crl.pem'), 'pem');
  const told: string[] = [];
  const watch = crlWatch({ target, poll: 1000, command: undefined, find: () => Promise.resolve([{ authority: 'issuing', address: new URL(`${at.mirror.url}/issuing.crl`), issuer: at.authorities.issuing.certificate }]) }, { now: Date.now, random: Math.random, tell: (_level, _event, message) => told.push(message) });
  t.equal(await watch.look(), false);
  t.match(told.join(), 'ENOENT');
  const { mkdirSync } = await import('node:fs');
  mkdirSync(join(at.folder, 'missing'));
  t.equal(await watch.look(), true);
});

t.test('a CRL that is about to end, or has ended, is told of once an hour, also while nobody answers', async (t) => {
  const at = await scene(t);
  const begun = Math.floor(at.clock / 1000) - 10;
  at.serve({ number: 1, thisUpdate: begun, life: 1000 });
  t.equal(await at.watch.look(), true);
  at.mirror.status = 503;
  at.clock = (begun + 950) * 1000;
  at.told.length = 0;
  for (let n = 0; n < 3; n += 1) t.equal(await at.watch.look(), false);
  t.equal(at.told.filter((line) => /^warn ending issuing: .* expires at/.test(line)).length, 1);
  at.clock = (begun + 1001) * 1000;
  for (let n = 0; n < 3; n += 1) await at.watch.look();
  t.equal(at.told.filter((line) => /^error ended issuing: .* expired at/.test(line)).length, 1);
  at.clock += 3_600_000;
  await at.watch.look();
  t.equal(at.told.filter((line) => line.startsWith('error ended')).length, 2);
  at.mirror.status = undefined;
  t.equal(await at.watch.look(), false, 'what has ended is not good, though it is what is served');
});

t.test('it is looked again when called, after a while, and sooner after a failure', async (t) => {
  const at = await scene(t);
  const stop = new AbortController();
  const news = alarm();
  const running = at.watch.run(news, pauseUnless(stop.signal), stop.signal);
  const until = async (what: () => boolean): Promise<void> => {
    for (let n = 0; n < 2000 && !what(); n += 1) await new Promise((resolve) => setTimeout(resolve, 10));
    t.ok(what(), 'within twenty seconds');
  };
  await until(() => at.mirror.asked.length === 2);
  at.serve({ number: 1 });
  await until(() => existsSync(at.file));
  await until(() => at.ran.length === 1);
  at.serve({ number: 2 });
  news.call();
  await until(() => at.numbers()[0] === 2n);
  await until(() => at.ran.length === 2);
  at.serve({ number: 2 });
  at.watch.expect('issuing', 3n);
  const before = at.mirror.asked.length;
  news.call();
  await until(() => at.mirror.asked.length >= before + 3);
  at.serve({ number: 3, thisUpdate: Math.floor(at.clock / 1000) - 5 });
  await until(() => at.numbers()[0] === 3n);
  stop.abort();
  await running;
  t.equal(backOff(1, 60_000, () => 1), 1000);
  t.equal(backOff(1, 60_000, () => 0), 500);
  t.equal(backOff(5, 60_000, () => 1), 16_000);
  t.equal(backOff(50, 60_000, () => 1), 60_000);
});
