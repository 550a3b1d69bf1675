import { execFileSync } from 'node:child_process';
import type { Socket } from 'node:net';
import t, { type Test } from 'tap';
import { webhook } from '../../src/eligibility/webhook/ask.ts';
import type { WebhookEndpoint } from '../../src/eligibility/webhook/settings.ts';
import { Refused } from '../../src/errors.ts';
import type { Question } from '../../src/policy/eligibility.ts';
import { type Answering, json, startWebhook, type WebhookServer } from './webhook-server.ts';

const SECRET = 'a secret of both sides, 32 or more characters';
const NOW = 1_790_000_000_000;
const QUESTION: Question = {
  requester: { kind: 'enrolment-token', name: 'abc' }, operator: false, profile: 'server', names: [{ kind: 'dns', value: 'node1.example.com' }],
  key: { type: 'P-256', bits: 256, hash: 'ab'.repeat(32) }, validity: 3600, metadata: { ticket: 'Ünïcode "quoted"' }, time: NOW, dryRun: false,
};
const BEFORE = [{ name: 'names', outcome: 'passed', reason: '1 name' }] as const;

interface Told {
  readonly reports: string[];
  readonly outcomes: string[];
}

const asking = (server: WebhookServer, over: Partial<WebhookEndpoint> = {}): Told & { readonly ask: ReturnType<typeof webhook> } => {
  const [reports, outcomes]: [string[], string[]] = [[], []];
  const endpoint = { name: 'cmdb', url: server.url, secret: SECRET, timeout: 5, ca: server.ca, ...over };
  return { reports, outcomes, ask: webhook({ endpoint, told: (_name, outcome) => void outcomes.push(outcome), report: (what) => void reports.push(what) }) };
};

t.test('the question says who asks for what, and is signed so that others can tell', async (t) => {
  const server = await startWebhook(t);
  const { ask, outcomes } = asking(server);
  t.same(await ask(QUESTION, BEFORE), { decision: 'allow', reason: '' });
  const [asked] = server.asked;
  t.strictSame(asked?.json, {
    version: 1, webhook: 'cmdb', time: new Date(NOW).toISOString(), dryRun: false,
    request: {
      requester: { kind: 'enrolment-token', name: 'abc' }, operator: false, profile: 'server', names: [{ kind: 'dns', value: 'node1.example.com' }],
      key: { type: 'P-256', bits: 256, sha256: 'ab'.repeat(32) }, validity: 3600, metadata: { ticket: 'Ünïcode "quoted"' },
    },
    steps: [{ name: 'names', outcome: 'passed', reason: '1 name' }],
  });
  t.match(asked, { method: 'POST', headers: { 'content-type': 'application/json', 'chancery-timestamp': String(NOW / 1000) }, caller: undefined });
  // OpenSSL as the second judge.
  const signed = Buffer.concat([Buffer.from(`${asked?.headers['chancery-timestamp'] as string}.`), asked?.body ?? Buffer.alloc(0)]);
  const mac = execFileSync('openssl', ['dgst', '-sha256', '-mac', 'HMAC', '-macopt', `hexkey:${Buffer.from(SECRET).toString('hex')}`], { input: signed, encoding: 'utf8' });
  t.equal(asked?.headers['chancery-signature'], `v1=${mac.trim().split(' ').at(-1)}`);
  t.same(outcomes, ['allow']);
});

t.test('a request that waits is asked about by its id', async (t) => {
  const server = await startWebhook(t);
  await asking(server).ask({ ...QUESTION, waiting: { id: '0a', since: NOW - 60_000 } }, []);
  t.match(server.asked[0]?.json.request, { id: '0a', waitingSince: new Date(NOW - 60_000).toISOString() });
});

t.test('each answer of the form is taken', async (t) => {
  const server = await startWebhook(t);
  const { ask } = asking(server);
  for (const answer of [
    { decision: 'allow', reason: 'known to the CMDB' }, { decision: 'deny', reason: 'decommissioned' },
    { decision: 'wait', reason: 'a change is pending', retryAfter: 60 }, { decision: 'wait', reason: 'x' },
  ]) {
    server.answer = json(answer);
    t.same(await ask(QUESTION, BEFORE), answer);
  }
});

const raw = (head: string): Answering => (_asked, response) => {
  (response.socket as Socket).end(head);
};

/** What a broken or hostile program may answer, and what the log says of it. None of it decides anything. */
const LIES: Readonly<Record<string, readonly [Answering, RegExp]>> = {
  'an error': [(_asked, response) => response.writeHead(500, { 'content-type': 'application/json' }).end('{"decision":"allow"}'), /status 500/],
  'a refusal of the call': [(_asked, response) => response.writeHead(401).end(), /status 401/],
  'no content': [(_asked, response) => response.writeHead(204).end(), /status 204/],
  'a redirect': [(_asked, response) => response.writeHead(302, { location: '/elsewhere' }).end(), /status 302/],
  'a redirect that keeps the method': [(_asked, response) => response.writeHead(307, { location: 'https://127.0.0.1:1/' }).end(), /status 307/],
  'another type': [(_asked, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('{"decision":"allow"}'), /type "text\/html"/],
  'no type': [(_asked, response) => response.writeHead(200).end('{"decision":"allow"}'), /type "none"/],
  'another charset': [(_asked, response) => response.writeHead(200, { 'content-type': 'application/json; charset=utf-16' }).end('{"decision":"allow"}'), /expected application\/json/],
  'something compressed': [(_asked, response) => response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end('{"decision":"allow"}'), /compressed/],
  'nothing': [json(''), /not JSON/],
  'no JSON': [json('yes'), /not JSON/],
  'half an answer': [json('{"decision":"allow"'), /not JSON/],
  'a text': [json('"allow"'), /not a JSON object/],
  'a list': [json('[{"decision":"allow"}]'), /not a JSON object/],
  'null': [json('null'), /not a JSON object/],
  'two decisions': [json('{"decision":"deny","reason":"x","decision":"allow"}'), /not JSON/],
  'an unknown decision': [json({ decision: 'ALLOW' }), /none of allow, deny, wait/],
  'no decision': [json({ allow: true }), /member "allow"/],
  'a decision that is none': [json({ decision: true }), /none of/],
  'more than was asked': [json({ decision: 'allow', names: ['evil.example.com'] }), /member "names"/],
  'a prototype': [json('{"__proto__":{"decision":"allow"}}'), /not JSON/],
  'no reason': [json({ decision: 'deny' }), /reason/],
  'an empty reason': [json({ decision: 'allow', reason: '' }), /reason/],
  'a long reason': [json({ decision: 'deny', reason: 'x'.repeat(513) }), /reason/],
  'escape sequences': [json({ decision: 'deny', reason: '\u001b[2J' }), /control characters/],
  'a time with allow': [json({ decision: 'allow', retryAfter: 5 }), /retryAfter with allow/],
  'a time that is none': [json({ decision: 'wait', reason: 'x', retryAfter: 0.5 }), /whole number/],
  'bytes that are no UTF-8': [(_asked, response) => response.writeHead(200, { 'content-type': 'application/json' }).end(Buffer.from([0x7b, 0xff, 0x7d])), /not JSON/],
  'too much': [json({ decision: 'allow', reason: 'x'.repeat(20_000) }), /more than 16384 bytes/],
  'a head without end': [(_asked, response) => response.writeHead(200, { 'content-type': 'application/json', 'x-long': 'x'.repeat(20_000) }).end('{"decision":"allow"}'), /HPE_HEADER_OVERFLOW/],
  'a body cut off': [(_asked, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' }).write('{"decision":"allow"}');
    setImmediate(() => response.destroy());
  }, /cut off|ECONNRESET/],
  'a connection cut off': [(_asked, response) => response.destroy(), /call failed/],
  'no HTTP': [raw('SSH-2.0-OpenSSH_9.6\r\n'), /call failed/],
  'another protocol': [raw('HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n'), /another protocol/],
  'interim answers for ever': [raw('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(50)), /interim/],
};

t.test('whatever else comes back decides nothing: it is no refusal, but asked again', async (t) => {
  const server = await startWebhook(t);
  const { ask, reports, outcomes } = asking(server);
  for (const [what, [answer, why]] of Object.entries(LIES)) {
    server.answer = answer;
    const refused = await ask(QUESTION, BEFORE).catch((error: unknown) => error);
    t.ok(refused instanceof Refused, what);
    t.match(refused, { code: 'unavailable', retryAfter: 10, message: /The webhook cmdb, .* is not answering now/ }, what);
    t.notMatch((refused as Refused).message, why, `${what} is told to the log alone`);
    t.match(reports.at(-1), why, what);
  }
  t.same(new Set(outcomes), new Set(['failed']));
  t.equal(server.asked.length, Object.keys(LIES).length, 'nobody was followed, and nothing asked twice');
});

const times = async (t: Test, answer: Answering): Promise<void> => {
  const server = await startWebhook(t);
  server.answer = answer;
  const { ask, reports } = asking(server, { timeout: 1 });
  const began = performance.now();
  await t.rejects(ask(QUESTION, BEFORE), { code: 'unavailable' });
  const took = performance.now() - began;
  t.ok(took > 900 && took < 3000, `${took} ms`);
  t.match(reports, [/not done within 1000 ms/]);
};

t.test('an answer that does not come, or does not end, is waited for no longer than configured', async (t) => {
  await Promise.all([
    times(t, () => undefined),
    times(t, (_asked, response) => void response.writeHead(200, { 'content-type': 'application/json' }).write('{"decision":')),
    times(t, (_asked, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const drip = setInterval(() => response.write(' '), 50);
      response.on('close', () => clearInterval(drip));
    }),
  ]);
});

t.test('nobody there, and somebody else there', async (t) => {
  const server = await startWebhook(t);
  const stranger = await startWebhook(t);
  const { ask, reports } = asking(server, { ca: stranger.ca });
  await t.rejects(ask(QUESTION, BEFORE), { code: 'unavailable' }, 'a certificate of another CA');
  t.equal(server.asked.length, 0, 'the question was not sent');
  const other = asking(server, { url: server.url.replace('127.0.0.1', '127.0.0.2') });
  await t.rejects(other.ask(QUESTION, BEFORE), { code: 'unavailable' }, 'a certificate for another address, or nobody');
  t.equal(server.asked.length, 0);
  await server.stop();
  await t.rejects(asking(server).ask(QUESTION, BEFORE), { code: 'unavailable' });
  t.match(reports, [/call failed/]);
});

t.test('mutual TLS: our own certificate is shown', async (t) => {
  const server = await startWebhook(t, { demand: true });
  await t.rejects(asking(server).ask(QUESTION, BEFORE), { code: 'unavailable' });
  t.match(await asking(server, server.client).ask(QUESTION, BEFORE), { decision: 'allow' });
  t.equal(server.asked[0]?.caller, 'client');
  t.throws(() => asking(server, { cert: '/nowhere', key: '/nowhere' }), { code: 'ENOENT' }, 'files that cannot be read are told at once');
});

t.test('so many calls at once, and no more', async (t) => {
  const server = await startWebhook(t);
  const held: (() => void)[] = [];
  server.answer = (asked, response, request) => void held.push(() => json({ decision: 'allow' })(asked, response, request));
  const { ask } = asking(server, { timeout: 30 });
  const calls = Array.from({ length: 70 }, () => ask(QUESTION, BEFORE).then(({ decision }) => decision, (error: Refused) => `${error.code} ${error.retryAfter}`));
  while (held.length < 64) await new Promise((resolve) => setTimeout(resolve, 10));
  for (const go of held) go();
  const outcomes = await Promise.all(calls);
  t.equal(outcomes.filter((one) => one === 'allow').length, 64);
  t.equal(outcomes.filter((one) => one === 'unavailable 1').length, 6);
  server.answer = json({ decision: 'allow' });
  t.match(await ask(QUESTION, BEFORE), { decision: 'allow' }, 'places are given back');
});
