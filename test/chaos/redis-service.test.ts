import { readdirSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import { certificationRequest } from '../../src/authority/keys/certification-request.ts';
import { generateKeyPair } from '../../src/authority/keys/generate.ts';
import { subjectAltName } from '../../src/x509/extensions.ts';
import { HOST, noRedis, type RedisServer, startRedis, until } from '../helpers/redis.ts';
import { startReplicated } from '../helpers/redis-topologies.ts';
import { type Reply, startTestService, type TestService } from '../helpers/service.ts';

/** Seconds: `store.timeout` of the service here. */
const LIMIT = 2;
/** A call of HTTP asks the store more than once: milliseconds for all of it. */
const CALL = 2 * LIMIT * 1000 + 1500;
const LANES = 4;

interface Fault {
  readonly what: string;
  /** Breaks it, and returns when it has been broken for long enough. */
  readonly begin: (server: RedisServer) => Promise<unknown>;
  readonly end: (server: RedisServer) => Promise<unknown>;
  /** Statuses that must be seen while it lasts. */
  readonly sees: readonly number[];
}

const FAULTS: readonly Fault[] = [
  { what: 'it is slow', begin: async (server) => (server.pause(), setTimeout(4500)), end: async (server) => server.resume(), sees: [503] },
  { what: 'it is gone', begin: async (server) => (await server.kill(), setTimeout(1500)), end: (server) => server.start(), sees: [503] },
  { what: 'it is started again at once', begin: async (server) => (await server.kill(), server.start()), end: async () => undefined, sees: [] },
  {
    what: 'it loads its files for long',
    begin: async (server) => {
      await server.cli('DEBUG', 'POPULATE', '1500', '{other}');
      await server.cli('BGREWRITEAOF');
      await until('the file to be rewritten', async () => (await server.cli('INFO', 'persistence')).includes('aof_rewrite_in_progress:0'));
      await server.kill();
      await server.startOnly({ 'key-load-delay': '1000', 'loading-process-events-interval-bytes': '1024' });
      await until('it to have loaded them', async () => (await server.cli('PING').catch(() => '')) === 'PONG');
    },
    end: (server) => server.cli('EVAL', 'for i = 0, 1499 do redis.call("DEL", "{other}:" .. i) end', '0'), sees: [503],
  },
  {
    what: 'it is made a replica', begin: async (server) => (await server.cli('REPLICAOF', HOST, '1'), setTimeout(1500)),
    end: (server) => server.cli('REPLICAOF', 'NO', 'ONE'), sees: [503],
  },
  { what: 'its memory is full', begin: async (server) => (await server.set('maxmemory', '1'), setTimeout(1000)), end: (server) => server.set('maxmemory', '0'), sees: [503] },
  { what: 'it has too few replicas', begin: async (server) => (await server.set('min-replicas-to-write', '1'), setTimeout(1000)), end: (server) => server.set('min-replicas-to-write', '0'), sees: [503] },
  {
    what: 'a script holds it up',
    begin: async (server) => (await server.set('busy-reply-threshold', '100'), void server.cli('EVAL', 'while true do end', '0').catch(() => undefined), setTimeout(1500)),
    end: (server) => server.cli('SCRIPT', 'KILL'), sees: [503],
  },
  { what: 'its scripts are thrown away', begin: (server) => server.cli('SCRIPT', 'FLUSH'), end: async () => undefined, sees: [201] },
  { what: 'its connections are cut', begin: (server) => server.cli('CLIENT', 'KILL', 'TYPE', 'normal'), end: async () => undefined, sees: [] },
  {
    what: 'it becomes volatile', begin: async (server) => (await server.set('appendfsync', 'everysec'), await server.cli('CLIENT', 'KILL', 'TYPE', 'normal'), setTimeout(1000)),
    end: (server) => server.set('appendfsync', 'always'), sees: [503],
  },
];

const settings = (port: number): Readonly<Record<string, string>> => ({ CHANCERY_STORE__URL: `redis://${HOST}:${port}`, CHANCERY_STORE__TIMEOUT: `${LIMIT}s`, CHANCERY_LIMITS__PER_IDENTITY: '0' });

const csrFor = async (name: string): Promise<Uint8Array> => certificationRequest(await generateKeyPair('P-256'), [], [subjectAltName([{ kind: 'dns', value: name }], true)]);

/** Clients that ask for all kinds of things as long as they are let; what they were answered, and how long it took. */
async function clients(service: TestService): Promise<{ readonly stop: () => Promise<readonly { readonly call: string; readonly reply: Reply; readonly took: number }[]> }> {
  const pair = await generateKeyPair('P-256');
  const seen: { call: string; reply: Reply; took: number }[] = [];
  let going = true;
  let counter = 0;
  const ask = async (call: string, ask: Promise<Reply>): Promise<Reply> => {
    const begin = Date.now();
    const reply = await ask;
    seen.push({ call, reply, took: Date.now() - begin });
    return reply;
  };
  const lanes = Array.from({ length: LANES }, async () => {
    while (going) {
      counter += 1;
      const csr = certificationRequest(pair, [], [subjectAltName([{ kind: 'dns', value: `n${counter}.example.com` }], true)]);
      const certificate = service.operator;
      const issued = await ask('issue', service.call('POST', '/v1/requests?profile=server', { certificate, body: csr, headers: { 'content-type': 'application/pkcs10' } }));
      if (issued.status === 201 && counter % 3 === 0) await ask('revoke', service.call('POST', `/v1/certificates/${String(issued.json.serial)}/revoke`, { certificate, body: {} }));
      if (issued.status === 201) await ask('get', service.call('GET', `/v1/certificates/${String(issued.json.serial)}`));
      await ask('search', service.call('GET', '/v1/certificates?name=n1.example.com', { certificate }));
      await ask('ready', service.plain('GET', '/readyz'));
      await ask('crl', service.plain('GET', '/crl/issuing.crl'));
      await setTimeout(20);
    }
  });
  return { stop: async () => {
    going = false;
    await Promise.all(lanes);
    return seen;
  } };
}

if (noRedis !== false) t.plan(0, noRedis);
else {
  const server = await startRedis(t);
  const service = await startTestService(t, { settings: settings(server.port) });

  for (const { what, begin, end, sees } of FAULTS) {
    t.test(`the service, when ${what}: every call ends well, with a 4xx or with a 503, and all heals`, { timeout: 60_000 }, async (t) => {
      const { stop } = await clients(service);
      await setTimeout(150);
      await begin(server);
      await end(server);
      await until('the service to be ready again', async () => (await service.plain('GET', '/readyz')).status === 200);
      await setTimeout(150);
      const seen = await stop();
      const last = await service.call('POST', '/v1/requests?profile=server', {
        certificate: service.operator, body: await csrFor('last.example.com'), headers: { 'content-type': 'application/pkcs10' },
      });
      const wrong = seen.filter(({ reply: { status, headers }, call }) => !((status >= 200 && status < 300) || (status >= 400 && status < 500) || (status === 503 && (headers['retry-after'] !== undefined || call === 'ready'))));
      t.same(wrong.map(({ call, reply }) => [call, reply.status, reply.text.slice(0, 300)]), []);
      const slow = seen.filter(({ took }) => took > CALL);
      t.same(slow.map(({ call, took }) => [call, took]), []);
      for (const status of sees) t.ok(seen.some(({ reply }) => reply.status === status), `a ${status} was seen`);
      t.equal(last.status, 201, `after ${seen.length} calls: ${last.text.slice(0, 100)}`);
      if (sees.includes(503)) t.ok(seen.some(({ call, reply }) => call === 'ready' && reply.status === 503 && /store/.test(reply.text)), '/readyz told');
    });
  }

  t.test('what was logged shows no internal fault', async (t) => {
    t.same(service.logged.filter((line) => line.includes('internal fault')).slice(0, 3), []);
    t.ok(service.logged.some((line) => line.includes('Redis cannot be used') && line.includes('may lose what it has acknowledged: appendfsync is everysec')));
    t.ok(service.logged.some((line) => line.includes('Redis can be used')));
  });

  t.test('a service is not started on a volatile Redis', async (t) => {
    const volatile = await startRedis(t, { settings: { appendonly: 'no' } });
    await t.rejects(startTestService(t, { settings: settings(volatile.port) }), { name: 'StoreUnavailable', message: /appendonly is no, must be yes/ });
    const taken = await startTestService(t, { settings: { ...settings(volatile.port), CHANCERY_STORE__ALLOW_VOLATILE: 'true' } });
    t.equal((await taken.plain('GET', '/readyz')).status, 200);
    t.ok(readdirSync(taken.config.data).every((name) => name !== 'store'), 'and nothing is kept beside it');
  });

  t.test('too few replicas are a 503, and the outcome is settled by asking again', async (t) => {
    const { primary, replicas: [replica] } = await startReplicated(t, 1);
    const service = await startTestService(t, { settings: { ...settings(primary.port), CHANCERY_STORE__MIN_REPLICAS: '1' } });
    const csr = await csrFor('once.example.com');
    const token = await service.token({ profile: 'server', names: ['once.example.com'], uses: 1 });
    const ask = (): Promise<Reply> => service.call('POST', '/v1/requests', { bearer: token, body: csr, headers: { 'content-type': 'application/pkcs10' } });
    replica?.pause();
    const refused = await ask();
    t.equal(refused.status, 503);
    t.ok(Number(refused.headers['retry-after']) >= 1);
    t.equal((await service.plain('GET', '/readyz')).status, 503);
    replica?.resume();
    await until('the service to be ready again', async () => (await service.plain('GET', '/readyz')).status === 200);
    const [first, second] = [await ask(), await ask()];
    t.same([first.status, second.status], [201, 201]);
    t.equal(first.json.serial, second.json.serial, 'the one use of the token is one certificate');
  });
}
