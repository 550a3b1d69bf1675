import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { makeCsr, openssl } from '../helpers/openssl.ts';
import { type Reply, startTestService, type TestService } from '../helpers/service.ts';
import { json, startWebhook, type WebhookServer } from './webhook-server.ts';

const SECRET = 'a secret of both sides, 32 or more characters';
const HOUR = 3_600_000;
const BASE = 'key, names, profile, approval';

/** A service with these checks beside the usual ones, and a clock that is set by hand. */
async function start(t: Test, steps: string, settings: Readonly<Record<string, string>> = {}): Promise<TestService & { readonly at: (milliseconds: number) => void }> {
  let offset = 0;
  const clock = (): number => Date.now() + offset;
  const chancery = await startTestService(t, { clock, settings: { CHANCERY_ELIGIBILITY: `[${BASE}, ${steps}]`, ...settings } });
  return Object.assign(chancery, { at: (milliseconds: number) => void (offset = milliseconds) });
}

const webhookSettings = ({ url, ca }: WebhookServer, more: Readonly<Record<string, string>> = {}): Record<string, string> => ({
  CHANCERY_WEBHOOKS__CMDB__URL: url, CHANCERY_WEBHOOKS__CMDB__SECRET: SECRET, CHANCERY_WEBHOOKS__CMDB__CA: ca, CHANCERY_WEBHOOKS__CMDB__TIMEOUT: '2s', ...more,
});

/** For the name before a tilde; what is behind it tells its file from others for the same name. */
const csrOf = ({ folder }: TestService, name: string): Buffer => readFileSync(makeCsr(folder, name, { san: `DNS:${name.replace(/~.*$/, '')}.example.com` }).csr);

const ask = (chancery: TestService, bearer: string, csr: Buffer, query = 'profile=server'): Promise<Reply> =>
  chancery.call('POST', `/v1/requests?${query}`, { bearer, headers: { 'content-type': 'application/pkcs10' }, body: csr });

const token = (chancery: TestService, over: object = {}): Promise<string> => chancery.token({ profile: 'server', names: ['**.example.com'], uses: 100, ...over });

const stepOf = ({ json }: Reply, name: string): { outcome: string; reason: string } | undefined => json.steps.find((step: { name: string }) => step.name === name);

/** Until the request is in that state. */
async function until(chancery: TestService, bearer: string, id: string, state: string): Promise<Reply> {
  for (const end = Date.now() + 15_000; ; await new Promise((resolve) => setTimeout(resolve, 100))) {
    const reply = await chancery.call('GET', `/v1/requests/${id}`, { bearer });
    if (reply.json.state === state || Date.now() > end) return reply;
  }
}

const apiKey = async ({ call, operator }: TestService, name: string, scopes = ['read', 'approve']): Promise<string> =>
  (await call('POST', '/v1/api-keys', { certificate: operator, body: { name, scopes } })).json.key;

t.test('a webhook decides: allow, deny, and nothing while it does not answer', async (t) => {
  const webhook = await startWebhook(t);
  const chancery = await start(t, '{step: webhook, webhook: cmdb, profiles: [server]}', webhookSettings(webhook));
  const bearer = await token(chancery);
  webhook.answer = json({ decision: 'allow', reason: 'asset 4711' });
  const issued = await ask(chancery, bearer, csrOf(chancery, 'a'));
  t.equal(issued.status, 201);
  t.match(stepOf(issued, 'webhook-cmdb'), { outcome: 'passed', reason: 'cmdb: asset 4711' });
  t.match(webhook.asked.at(-1)?.json, { dryRun: false, request: { profile: 'server', names: [{ kind: 'dns', value: 'a.example.com' }], requester: { kind: 'enrolment-token' } } });
  t.same(webhook.asked.at(-1)?.json.steps.map(({ name }: { name: string }) => name), ['identity', 'possession', 'key', 'names', 'profile', 'approval']);

  webhook.answer = json({ decision: 'deny', reason: 'decommissioned' });
  const denied = await ask(chancery, bearer, csrOf(chancery, 'b'));
  t.match([denied.status, denied.json.errors], [403, [{ code: 'step-webhook-cmdb', detail: 'cmdb: decommissioned' }]]);

  const dry = await ask(chancery, bearer, csrOf(chancery, 'c'), 'profile=server&dryRun=true');
  t.match([dry.status, dry.json.outcome, webhook.asked.at(-1)?.json.dryRun], [200, 'denied', true]);

  const before = webhook.asked.length;
  const outside = await chancery.call('POST', '/v1/requests?profile=server', {
    bearer, headers: { 'content-type': 'application/pkcs10' }, body: readFileSync(makeCsr(chancery.folder, 'evil', { san: 'DNS:evil.org' }).csr),
  });
  t.equal(outside.status, 403);
  t.equal(webhook.asked.length, before, 'what is refused anyway is not asked about');
  const again = csrOf(chancery, 'a~2');
  webhook.answer = json({ decision: 'allow' });
  t.equal((await ask(chancery, bearer, again)).status, 201);
  t.equal((await ask(chancery, bearer, again)).status, 201);
  t.equal(webhook.asked.length, before + 1, 'nor is a retry');

  webhook.answer = (_asked, response) => response.destroy();
  const csr = csrOf(chancery, 'd');
  const down = await ask(chancery, bearer, csr);
  t.match([down.status, down.headers['retry-after'], down.json.type], [503, '10', 'urn:chancery:error:unavailable']);
  t.ok(chancery.logged.some((line) => line.includes('webhook cmdb gave no answer')));
  t.notOk(chancery.logged.some((line) => line.includes(SECRET)));
  webhook.answer = json({ decision: 'allow' });
  t.equal((await ask(chancery, bearer, csr)).status, 201, 'nothing stands in the way of asking again');
  const metrics = await chancery.service.core.metrics.registry.metrics();
  t.match(metrics, 'chancery_webhook_seconds_count{webhook="cmdb",outcome="failed"} 1');
});

t.test('a webhook that says wait is asked again, also by the service that is started anew, until it decides or the time is over', async (t) => {
  const webhook = await startWebhook(t);
  const chancery = await start(t, '{step: webhook, webhook: cmdb, giveUp: 1h}', webhookSettings(webhook));
  const bearer = await token(chancery);
  webhook.answer = json({ decision: 'wait', reason: 'a change is pending', retryAfter: 1 });
  const waiting = await ask(chancery, bearer, csrOf(chancery, 'w'));
  t.equal(waiting.status, 202);
  t.match(stepOf(waiting, 'webhook-cmdb'), { outcome: 'waiting', reason: /^cmdb: a change is pending; it is asked again, or an operator approves/ });
  const other = await ask(chancery, bearer, csrOf(chancery, 'x'));
  const third = await ask(chancery, bearer, csrOf(chancery, 'y'));
  await chancery.restart();
  const { id } = waiting.json;
  const asked = webhook.asked.length;
  webhook.answer = ({ json: { request } }, response, incoming) => json(request.id === other.json.id ? { decision: 'deny', reason: 'change 12 was rejected' } : request.id === third.json.id ? { decision: 'wait', reason: 'still', retryAfter: 1 } : { decision: 'allow', reason: 'change 11' })({} as never, response, incoming);
  const issued = await until(chancery, bearer, id, 'issued');
  t.match([issued.json.state, stepOf(issued, 'webhook-cmdb')], ['issued', { outcome: 'passed', reason: 'cmdb: change 11' }]);
  t.ok(webhook.asked.slice(asked).some(({ json }) => json.request.id === id && json.request.waitingSince !== undefined));
  const denied = await until(chancery, bearer, other.json.id, 'denied');
  t.match([denied.json.state, denied.json.problem.detail], ['denied', /change 12 was rejected/]);
  t.equal((await chancery.call('GET', `/v1/requests/${third.json.id}`, { bearer })).json.state, 'pending');
  chancery.at(2 * HOUR);
  const over = await until(chancery, bearer, third.json.id, 'denied');
  t.match([over.json.state, over.json.problem.detail], ['denied', /cmdb did not decide within 1h;/]);
  const audit = (await chancery.call('GET', '/v1/audit', { certificate: chancery.operator })).json.items.filter(({ subject }: { subject: string }) => subject === id);
  t.same(audit.map(({ event, actor }: { event: string; actor: string }) => `${event} ${actor.split(':')[0]}`), ['request.accepted enrolment-token', 'request.approved system', 'certificate.issued enrolment-token']);
});

t.test('an operator may decide in the place of a webhook that waits', async (t) => {
  const webhook = await startWebhook(t);
  const chancery = await start(t, '{step: webhook, webhook: cmdb}', webhookSettings(webhook));
  webhook.answer = json({ decision: 'wait', reason: 'later', retryAfter: 3600 });
  const waiting = await ask(chancery, await token(chancery), csrOf(chancery, 'w'));
  const approved = await chancery.call('POST', `/v1/requests/${waiting.json.id}/approve`, { certificate: chancery.operator, body: { reason: 'known' } });
  t.match([approved.status, approved.json.state], [200, 'issued']);
});

t.test('outside of its hours a request waits, and goes on when they begin', async (t) => {
  const from = new Date(Date.now() + 2 * HOUR);
  const time = (date: Date): string => `${String(date.getUTCHours()).padStart(2, '0')}:${String(date.getUTCMinutes()).padStart(2, '0')}`;
  const window = `{from: "${time(from)}", to: "${time(new Date(from.getTime() + HOUR))}"}`;
  const chancery = await start(t, `{step: time-window, zone: UTC, windows: [${window}], outside: wait}`);
  const bearer = await token(chancery);
  const waiting = await ask(chancery, bearer, csrOf(chancery, 'n'));
  t.match([waiting.status, stepOf(waiting, 'time-window')], [202, { outcome: 'waiting', reason: new RegExp(`it opens at ... ${time(from)} UTC`) }]);
  chancery.at(2 * HOUR + 60_000);
  const issued = await until(chancery, bearer, waiting.json.id, 'issued');
  t.match([issued.json.state, stepOf(issued, 'time-window')], ['issued', { outcome: 'passed' }]);
  t.equal((await ask(chancery, bearer, csrOf(chancery, 'm'))).status, 201);
});

t.test('two of three operators: not who asked, not who made the token, nobody twice, and a denial ends it', async (t) => {
  const chancery = await start(t, '', { CHANCERY_ELIGIBILITY: '[key, names, profile, {step: approval, profiles: [server], approvals: 2, operators: [alice, bob, carol, operator]}]' });
  const { call } = chancery;
  const keys = { alice: await apiKey(chancery, 'alice'), again: await apiKey(chancery, 'alice'), bob: await apiKey(chancery, 'bob'), carol: await apiKey(chancery, 'carol'), dave: await apiKey(chancery, 'dave') };
  const maker = await apiKey(chancery, 'carol', ['token']);
  const bearer = (await call('POST', '/v1/tokens', { bearer: maker, body: { profile: 'server', names: ['**.example.com'], uses: 10 } })).json.token;
  const approve = (id: string, key: string): Promise<Reply> => call('POST', `/v1/requests/${id}/approve`, { bearer: key, body: { reason: 'looks right' } });
  const waiting = await ask(chancery, bearer, csrOf(chancery, 'q'));
  const { id } = waiting.json;
  t.match([waiting.status, waiting.json.approvals, stepOf(waiting, 'approval')], [202, { given: 0, needed: 2 }, { reason: /2 operators among alice, bob, carol, operator to approve it \(0 of 2\)/ }]);
  t.match((await approve(id, keys.dave)).json, { status: 403, errors: [{ code: 'approval-not-listed' }] });
  t.match((await approve(id, keys.carol)).json, { status: 403, errors: [{ code: 'approval-own', detail: /carol requested it, or created the token/ }] });
  const first = await approve(id, keys.alice);
  t.match([first.status, first.json.state, first.json.approvals], [200, 'pending', { given: 1, needed: 2 }]);
  t.match(first.json.steps.slice(-2), [
    { name: 'approval', outcome: 'passed', reason: /approved by api-key:alice#.* \(1 of 2\): looks right/ }, { name: 'approval', outcome: 'waiting', reason: /1 more operator/ },
  ]);
  t.match((await approve(id, keys.again)).json, { status: 409, errors: [{ code: 'approval-already' }] });
  await chancery.restart();
  const second = await approve(id, keys.bob);
  t.match([second.status, second.json.state, second.json.approvals], [200, 'issued', undefined]);
  t.same(second.json.steps.filter(({ name }: { name: string }) => name === 'approval').map(({ outcome }: { outcome: string }) => outcome), ['passed', 'passed']);
  const audit = (await call('GET', '/v1/audit', { certificate: chancery.operator })).json.items.filter(({ subject, event }: { subject: string; event: string }) => subject === id && event === 'request.approved');
  t.match(audit, [{ actor: /alice/, details: { approvals: '1 of 2', reason: 'looks right' } }, { actor: /bob/, details: { approvals: '2 of 2' } }]);

  const ended = (await ask(chancery, bearer, csrOf(chancery, 'r'))).json.id;
  await approve(ended, keys.alice);
  t.match((await call('POST', `/v1/requests/${ended}/deny`, { bearer: keys.bob, body: { reason: 'no' } })).json, { state: 'denied' });
  t.equal((await approve(ended, keys.bob)).status, 409);

  // At once: each counts once, and the certificate is made once.
  const raced = (await ask(chancery, bearer, csrOf(chancery, 's'))).json.id;
  const outcomes = await Promise.all([approve(raced, keys.alice), approve(raced, keys.bob), approve(raced, keys.alice)]);
  t.same(outcomes.map(({ status }) => status).sort((a, b) => a - b), [200, 200, 409]);
  t.match((await call('GET', `/v1/requests/${raced}`, { bearer: keys.alice })).json, { state: 'issued' });
});

t.test('nobody approves what they asked for', async (t) => {
  const chancery = await start(t, 'known-key', { CHANCERY_PROFILES__SERVER__APPROVAL: 'true' });
  const waiting = await chancery.call('POST', '/v1/requests?profile=server', { certificate: chancery.operator, headers: { 'content-type': 'application/pkcs10' }, body: csrOf(chancery, 'own') });
  t.equal(waiting.status, 202);
  t.match((await chancery.call('POST', `/v1/requests/${waiting.json.id}/approve`, { certificate: chancery.operator })).json, { status: 403, errors: [{ code: 'approval-own' }] });
  t.match((await chancery.call('POST', `/v1/requests/${waiting.json.id}/approve`, { bearer: await apiKey(chancery, 'second') })).json, { state: 'issued' });
});

t.test('a name belongs to who has it, through renewals, until it is revoked, released, or over', async (t) => {
  const chancery = await start(t, 'name-ownership');
  const { call, operator, folder } = chancery;
  const [alice, bob] = [await token(chancery, { profile: 'node' }), await token(chancery, { profile: 'node' })];
  const first = await ask(chancery, alice, csrOf(chancery, 'n1'), 'profile=node');
  t.match([first.status, stepOf(first, 'name-ownership')], [201, { outcome: 'passed', reason: 'the name is held by nobody else' }]);
  const refused = await ask(chancery, bob, csrOf(chancery, 'n1~b'), 'profile=node');
  t.match([refused.status, refused.json.errors], [403, [{ code: 'step-name-ownership', detail: new RegExp(`^"n1.example.com" is held by another requester by certificate ${first.json.id} until 20.*; expected a name of your own, that certificate revoked, or the name released by an operator`) }]]);
  t.notMatch(refused.text, alice.split('-')[3] ?? 'none', 'whose it is, is not told');
  t.match((await ask(chancery, bob, csrOf(chancery, 'n1~b'), 'profile=node&dryRun=true')).json, { outcome: 'denied' });
  t.equal((await ask(chancery, alice, csrOf(chancery, 'n1~a'), 'profile=node')).status, 201, 'its owner has as many as it wants');
  // A renewal by the certificate, and one by that.
  let held = { cert: first.json.certificate, key: readFileSync(join(folder, 'n1.key'), 'utf8') };
  for (const name of ['n1~r1', 'n1~r2']) {
    const renewed = await call('POST', '/v1/renewals', { certificate: held, headers: { 'content-type': 'application/pkcs10' }, body: csrOf(chancery, name) });
    t.equal(renewed.status, 201, name);
    held = { cert: renewed.json.certificate, key: readFileSync(join(folder, `${name}.key`), 'utf8') };
  }
  t.equal((await ask(chancery, bob, csrOf(chancery, 'n1~c'), 'profile=node')).status, 403);
  const shown = await call('GET', '/v1/holdings?name=N1.example.com', { certificate: operator });
  t.match(shown.json, { owner: /^enrolment-token:/, certificates: { length: 4 } });
  // Revoked: all of them, and it is free.
  for (const { serial } of shown.json.certificates) {
    t.equal((await ask(chancery, bob, csrOf(chancery, `n1~d${serial.slice(-3)}`), 'profile=node')).status, 403);
    await call('POST', `/v1/certificates/${serial}/revoke`, { certificate: operator, body: { reason: 'superseded' } });
  }
  t.match((await call('GET', '/v1/holdings?name=n1.example.com', { certificate: operator })).json, { owner: undefined, certificates: [] });
  t.equal((await ask(chancery, bob, csrOf(chancery, 'n1~e'), 'profile=node')).status, 201);
  // Released by an operator: now the other one has it.
  const released = await call('POST', '/v1/holdings/release', { certificate: operator, body: { name: 'n1.example.com', reason: 'new hardware' } });
  t.match([released.status, released.json.owner], [200, /^enrolment-token:/]);
  t.equal((await call('POST', '/v1/holdings/release', { certificate: operator, body: { name: 'n1.example.com' } })).status, 404);
  t.equal((await ask(chancery, alice, csrOf(chancery, 'n1~f'), 'profile=node')).status, 201);
  t.equal((await ask(chancery, bob, csrOf(chancery, 'n1~g'), 'profile=node')).status, 403);
  t.match((await call('GET', '/v1/audit', { certificate: operator })).text, '"event":"holding.released"');
  // An operator takes it over.
  const taken = await call('POST', '/v1/requests?profile=node', { certificate: operator, headers: { 'content-type': 'application/pkcs10' }, body: csrOf(chancery, 'n1~o') });
  t.match([taken.status, stepOf(taken, 'name-ownership')], [201, { outcome: 'passed', reason: /^an operator takes over "n1.example.com"/ }]);
  t.equal((await ask(chancery, alice, csrOf(chancery, 'n1~h'), 'profile=node')).status, 403);
  // Over.
  chancery.at(31 * 24 * HOUR);
  const [late] = [await token(chancery, { profile: 'node' })];
  t.equal((await ask(chancery, late, csrOf(chancery, 'n1~i'), 'profile=node')).status, 201);
  t.match((await call('GET', '/v1/holdings', { certificate: operator })).json, { status: 400 });
});

t.test('of many who ask for one name at once one gets it', async (t) => {
  const chancery = await start(t, 'name-ownership');
  const tokens = await Promise.all(Array.from({ length: 8 }, () => token(chancery)));
  for (const name of ['race1', 'race2']) {
    const csrs = tokens.map((_, n) => csrOf(chancery, `${name}~${n}`));
    const outcomes = await Promise.all(tokens.map((bearer, n) => ask(chancery, bearer, csrs[n] as Buffer)));
    t.same(outcomes.map(({ status }) => status).sort((a, b) => a - b), [201, ...Array(7).fill(403)]);
  }
});

t.test('with otherwise: wait, an operator\'s approval takes the name over; what was given away meanwhile is not taken unasked', async (t) => {
  const chancery = await start(t, '{step: name-ownership, otherwise: wait}', { CHANCERY_PROFILES__CLIENT__APPROVAL: 'true' });
  const { call, operator } = chancery;
  const [alice, bob] = [await token(chancery), await token(chancery)];
  await ask(chancery, alice, csrOf(chancery, 'h'));
  const waiting = await ask(chancery, bob, csrOf(chancery, 'h~b'));
  t.match([waiting.status, stepOf(waiting, 'name-ownership')], [202, { outcome: 'waiting', reason: /an operator's approval takes it over$/ }]);
  t.match((await call('POST', `/v1/requests/${waiting.json.id}/approve`, { certificate: operator })).json, { state: 'issued' });
  t.match([(await ask(chancery, alice, csrOf(chancery, 'h~c'))).status], [202]);
  // Nobody had this one when it was asked for.
  const client = await token(chancery, { profile: 'client' });
  const slow = await ask(chancery, client, csrOf(chancery, 'late'), 'profile=client');
  t.equal(slow.status, 202);
  t.equal((await ask(chancery, alice, csrOf(chancery, 'late~a'))).status, 201);
  const taken = await call('POST', `/v1/requests/${slow.json.id}/approve`, { certificate: operator });
  t.match([taken.status, taken.json.errors], [403, [{ code: 'step-name-ownership', detail: /since it was requested, others hold "late.example.com"/ }]]);
  await call('POST', '/v1/holdings/release', { certificate: operator, body: { name: 'late.example.com' } });
  t.match((await call('POST', `/v1/requests/${slow.json.id}/approve`, { certificate: operator })).json, { state: 'issued' });
  t.equal((await ask(chancery, alice, csrOf(chancery, 'late~b'))).status, 202, 'with the approval it became the other one\'s');
});

t.test('a key that is certified for somebody is certified for nobody else', async (t) => {
  const chancery = await start(t, 'known-key');
  const { folder, call } = chancery;
  const [alice, bob] = [await token(chancery), await token(chancery)];
  const first = await ask(chancery, alice, csrOf(chancery, 'k'));
  t.equal(first.status, 201);
  openssl('req', '-new', '-key', join(folder, 'k.key'), '-subj', '/', '-addext', 'subjectAltName=DNS:other.example.com', '-out', join(folder, 'copy.csr'));
  const csr = readFileSync(join(folder, 'copy.csr'));
  t.match((await ask(chancery, bob, csr)).json, { status: 403, errors: [{ code: 'step-known-key', detail: new RegExp(`certified for another requester by certificate ${first.json.id}`) }] });
  t.equal((await ask(chancery, alice, csr)).status, 201, 'its owner may have it certified again');
  const digest = execFileSync('sh', ['-c', `openssl pkey -in ${join(folder, 'k.key')} -pubout -outform DER | openssl dgst -sha256 -r`], { encoding: 'utf8' }).split(' ')[0] ?? '';
  t.match((await call('GET', `/v1/holdings?key=${digest}`, { certificate: chancery.operator })).json, { owner: /^enrolment-token:/ });
  await call('POST', '/v1/holdings/release', { certificate: chancery.operator, body: { key: digest, reason: 'moved' } });
  t.equal((await ask(chancery, bob, readFileSync(join(folder, 'copy.csr')))).status, 201);
});
