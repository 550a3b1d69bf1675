import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import t from 'tap';
import { parseCertificate } from '../../src/x509/certificate.ts';
import { decodeAuthorityKeyIdentifier } from '../../src/x509/extensions.ts';
import { OID } from '../../src/x509/oids.ts';
import type { Json } from '../helpers/service.ts';
import { acmeClient, acmeService, authorize, b64, binding, csrFor, dnsName, ip, issued, newAddress, newPair, readyOrder } from './client.ts';

const PROBLEM = 'urn:ietf:params:acme:error:';

const certId = (der: Buffer): string => {
  const { extensions, serial } = parseCertificate(der);
  const keyId = decodeAuthorityKeyIdentifier(extensions.find(({ oid }) => oid === OID.authorityKeyIdentifier)?.value ?? Buffer.alloc(0)) ?? Buffer.alloc(0);
  const octets = Buffer.from(serial.padStart(serial.length + serial.length % 2, '0'), 'hex');
  return `${b64(keyId)}.${b64((octets[0] ?? 0) >= 128 ? Buffer.concat([Buffer.of(0), octets]) : octets)}`;
};

t.test('a whole order: a certificate for the names, for the account\'s eyes, with its chain', async (t) => {
  const service = await acmeService(t);
  const client = acmeClient(service);
  const signer = await client.account();
  const [one, two] = [newAddress(), newAddress()];
  const { der, chain, order } = await issued(client, service.http, signer, [one, two]);
  const certificate = new X509Certificate(der);
  t.equal(certificate.subjectAltName, `IP Address:${one}, IP Address:${two}`);
  t.match(chain.headers['content-type'], /^application\/pem-certificate-chain$/);
  t.equal(chain.text.match(/BEGIN CERTIFICATE/g)?.length, 2, 'with its issuer, without the root');
  t.match(chain.headers.link, /rel="up"/);
  const [, alternate = ''] = /<([^>]+)>;rel="alternate"/.exec(String(chain.headers.link)) ?? [];
  t.equal((await client.post(alternate, signer, '')).text.match(/BEGIN CERTIFICATE/g)?.length, 3);
  t.ok(certificate.checkIssued(new X509Certificate(/(-+BEGIN[^-]+-+[^-]+-+END[^-]+-+\n)[^]*$/.exec(chain.text.slice(chain.text.indexOf('END CERT')).replace(/^[^\n]*\n/, ''))?.[1] ?? '')));
  const other = await client.account();
  t.equal((await client.post(order.certificate, other, '')).json.type, `${PROBLEM}unauthorized`);
  const record = await service.service.core.store.certificates.get(parseCertificate(der).serial);
  t.same([record?.requester.kind, record?.requester.name, record?.profile], ['acme', signer.kid.split('/').pop(), 'acme']);
  const audit = await service.service.core.store.audit.list({ after: 0, limit: 1000 });
  for (const event of ['acme-account.created', 'acme-authorization.valid', 'certificate.issued']) t.ok(audit.some((entry) => entry.event === event), event);
});

t.test('two finalizes at once give one certificate, and each a clean answer', async (t) => {
  const service = await acmeService(t);
  const client = acmeClient(service);
  const signer = await client.account();
  const address = newAddress();
  const { json } = await readyOrder(client, service.http, signer, [address]);
  const csr = csrFor([{ kind: 'ip', value: address }]);
  const same = await Promise.all(Array.from({ length: 6 }, () => client.post(json.finalize, signer, { csr })));
  t.same(new Set(same.map(({ status, json: { status: of, certificate } }) => `${status} ${String(of)} ${String(certificate)}`)).size, 1, 'the same CSR');
  t.equal(same[0]?.json.status, 'valid');

  const second = newAddress();
  const order = await readyOrder(client, service.http, signer, [second]);
  const different = await Promise.all(Array.from({ length: 6 }, () => client.post(order.json.finalize, signer, { csr: csrFor([{ kind: 'ip', value: second }]) })));
  t.equal(different.filter(({ status }) => status === 200).length, 1, 'of several CSRs one is certified');
  for (const { status, json: problem } of different.filter((one) => one.status !== 200)) t.same([status, problem.type], [403, `${PROBLEM}orderNotReady`]);
  for (const name of [address, second]) t.equal((await service.service.core.store.certificates.list({ name }, { limit: 10 }, 0)).items.length, 1, 'one certificate');
});

t.test('each order yields a certificate of its own, also for the same key again', async (t) => {
  const service = await acmeService(t);
  const client = acmeClient(service);
  const signer = await client.account();
  const address = newAddress();
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const first = await issued(client, service.http, signer, [address], {}, key);
  const asked = service.http.asked.length;
  const second = await issued(client, service.http, signer, [address], {}, key);
  t.not(first.order.certificate, second.order.certificate);
  t.equal(service.http.asked.length, asked, 'the authorization was used again');
});

t.test('an order is taken up where it was after a restart', async (t) => {
  const service = await acmeService(t);
  let client = acmeClient(service);
  const signer = await client.account();
  const address = newAddress();
  const made = await client.order(signer, [ip(address)]);
  const { json } = await client.post(made.json.authorizations[0], signer, '');
  const challenge = json.challenges.find((one: Json) => one.type === 'http-01');
  // The web server is slow; in the middle of it the service goes.
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => { release = resolve; });
  service.http.tokens.set(challenge.token, async () => {
    await held;
    return `${challenge.token}.${signer.pair.thumbprint}`;
  });
  await client.post(challenge.url, signer, {});
  while (!service.http.asked.includes(challenge.token)) await new Promise((resolve) => setTimeout(resolve, 20));
  const { port } = new URL(client.base);
  await service.restart({ CHANCERY_LISTEN__HTTPS: `127.0.0.1:${port}` });
  release();
  client = acmeClient(service);
  const authorization = await client.poll(made.json.authorizations[0], signer, ({ status }) => status !== 'pending');
  t.equal(authorization.json.status, 'valid', 'the validation was begun anew');
  await service.restart({ CHANCERY_LISTEN__HTTPS: `127.0.0.1:${port}` });
  const done = await client.post(made.json.finalize, signer, { csr: csrFor([{ kind: 'ip', value: address }]) });
  t.equal(done.json.status, 'valid');
});

t.test('a finalize whose last write was lost is found again', async (t) => {
  const service = await acmeService(t);
  const client = acmeClient(service);
  const signer = await client.account();
  const address = newAddress();
  const { url, json } = await readyOrder(client, service.http, signer, [address]);
  const { objects } = service.service.core.store;
  const before = await objects.get('acme-order', url.split('/').pop() ?? '');
  const done = await client.post(json.finalize, signer, { csr: csrFor([{ kind: 'ip', value: address }]) });
  const after = await objects.get('acme-order', url.split('/').pop() ?? '');
  if (before === undefined || after === undefined) return void t.fail('no order');
  await objects.write([{ kind: before.kind, id: before.id, expected: after.version, put: { value: before.value, expires: before.expires, indexes: [] } }], []);
  t.same((await client.post(url, signer, '')).json.certificate, done.json.certificate, 'by asking');
  return undefined;
});

t.test('what cannot be finalized is told why, and stays ready', async (t) => {
  const service = await acmeService(t);
  const client = acmeClient(service);
  const signer = await client.account();
  const address = newAddress();
  const pending = await client.order(signer, [ip(newAddress())]);
  t.equal((await client.post(pending.json.finalize, signer, { csr: csrFor([{ kind: 'ip', value: address }]) })).json.type, `${PROBLEM}orderNotReady`);
  const { url, json } = await readyOrder(client, service.http, signer, [address]);
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
  const csrs: Readonly<Record<string, unknown>> = {
    'another name': csrFor([{ kind: 'ip', value: newAddress() }]),
    'a name more': csrFor([{ kind: 'ip', value: address }, { kind: 'dns', value: 'more.example' }]),
    'no name': csrFor([]),
    'the account\'s key': csrFor([{ kind: 'ip', value: address }], signer.pair.privateKey),
    'a weak key': csrFor([{ kind: 'ip', value: address }], weak),
    'no CSR': b64('nothing'), 'no base64url': 'a+b', 'not a text': 7, nothing: undefined,
  };
  for (const [name, csr] of Object.entries(csrs)) t.match(await client.post(json.finalize, signer, { csr }), { status: 400, json: { type: `${PROBLEM}badCSR` } }, name);
  t.equal((await client.post(url, signer, '')).json.status, 'ready');
});

t.test('notBefore and notAfter are in the certificate as they were asked for', async (t) => {
  const service = await acmeService(t);
  const client = acmeClient(service);
  const signer = await client.account();
  const now = Math.floor(Date.now() / 1000);
  const iso = (seconds: number): string => new Date(seconds * 1000).toISOString().replace('.000', '');
  const { der } = await issued(client, service.http, signer, [newAddress()], { notBefore: iso(now - 3600), notAfter: iso(now + 86_400) });
  const { notBefore, notAfter } = parseCertificate(der);
  t.same([notBefore, notAfter], [now - 3600, now + 86_400]);
  for (const dates of [{ notAfter: iso(now - 1) }, { notBefore: iso(now + 10), notAfter: iso(now + 5) }, { notAfter: iso(now + 400 * 86_400) }, { notBefore: iso(now - 3 * 86_400) }, { notBefore: 'soon' }, { notAfter: 5 }]) {
    t.match(await client.order(signer, [ip(newAddress())], dates), { status: 400, json: { type: `${PROBLEM}malformed` } }, JSON.stringify(dates));
  }
});

t.test('renewal information moves at once with a revocation, and an order says what it replaces', async (t) => {
  const service = await acmeService(t);
  const client = acmeClient(service);
  const signer = await client.account();
  const address = newAddress();
  const { der } = await issued(client, service.http, signer, [address]);
  const id = certId(der);
  const path = `/acme/issuing/renewal-info/${id}`;
  const before = await service.call('GET', path);
  const { notBefore, notAfter } = parseCertificate(der);
  const [start, end] = [before.json.suggestedWindow.start, before.json.suggestedWindow.end].map((time) => Date.parse(time) / 1000);
  t.ok(Number(start) > notBefore && Number(start) < Number(end) && Number(end) < notAfter);
  t.match(before.headers['retry-after'], /^\d+$/);
  const second = await issued(client, service.http, signer, [address], { replaces: id });
  t.equal(second.order.replaces, id);
  t.match(await client.order(signer, [ip(address)], { replaces: id }), { status: 409, json: { type: `${PROBLEM}alreadyReplaced` } });
  t.match(await client.order(await client.account(), [ip(address)], { replaces: certId(second.der) }), { status: 403 }, 'another account\'s');
  t.match(await client.order(signer, [ip(newAddress())], { replaces: certId(second.der) }), { status: 400 }, 'no name in common');
  t.match(await client.order(signer, [ip(address)], { replaces: 'x.y' }), { status: 400 });
  t.equal((await client.post(`${client.base}/revoke-cert`, signer, { certificate: b64(der), reason: 4 })).status, 200);
  const after = await service.call('GET', path);
  t.ok(Date.parse(after.json.suggestedWindow.end) < Date.now(), 'in the past');
  t.equal((await service.call('GET', '/acme/issuing/renewal-info/AAAA.AAAA')).status, 404);
  t.equal((await service.call('GET', '/acme/issuing/renewal-info/nothing')).status, 400);
});

t.test('certificates are revoked by their account, by their key, and by whoever controls all their names; by nobody else', async (t) => {
  const service = await acmeService(t);
  const client = acmeClient(service);
  const url = `${client.base}/revoke-cert`;
  const owner = await client.account();
  const stranger = await client.account();
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const [one, two, three] = [newAddress(), newAddress(), newAddress()];
  const first = await issued(client, service.http, owner, [one]);
  const second = await issued(client, service.http, owner, [two], {}, key);
  const third = await issued(client, service.http, owner, [one, three]);
  const revoke = (signer: Parameters<typeof client.post>[1], der: Buffer, more: object = {}): ReturnType<typeof client.post> => client.post(url, signer, { certificate: b64(der), ...more });

  t.match(await revoke(stranger, first.der), { status: 403, json: { type: `${PROBLEM}unauthorized` } });
  t.match(await revoke({ pair: newPair() }, first.der), { status: 403, json: { type: `${PROBLEM}unauthorized` } }, 'another key');
  for (const reason of [2, 6, 7, 8, 10, 11, -1, '1', null, 1.5]) t.match(await revoke(owner, first.der, { reason }), { status: 400, json: { type: `${PROBLEM}badRevocationReason` } }, String(reason));
  t.equal((await revoke(owner, first.der, { reason: 4 })).status, 200);
  t.match(await revoke(owner, first.der), { status: 400, json: { type: `${PROBLEM}alreadyRevoked` } });
  t.equal((await service.service.core.store.certificates.get(parseCertificate(first.der).serial))?.revocation?.reason, 'superseded');

  t.equal((await revoke({ pair: newPair('ES256', key) }, second.der, { reason: 1 })).status, 200, 'by its key');
  const again = await readyOrder(client, service.http, owner, [two]);
  t.match(await client.post(again.json.finalize, owner, { csr: csrFor([{ kind: 'ip', value: two }], key) }), { status: 400 }, 'a compromised key is certified no more');

  await authorize(client, service.http, stranger, (await client.order(stranger, [ip(one)])).json);
  t.match(await revoke(stranger, third.der), { status: 403 }, 'controls one of two names');
  await authorize(client, service.http, stranger, (await client.order(stranger, [ip(three)])).json);
  t.equal((await revoke(stranger, third.der)).status, 200, 'controls both');
  t.match(await client.post(url, owner, { certificate: b64(Buffer.concat([third.der, Buffer.of(0)])) }), { status: 400 });
  t.match(await client.post(url, owner, { certificate: 'x' }), { status: 400 });
});

t.test('an external account\'s key may be demanded, binds once, and may stand for the control of names', async (t) => {
  const service = await acmeService(t, { CHANCERY_ACME__EXTERNAL_ACCOUNT: 'required', CHANCERY_ACME__ALLOW: '["**.lab.internal"]' });
  const client = acmeClient(service);
  const url = `${client.base}/new-account`;
  const make = async (body: object): Promise<Json> => (await service.call('POST', '/v1/acme/eab-keys', { certificate: service.operator, body })).json;
  const { id, hmac } = await make({ names: ['**.lab.internal'], note: 'lab' });
  t.equal(Buffer.from(hmac, 'base64url').length, 32);
  t.notMatch(JSON.stringify((await service.service.core.store.objects.get('acme-eab', id))?.value), new RegExp(hmac), 'sealed in the store');
  const pair = newPair();
  t.match((await client.account(pair)).reply, { status: 403, json: { type: `${PROBLEM}externalAccountRequired` } });
  const wrong: Readonly<Record<string, object>> = {
    'another MAC': binding(id, b64(Buffer.alloc(32)), url, pair),
    'an unknown key': binding('nobodynobodynob2', hmac, url, pair),
    'another account key': binding(id, hmac, url, newPair()),
    'another address': binding(id, hmac, `${url}/`, pair),
    'with a nonce': binding(id, hmac, url, pair, { nonce: 'AAAA' }),
    'another algorithm': binding(id, hmac, url, pair, { alg: 'none' }),
    'an asymmetric one': binding(id, hmac, url, pair, { alg: 'ES256' }),
  };
  for (const [name, externalAccountBinding] of Object.entries(wrong)) t.ok((await client.account(pair, { externalAccountBinding })).reply.status >= 400, name);
  const signer = await client.account(pair, { externalAccountBinding: binding(id, hmac, url, pair) });
  t.match(signer.reply, { status: 201, json: { externalAccountBinding: { signature: /./ } } });
  const other = newPair();
  t.match((await client.account(other, { externalAccountBinding: binding(id, hmac, url, other) })).reply, { status: 403 }, 'used up');

  const names = ['a.lab.internal', '*.b.lab.internal'];
  const order = await client.order(signer, names.map(dnsName));
  t.equal(order.json.status, 'ready', 'no challenge is needed');
  const done = await client.post(order.json.finalize, signer, { csr: csrFor(names.map((value) => ({ kind: 'dns', value }))) });
  t.equal(done.json.status, 'valid');
  const refused = await client.order(signer, [dnsName('c.lab.internal'), dnsName('example.com'), ip('10.0.0.1')]);
  t.match(refused, { status: 403, json: { type: `${PROBLEM}rejectedIdentifier`, subproblems: [{ identifier: { value: 'example.com' } }, { identifier: { value: '10.0.0.1' } }] } });

  const listed = await service.call('GET', '/v1/acme/eab-keys', { certificate: service.operator });
  t.match(listed.json.items, [{ id, uses: 1, accounts: [signer.kid.split('/').pop()] }]);
  t.notOk(listed.text.includes(hmac) || service.logged.some((line) => line.includes(hmac)), 'the secret is shown once');
  const second = await make({ uses: 5 });
  t.equal((await service.call('DELETE', `/v1/acme/eab-keys/${second.id}`, { certificate: service.operator })).status, 200);
  t.match((await client.account(other, { externalAccountBinding: binding(second.id, second.hmac, url, other) })).reply, { status: 403 }, 'revoked');
  t.equal((await service.call('POST', '/v1/acme/eab-keys', { body: {} })).status, 401);
});

t.test('operators see accounts and orders, and end an account', async (t) => {
  const service = await acmeService(t);
  const client = acmeClient(service);
  const signer = await client.account(newPair(), { contact: ['mailto:ops@example.com'] });
  const address = newAddress();
  await client.order(signer, [ip(address)]);
  const operator = { certificate: service.operator };
  const accounts = await service.call('GET', '/v1/acme/accounts', operator);
  t.match(accounts.json.items, [{ status: 'valid', contact: ['mailto:ops@example.com'], authority: 'issuing' }]);
  const orders = await service.call('GET', '/v1/acme/orders', operator);
  t.match(orders.json.items, [{ status: 'pending', identifiers: [{ value: address }] }]);
  t.match((await service.call('GET', `/v1/acme/orders/${orders.json.items[0].id}`, operator)).json, { authorizations: [{ name: address, status: 'pending' }] });
  t.equal((await service.call('GET', `/v1/acme/orders?account=${accounts.json.items[0].id}`, operator)).json.items.length, 1);
  t.equal((await service.call('GET', '/v1/acme/accounts')).status, 401);
  t.equal((await service.call('POST', `/v1/acme/accounts/${accounts.json.items[0].id}/revoke`, operator)).json.status, 'revoked');
  t.match(await client.order(signer, [ip(address)]), { status: 401, json: { type: `${PROBLEM}unauthorized` } });
  t.match((await client.account(signer.pair)).reply, { status: 401 });
});
