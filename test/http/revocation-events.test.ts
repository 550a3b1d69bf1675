import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:https';
import { connect, type TLSSocket } from 'node:tls';
import { join } from 'node:path';
import fastify from 'fastify';
import t, { type Test } from 'tap';
import { followEvents, type ServerEvent } from '../../src/client/event-stream.ts';
import { eventStreams, type EventStream } from '../../src/http/event-streams.ts';
import { makeCsr } from '../helpers/openssl.ts';
import { startTestService, type TestService } from '../helpers/service.ts';

const PATH = '/v1/revocations/events';

interface Listener {
  readonly events: ServerEvent[];
  readonly id: () => string;
  readonly close: () => void;
  readonly closed: Promise<void>;
}

/** A client of the service, over TLS, as `chancery crl watch` has it. */
function listen(t: Test, chancery: TestService, lastEventId = ''): Listener {
  const events: ServerEvent[] = [];
  const stop = new AbortController();
  const agent = new Agent({ ca: chancery.root });
  let id = lastEventId;
  const closed = followEvents({
    url: new URL(PATH, chancery.service.addresses.https), agent, lastEventId, signal: stop.signal, onOpen: () => {}, onEvent: (event) => events.push(event), onId: (next) => { id = next; },
  }).catch(() => {}).finally(() => agent.destroy());
  t.teardown(() => stop.abort());
  return { events, id: () => id, close: () => stop.abort(), closed };
}

async function until(what: () => boolean, within = 10_000): Promise<number> {
  const started = performance.now();
  while (!what()) {
    if (performance.now() - started > within) throw new Error(`not within ${within} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return performance.now() - started;
}

/** Waits until the service counts so many streams, ten seconds at most. @returns how many it counts */
async function streamsAre(chancery: TestService, wanted: number): Promise<number> {
  for (let looks = 0; ; looks += 1) {
    const count = Number(/^chancery_event_streams (\d+)$/m.exec(await (await fetch(`${chancery.service.addresses.metrics ?? ''}/metrics`)).text())?.[1]);
    if (count === wanted || looks === 200) return count;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

let names = 0;
async function issue(chancery: TestService): Promise<string> {
  const name = `n${names += 1}`;
  const csr = readFileSync(makeCsr(chancery.folder, name, { san: `DNS:${name}.example.com` }).csr);
  return (await chancery.call('POST', '/v1/requests?profile=server', { certificate: chancery.operator, headers: { 'content-type': 'application/pkcs10' }, body: csr })).json.serial as string;
}

const revoke = async (chancery: TestService, serial: string, reason = 'superseded'): Promise<void> => {
  const reply = await chancery.call('POST', `/v1/certificates/${serial}/revoke`, { certificate: chancery.operator, body: { reason } });
  if (reply.status !== 200) throw new Error(reply.text);
};

const serialsOf = ({ events }: Listener): string[] => events.filter(({ event }) => event === 'revocation').map(({ data }) => (JSON.parse(data) as { serial: string }).serial);
const crlsOf = ({ events }: Listener): string[] => events.filter(({ event }) => event === 'crl').map(({ data }) => (JSON.parse(data) as { authority: string; number: string })).map(({ authority, number }) => `${authority} ${number}`);

t.test('events over TLS, with the headers that proxies want, also to curl; the CRL that is told can be fetched', async (t) => {
  const chancery = await startTestService(t);
  const root = join(chancery.folder, 'root.pem');
  writeFileSync(root, chancery.root);
  const curl = spawn('curl', ['-siN', '--max-time', '20', '--cacert', root, `${chancery.service.addresses.https ?? ''}${PATH}`], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => curl.kill());
  let text = '';
  curl.stdout.on('data', (part: Buffer) => { text += String(part); });
  await until(() => text.includes('"issuing"'));
  t.match(text, /^HTTP\/1\.1 200 OK\r\n/);
  for (const header of ['content-type: text/event-stream', 'cache-control: no-store', 'x-accel-buffering: no', 'x-content-type-options: nosniff']) t.match(text.toLowerCase(), `\r\n${header}\r\n`);
  const serial = await issue(chancery);
  await revoke(chancery, serial, 'affiliationChanged');
  const after = await until(() => text.includes(serial));
  t.ok(after < 500, `told ${after.toFixed(0)} ms after the answer`);
  await until(() => /event: crl\n.*\n.*"number":"2"/.test(text));
  t.match(text, new RegExp(`event: revocation\\nid: \\S+\\ndata: \\{"authority":"issuing","serial":"${serial}","reason":"affiliationChanged","status":"revoked","at":"[^"]+"\\}\\n\\n`));
  const crl = JSON.parse(text.slice(text.lastIndexOf('data: ') + 6)) as Record<string, string>;
  t.match(crl, { authority: 'issuing', document: 'full', number: '2' });
  t.equal(crl['url'], `${chancery.service.addresses.http ?? ''}/crl/issuing.crl`);
  t.equal((await chancery.plain('GET', '/crl/issuing.crl')).headers.etag, crl['etag']);
});

t.test('a client that comes back goes on exactly where it was, also after a restart', async (t) => {
  const chancery = await startTestService(t);
  const first = listen(t, chancery);
  await until(() => crlsOf(first).length === 2);
  const serials = [await issue(chancery), await issue(chancery), await issue(chancery), await issue(chancery)];
  await revoke(chancery, serials[0] ?? '');
  await until(() => serialsOf(first).length === 1);
  first.close();
  await first.closed;
  await revoke(chancery, serials[1] ?? '');
  const second = listen(t, chancery, first.id());
  await until(() => serialsOf(second).length === 1 && crlsOf(second).length > 0);
  t.same(serialsOf(second), [serials[1]]);
  await chancery.restart();
  t.same(await Promise.race([second.closed.then(() => 'closed'), new Promise((resolve) => setTimeout(resolve, 2000))]), 'closed', 'a service that stops ends its streams');
  await revoke(chancery, serials[2] ?? '');
  const third = listen(t, chancery, second.id());
  await until(() => serialsOf(third).length === 1);
  await revoke(chancery, serials[3] ?? '');
  await until(() => serialsOf(third).length === 2);
  t.same(serialsOf(third), [serials[2], serials[3]]);
  const fourth = listen(t, chancery, first.id());
  await until(() => serialsOf(fourth).length === 3);
  t.same(serialsOf(fourth), serials.slice(1));
  t.notOk([...third.events, ...fourth.events].some(({ event }) => event === 'reset'));
});

t.test('200 clients are told all, and stopping does not wait for them', async (t) => {
  const chancery = await startTestService(t, { settings: { CHANCERY_LIMITS__EVENT_STREAMS_PER_ADDRESS: '300' } });
  const listeners = Array.from({ length: 200 }, () => listen(t, chancery));
  await until(() => listeners.every((listener) => crlsOf(listener).length === 2));
  const serials: string[] = [];
  for (let n = 0; n < 5; n += 1) serials.push(await issue(chancery));
  const latencies: number[] = [];
  for (const [n, serial] of serials.entries()) {
    await revoke(chancery, serial);
    latencies.push(await until(() => listeners.every((listener) => serialsOf(listener).length === n + 1)));
  }
  t.ok(Math.max(...latencies) < 1000, `all 200 were told within ${Math.max(...latencies).toFixed(0)} ms`);
  t.ok(listeners.every((listener) => serialsOf(listener).join() === serials.join()));
  const metrics = await (await fetch(`${chancery.service.addresses.metrics ?? ''}/metrics`)).text();
  t.match(metrics, /^chancery_event_streams 200$/m);
  t.match(metrics, /^chancery_events_sent_total\{event="revocation"\} 1000$/m);
  const started = performance.now();
  await chancery.service.stop();
  t.ok(performance.now() - started < 2500, `stopped within ${(performance.now() - started).toFixed(0)} ms`);
  await Promise.all(listeners.map(({ closed }) => closed));
});

t.test('what is asked for wrongly, and where it is not', async (t) => {
  const chancery = await startTestService(t);
  t.equal((await chancery.call('HEAD', PATH)).status, 405);
  t.equal((await chancery.call('POST', PATH)).status, 405);
  t.equal((await chancery.call('GET', PATH, { headers: { accept: 'application/json' } })).status, 406);
  t.equal((await chancery.call('GET', `${PATH}?since=1`)).status, 400);
  t.equal((await chancery.call('GET', PATH, { headers: { 'last-event-id': 'x'.repeat(9000) } })).status, 400);
  const plain = await chancery.plain('GET', PATH);
  t.equal(plain.status, 403, 'without TLS anybody in between could hide or invent a revocation');
  t.equal(plain.json.type, 'urn:chancery:error:tls-required');
  const unknown = listen(t, chancery, 'an-id-of-somebody-else');
  await until(() => unknown.events.length === 3);
  t.same(unknown.events.map(({ event }) => event), ['reset', 'crl', 'crl']);
  t.match(JSON.parse(unknown.events[0]?.data ?? '{}'), { detail: /fetch the CRL again/ });
  unknown.close();

  const serial = await issue(chancery);
  await revoke(chancery, serial);
  const url = new URL(`${PATH}?lastEventId=${encodeURIComponent('issuing/0/9/0;root/0/9/0')}`, chancery.service.addresses.https);
  const text = await new Promise<string>((resolve) => {
    let all = '';
    const call = get(url, { ca: chancery.root, agent: false }, (response) => response.on('data', (part: Buffer) => {
      all += String(part);
      if (!all.includes('data:')) return;
      call.destroy();
      resolve(all);
    }));
    call.on('error', () => {});
  });
  t.match(text, 'event: reset', 'the id may stand in the query too');
});

t.test('streams are bounded, in all and for each address, and a place becomes free again', async (t) => {
  const chancery = await startTestService(t, { settings: { CHANCERY_LIMITS__EVENT_STREAMS: '4', CHANCERY_LIMITS__EVENT_STREAMS_PER_ADDRESS: '3' } });
  const listeners = [listen(t, chancery), listen(t, chancery), listen(t, chancery)];
  await until(() => listeners.every((listener) => listener.id() !== ''));
  const refused = await chancery.call('GET', PATH);
  t.equal(refused.status, 429);
  t.ok(Number(refused.headers['retry-after']) > 0);
  listeners[0]?.close();
  await listeners[0]?.closed;
  await streamsAre(chancery, 2);
  const next = listen(t, chancery);
  await until(() => next.id() !== '');
  await chancery.restart({ CHANCERY_LIMITS__EVENT_STREAMS: '0' });
  t.equal((await chancery.call('GET', PATH)).status, 503);
});

t.test('a client that reads too slowly is dropped; the others are not, and it can go on', async (t) => {
  const ends: string[] = [];
  const streams = eventStreams({ limits: { streams: 10, perAddress: 10 }, opened: () => {}, ended: (why) => ends.push(why) });
  const open: EventStream[] = [];
  const app = fastify();
  app.get('/', (request, reply) => void open.push(streams.open(request, reply)));
  t.teardown(() => app.close());
  const url = new URL(await app.listen({ port: 0 }));
  let got = 0;
  const fast = await fetch(url);
  void (async () => { for await (const part of fast.body as unknown as AsyncIterable<Uint8Array>) got += part.length; })().catch(() => {});
  const { createConnection } = await import('node:net');
  const slow = createConnection({ port: Number(url.port), host: '127.0.0.1' });
  slow.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  slow.pause();
  slow.on('error', () => {});
  t.teardown(() => slow.destroy());
  await until(() => open.length === 2);
  const text = `data: ${'x'.repeat(16_000)}\n\n`;
  let pushed = 0;
  // What the kernel takes for it (some MB) counts for nothing here.
  while (ends.length === 0 && pushed < 4000) {
    for (const stream of open) stream.push(text);
    pushed += 1;
    if (pushed % 4 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  t.same(ends, ['slow'], `after ${((pushed * text.length) / 1e6).toFixed(1)} MB`);
  t.same(open.map((stream) => stream.ended()), [false, true]);
  t.equal(await open[1]?.write('data: more\n\n'), false);
  await until(() => got > pushed * text.length);
  streams.stop();
  await until(() => ends.length === 2);
  t.same(ends, ['slow', 'stopped']);
});

t.test('a client that only connects holds nothing but its place, and one that vanishes leaves it', async (t) => {
  const chancery = await startTestService(t);
  const { hostname, port } = new URL(chancery.service.addresses.https ?? '');
  const socket: TLSSocket = connect({ host: hostname, port: Number(port), ca: chancery.root, servername: 'localhost' });
  await new Promise((resolve) => socket.once('secureConnect', resolve));
  socket.write(`GET ${PATH} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
  await new Promise((resolve) => socket.once('data', resolve));
  t.equal(await streamsAre(chancery, 1), 1);
  socket.destroy();
  t.equal(await streamsAre(chancery, 0), 0);
});
