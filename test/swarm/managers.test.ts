import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { Agent, request } from 'node:https';
import t from 'tap';
import { type Reply, startTestService } from '../helpers/service.ts';
import { type Credential, makeSwarm, newId, nodeRequest, SIGN } from './pki.ts';

let later = 0;
const service = await startTestService(t, {
  clock: () => Date.now() + later,
  settings: { CHANCERY_SWARM__ENABLED: 'true', CHANCERY_PROFILES__SWARM__LIFETIME: '1h', CHANCERY_LIMITS__FAILURES_PER_ADDRESS: '0' },
});
const { folder, call, operator } = service;
const swarm = makeSwarm(folder);
const manager = swarm.node();
const sign = (body: object, certificate?: Credential): Promise<Reply> => call('POST', SIGN, { body, ...(certificate === undefined ? {} : { certificate }) });
const worker = (certificate: Credential | undefined, of = swarm.id, options: Parameters<typeof nodeRequest>[1] = {}): Promise<Reply> => sign(nodeRequest(of, options).body, certificate);
const act = (method: string, path: string, body?: object): Promise<Reply> => call(method, `/v1/swarms${path}`, { certificate: operator, ...(body === undefined ? {} : { body }) });
const register = (of = swarm): Promise<Reply> => act('POST', '', { clusterId: of.id, root: of.root });
const refusal = ({ status, json }: Reply): unknown[] => [status, json.success, json.result, json.errors[0]?.code];
const issued = (reply: Reply): X509Certificate => new X509Certificate(reply.json.result.certificate);
const STRANGER = [401, false, null, 401];
const FINAL = [200, false, null, 5300];

t.test('before its root is registered nobody of a swarm gets anything, by a status that SwarmKit takes for passing', async (t) => {
  t.same(refusal(await worker(undefined)), [400, false, null, 400]);
  t.same(refusal(await worker(manager)), STRANGER);
});

t.test('a registered root lets the managers of its swarm in, who get what SwarmKit relies on', async (t) => {
  const { status, json } = await register();
  t.equal(status, 200);
  t.match(json, { clusterId: swarm.id, roots: [{ subject: 'CN=swarm-ca', addedBy: /^client-certificate:/ }] });
  t.same((await register()).json, json, 'once more changes nothing');
  const id = newId();
  const reply = await worker(manager, swarm.id, { id });
  t.equal(reply.status, 200, reply.text);
  t.match(reply.json.result.certificate, /^-----BEGIN CERTIFICATE-----\n(?:(?!BEGIN)[\s\S])*-----END CERTIFICATE-----\n$/, 'the leaf alone, with a line feed');
  const certificate = issued(reply);
  t.equal(certificate.subject, `O=${swarm.id}\nOU=swarm-worker\nCN=${id}`);
  t.equal(certificate.subjectAltName, `DNS:swarm-worker, DNS:${id}`);
  t.same([...(certificate.keyUsage ?? [])].sort(), ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'], 'both usages');
  t.equal(certificate.ca, false);
  const asManager = issued(await worker(manager, swarm.id, { role: 'swarm-manager', id }));
  t.equal(asManager.subjectAltName, `DNS:swarm-manager, DNS:${id}, DNS:swarm-ca`);
  const record = await service.service.core.store.certificates.get(certificate.serialNumber.toLowerCase());
  t.match(record, { requester: { kind: 'cfssl', name: `swarm/${swarm.id}` }, profile: 'swarm' });
});

t.test('a join that is asked for twice at once yields one certificate', async (t) => {
  const { body } = nodeRequest(swarm.id);
  const other = swarm.node();
  const replies = await Promise.all([sign(body, manager), sign(body, manager), sign(body, other), sign(body, other)]);
  t.equal(new Set(replies.map(({ json }) => json.result.certificate)).size, 1);
});

t.test('exactly what SwarmKit asks for, or nothing: for good, and in the audit log', async (t) => {
  const id = newId();
  const cases: readonly (readonly [string, Parameters<typeof nodeRequest>[1]])[] = [
    ['another swarm', { parts: { O: newId() } }], ['no role', { parts: { OU: 'admins' } }], ['no id', { id: 'www.example.com' }],
    ['one name more', { id, hosts: ['swarm-worker', id, 'www.example.com'] }], ['a worker as CA', { id, hosts: ['swarm-worker', id, 'swarm-ca'] }],
    ['the name of another node', { id, hosts: ['swarm-worker', newId()] }], ['one name less', { id, hosts: [id] }], ['one name twice', { id, hosts: [id, id] }], ['no names', { id, hosts: [] }],
    ['a manager without the name of a CA', { role: 'swarm-manager', id, hosts: ['swarm-manager', id] }], ['a country', { parts: { C: 'DE' } }],
    ['profile CA', { more: { profile: 'CA', extensions: null } }], ['another profile', { more: { profile: 'server' } }],
    ['a label', { more: { label: 'issuing' } }], ['a life', { more: { expiry: '1h' } }],
  ];
  for (const [what, options] of cases) t.same(refusal(await worker(manager, swarm.id, options)), FINAL, what);
  const zero = { NotBefore: '0001-01-01T00:00:00Z', NotAfter: '0001-01-01T00:00:00Z' };
  t.equal((await worker(manager, swarm.id, { more: zero })).json.success, true, 'zero dates are no wish');
  const refused = (await call('GET', '/v1/audit?limit=500', { certificate: operator })).json.items.filter(({ event }: { event: string }) => event === 'swarm.refused');
  t.equal(refused.length, cases.length);
  t.match(refused[0], { actor: `cfssl:swarm/${swarm.id}`, subject: swarm.id, details: { reason: /organization/ } });
  t.match((await worker(manager, swarm.id, { more: { profile: 'CA' } })).json.errors[0].message, /not cross-signed/);
});

t.test('a root vouches for its own swarm alone', async (t) => {
  const other = makeSwarm(folder);
  t.equal((await register(other)).status, 200);
  t.same(refusal(await worker(other.node({ of: swarm.id }))), STRANGER, 'a manager of one swarm by the root of another');
  t.same(refusal(await worker(other.node(), swarm.id)), FINAL, 'a manager of another swarm for a node of this one');
  t.equal((await worker(other.node(), other.id)).json.success, true);
  const taken = await act('POST', '', { clusterId: newId(), root: other.root });
  t.match([taken.status, taken.json.type, taken.json.detail], [409, 'urn:chancery:error:swarm-root-taken', new RegExp(other.id)]);
  t.equal((await act('DELETE', `/${other.id}`)).status, 200);
  t.equal((await act('POST', '', { clusterId: swarm.id, root: other.root })).json.roots.length, 2, 'unregistered, it may go elsewhere');
  t.same(refusal(await worker(other.node(), other.id)), STRANGER);
  t.equal((await worker(other.node({ of: swarm.id }))).json.success, true);
  const digest = new X509Certificate(other.root).fingerprint256.replaceAll(':', '').toLowerCase();
  t.equal((await act('DELETE', `/${swarm.id}?root=${digest}`)).json.roots.length, 1, 'one root of two');
  t.equal((await act('DELETE', `/${swarm.id}?root=${digest}`)).status, 404);
});

t.test('a swarm that keeps to FIPS 140-2 has an id that says so', async (t) => {
  const fips = makeSwarm(folder, `FIPS.${newId()}`);
  t.equal((await register(fips)).status, 200);
  t.equal((await worker(fips.node(), fips.id)).json.success, true);
  t.equal((await act('DELETE', `/${fips.id}`)).status, 200);
});

t.test('only managers, by certificates that are for clients', async (t) => {
  t.same(refusal(await worker(swarm.node({ role: 'swarm-worker' }))), [403, false, null, 5300]);
  t.same(refusal(await worker(swarm.node({ eku: 'serverAuth' }))), STRANGER);
  for (const subject of [`/O=${swarm.id}/OU=swarm-manager`, `/O=${swarm.id}/OU=swarm-manager/CN=x`, `/O=${swarm.id}/OU=swarm-managers/CN=${newId()}`, `/O=${swarm.id}/OU=swarm-manager/CN=${newId()}/L=x`]) {
    t.same(refusal(await worker(swarm.node({ subject }))), [400, false, null, 400], subject);
  }
  const [forged] = [makeSwarm(folder, swarm.id)];
  t.same(refusal(await worker(forged.node())), STRANGER, 'the same name under another key');
});

t.test('what was unregistered or revoked counts no more, also on a connection that was made before', async (t) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: service.root, ...manager });
  t.teardown(() => agent.destroy());
  const sockets = new Set<number | undefined>();
  const kept = (): Promise<number> => new Promise((resolve, reject) => {
    const sent = request(`${service.service.addresses.https}${SIGN}`, { method: 'POST', agent, headers: { 'content-type': 'application/json' } }, (response) => {
      sockets.add(response.socket.localPort);
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    });
    sent.on('error', reject);
    sent.end(JSON.stringify(nodeRequest(swarm.id).body));
  });
  t.equal(await kept(), 200);
  t.equal((await act('DELETE', `/${swarm.id}`)).status, 200);
  t.equal(await kept(), 401);
  t.equal((await register()).status, 200);
  t.equal(await kept(), 200);
  t.equal(sockets.size, 1, 'one connection for all');
});

t.test('after the rotation: certificates from here, without a registered root; until they are revoked', async (t) => {
  const { body, csrKey } = nodeRequest(swarm.id, { role: 'swarm-manager' });
  const own = { cert: (await sign(body, manager)).json.result.certificate, key: csrKey };
  t.equal((await act('DELETE', `/${swarm.id}`)).status, 200);
  t.same((await act('GET', '')).json.items, []);
  t.same(refusal(await worker(manager)), STRANGER);
  t.equal((await worker(own)).json.success, true);
  t.same(refusal(await worker(own, newId())), FINAL);
  const workerRequest = nodeRequest(swarm.id);
  const ownWorker = { cert: (await sign(workerRequest.body, own)).json.result.certificate, key: workerRequest.csrKey };
  t.same(refusal(await worker(ownWorker)), [403, false, null, 5300]);

  await t.test('one that has ended is let in while an operator has a window open, and no longer', async (t) => {
    later = 2 * 3_600_000;
    t.same(refusal(await worker(own)), STRANGER);
    const opened = await act('POST', `/${swarm.id}/grace`, { for: '30m' });
    t.match(opened.json, { clusterId: swarm.id, roots: [], graceBy: /^client-certificate:/ });
    t.equal(Math.round((Date.parse(opened.json.graceUntil) - Date.now() - later) / 60_000), 30);
    t.equal((await worker(own)).json.success, true);
    t.same(refusal(await worker(ownWorker)), [403, false, null, 5300], 'a worker stays a worker');
    later += 31 * 60_000;
    t.same(refusal(await worker(own)), STRANGER, 'it closes by itself');
    t.equal((await act('POST', `/${swarm.id}/grace`)).status, 200, 'an hour where nothing is said');
    t.equal((await worker(own)).json.success, true);
    t.equal((await act('DELETE', `/${swarm.id}/grace`)).status, 200);
    t.same(refusal(await worker(own)), STRANGER, 'or is closed');
    t.equal((await act('DELETE', `/${swarm.id}/grace`)).status, 404);
    t.equal((await act('POST', `/${swarm.id}/grace`, { for: '8d' })).status, 400);
    t.equal((await act('POST', `/${swarm.id}/grace`)).status, 200);
    t.equal((await call('POST', `/v1/certificates/${new X509Certificate(own.cert).serialNumber}/revoke`, { certificate: operator, body: { reason: 'superseded' } })).status, 200);
    t.same(refusal(await worker(own)), STRANGER, 'but nobody who is revoked');
    later = 0;
    const events = (await call('GET', '/v1/audit?limit=500', { certificate: operator })).json.items.map(({ event }: { event: string }) => event);
    t.equal(events.filter((event: string) => event === 'swarm.grace-opened').length, 3);
    t.equal(events.filter((event: string) => event === 'swarm.grace-closed').length, 1);
  });
});

t.test('what is no root of a swarm is refused with what is wrong', async (t) => {
  const refused = async (root: string, of = newId()): Promise<unknown> => {
    const { status, json } = await act('POST', '', { clusterId: of, root });
    return [status, json.errors?.map(({ code }: { code: string }) => code)];
  };
  t.same(await refused('x'), [400, ['bad-pem']]);
  t.same(await refused(`${swarm.root}${swarm.root}`), [400, ['one-certificate']]);
  t.same(await refused(manager.cert), [400, ['not-a-root', 'not-a-ca', 'key-usage']]);
  t.same(await refused(service.root), [400, ['own-authority']]);
  t.same((await act('POST', '', { clusterId: 'short', root: swarm.root })).status, 400);
  const id = newId();
  for (let count = 0; count < 4; count += 1) t.equal((await act('POST', '', { clusterId: id, root: makeSwarm(folder).root })).status, 200);
  t.same(await refused(makeSwarm(folder).root, id), [400, ['maxItems']]);
  t.equal((await act('DELETE', `/${id}`)).status, 200);
  const reader = (await call('POST', '/v1/api-keys', { certificate: operator, body: { name: 'reader', scopes: ['read', 'token', 'revoke', 'approve'] } })).json.key;
  t.equal((await call('POST', '/v1/swarms', { bearer: reader, body: { clusterId: id, root: swarm.root } })).status, 403);
  t.equal((await call('GET', '/v1/swarms', { bearer: reader })).status, 200);
  t.equal((await call('GET', '/v1/swarms')).status, 401);
});

t.test('TLS asks for a client certificate and names no CA, so that Engines present what they have', async (t) => {
  const { host } = new URL(service.service.addresses.https ?? '');
  // Not with execFileSync: the service is in this process.
  const client = (...options: readonly string[]): Promise<string> => new Promise((resolve) => {
    execFile('openssl', ['s_client', '-connect', host, ...options], { timeout: 10_000 }, (_error, stdout, stderr) => resolve(stdout + stderr)).stdin?.end();
  });
  for (const version of ['-tls1_2', '-tls1_3']) {
    const said = await client(version, '-msg');
    t.match(said, /CertificateRequest/);
    t.match(said, /No client certificate CA names sent/);
  }
});

t.test('a root that has ended vouches for nobody, whatever the certificates say that it signed', async (t) => {
  const former = makeSwarm(folder, newId(), 3);
  const long = former.node({ days: 30 });
  await register(former);
  t.equal((await worker(long, former.id)).json.success, true);
  const before = later;
  later += 4 * 86_400_000;
  t.same(refusal(await worker(long, former.id)), STRANGER);
  await act('POST', `/${former.id}/grace`);
  t.equal((await worker(long, former.id)).json.success, true, 'but in a grace window');
  later = before;
});
