import t from 'tap';
import type { Json, Reply } from '../helpers/service.ts';
import { acmeClient, acmeService, b64, binding, csrFor, dnsName, ip, newAddress, newPair } from './client.ts';

const PROBLEM = 'urn:ietf:params:acme:error:';

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

t.test('where two operators approve, who made the account\'s key is none of them', async (t) => {
  const service = await acmeService(t, {
    CHANCERY_ACME__ALLOW: '["**.lab.internal"]', CHANCERY_PROFILES__ACME__APPROVAL: 'true', CHANCERY_ELIGIBILITY: '["key","names","profile",{"step":"approval","approvals":2}]',
  });
  const client = acmeClient(service);
  const operatorKey = async (name: string): Promise<string> => (await service.call('POST', '/v1/api-keys', { certificate: service.operator, body: { name, scopes: ['admin'] } })).json.key;
  const [maker, second, third] = [await operatorKey('maker'), await operatorKey('second'), await operatorKey('third')];
  const { id, hmac } = (await service.call('POST', '/v1/acme/eab-keys', { bearer: maker, body: { names: ['**.lab.internal'] } })).json;
  const pair = newPair();
  const signer = await client.account(pair, { externalAccountBinding: binding(id, hmac, `${client.base}/new-account`, pair) });
  const order = await client.order(signer, [dnsName('a.lab.internal')]);
  t.equal((await client.post(order.json.finalize, signer, { csr: csrFor([{ kind: 'dns', value: 'a.lab.internal' }]) })).json.status, 'processing');
  const [waiting] = (await service.call('GET', '/v1/requests?state=pending', { bearer: second })).json.items;
  const approve = (bearer: string): Promise<Reply> => service.call('POST', `/v1/requests/${waiting.id}/approve`, { bearer });
  t.match(await approve(maker), { status: 403, json: { errors: [{ code: 'approval-own' }] } });
  t.match(await approve(second), { status: 200, json: { state: 'pending' } });
  t.match(await approve(third), { status: 200, json: { state: 'issued' } });
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
