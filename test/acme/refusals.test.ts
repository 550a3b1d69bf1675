import t from 'tap';
import { acmeClient, acmeService, dnsName, ip, newAddress, newPair } from './client.ts';

const PROBLEM = 'urn:ietf:params:acme:error:';
const type = (name: string): object => ({ json: { type: `${PROBLEM}${name}` } });

t.test('accounts: made once, found, changed, ended', async (t) => {
  const service = await acmeService(t, { CHANCERY_ACME__TERMS_OF_SERVICE: 'https://ca.example.com/terms' });
  const client = acmeClient(service);
  const pair = newPair('EdDSA');
  t.match((await client.account(pair, { onlyReturnExisting: true })).reply, { status: 400, ...type('accountDoesNotExist') });
  t.match((await client.account(pair)).reply, { status: 403, ...type('userActionRequired'), headers: { link: /rel="terms-of-service"/ } });
  const made = await Promise.all(Array.from({ length: 5 }, () => client.account(pair, { termsOfServiceAgreed: true, contact: ['mailto:a@example.com'] })));
  t.equal(new Set(made.map(({ kid }) => kid)).size, 1, 'five at once make one');
  t.same(made.map(({ reply }) => reply.status).sort((a, b) => a - b), [200, 200, 200, 200, 201]);
  const [signer] = made;
  if (signer === undefined) return;
  for (const [contact, problem] of [[['tel:1'], 'unsupportedContact'], [['mailto:'], 'invalidContact'], [['mailto:a@b.example?x=y'], 'invalidContact'], ['x', 'malformed'], [[5], 'malformed'], [Array(11).fill('mailto:a@b.example'), 'malformed']] as const) {
    t.match(await client.post(signer.kid, signer, { contact }), type(problem), JSON.stringify(contact).slice(0, 40));
  }
  t.same((await client.post(signer.kid, signer, { contact: ['mailto:b@example.com'], status: 'revoked', orders: 'x' })).json.contact, ['mailto:b@example.com']);
  const stranger = await client.account(newPair(), { termsOfServiceAgreed: true });
  t.match(await client.post(signer.kid, stranger, ''), { status: 403, ...type('unauthorized') });
  t.match(await client.post(signer.kid, signer, { status: 'deactivated' }), { status: 200, json: { status: 'deactivated' } });
  t.match(await client.post(signer.kid, signer, ''), { status: 401, ...type('unauthorized') });
  t.match((await client.account(pair, { termsOfServiceAgreed: true })).reply, { status: 401 });
});

t.test('names that no certificate can have, or this one may not, are refused one by one', async (t) => {
  const service = await acmeService(t, { CHANCERY_ACME__DENY: '["**.denied.example"]' });
  const client = acmeClient(service);
  const signer = await client.account();
  for (const value of ['', '.', 'a..b', '-a.example', 'a_b.example', '*.*.example', '*', 'a*.example', '10.0.0.1', 'https://a', 'a.example:1', 'bücher.example', 'xn--a.example', '__proto__', 'a.example\0', 'x'.repeat(300)]) {
    const { status, json } = await client.order(signer, [dnsName(value)]);
    t.ok(status >= 400 && status < 500 && /(rejectedIdentifier|malformed)$/.test(json.type), JSON.stringify(value.slice(0, 20)));
  }
  t.match(await client.order(signer, [dnsName('a.denied.example')]), type('rejectedIdentifier'));
  for (const value of ['10.0.0.1', '2001:db8::1']) {
    t.match(await client.order(signer, [dnsName(value)]), { status: 403, json: { type: `${PROBLEM}rejectedIdentifier`, detail: /is an IP address; expected type ip/ } }, 'as clients order it that know no addresses');
  }
  t.match(await client.order(signer, [{ type: 'email', value: 'a@example.com' }]), type('unsupportedIdentifier'));
  for (const value of ['127.0.0.1/8', '1', '::ffff:10.0.0.1', '256.0.0.1']) t.ok((await client.order(signer, [ip(value)])).status >= 400, value);
  for (const identifiers of [undefined, [], 'x', {}, [null], [{}], [{ type: 'dns' }], [{ type: 'dns', value: 5 }], Array.from({ length: 101 }, (_, n) => dnsName(`${n}.example`))]) {
    t.match(await client.post(`${client.base}/new-order`, signer, { identifiers }), { status: 400, ...type('malformed') });
  }
  t.match(await client.order(signer, [dnsName('a.example')], { profile: 'nothing' }), type('invalidProfile'));
  t.match(await client.order(signer, [dnsName('a.example')], { profile: 'operator' }), type('invalidProfile'));
  const twice = await client.order(signer, [dnsName('A.Example'), dnsName('a.example')]);
  t.same(twice.json.identifiers, [{ type: 'dns', value: 'a.example' }]);
});

t.test('who asks too often is told when to come again', async (t) => {
  const service = await acmeService(t, { CHANCERY_ACME__LIMITS__ACCOUNTS_PER_ADDRESS: '2', CHANCERY_ACME__LIMITS__ORDERS_PER_ACCOUNT: '3', CHANCERY_ACME__LIMITS__ORDERS_PER_NAME: '2' });
  const client = acmeClient(service);
  const signer = await client.account();
  const address = newAddress();
  for (let n = 0; n < 2; n += 1) t.equal((await client.order(signer, [ip(address)])).status, 201);
  t.match(await client.order(signer, [ip(address)]), { status: 429, ...type('rateLimited'), headers: { 'retry-after': /^\d+$/ } }, 'for a name');
  t.equal((await client.order(signer, [ip(newAddress())])).status, 201);
  t.match(await client.order(signer, [ip(newAddress())]), { status: 429, ...type('rateLimited') }, 'of an account');
  t.equal((await client.account()).reply.status, 201);
  t.match((await client.account()).reply, { status: 429, headers: { 'retry-after': /^\d+$/ } }, 'new accounts');
});

t.test('an authorization is made before its order, used by it, and given up', async (t) => {
  const service = await acmeService(t);
  const client = acmeClient(service);
  const signer = await client.account();
  const address = newAddress();
  const made = await client.post(`${client.base}/new-authz`, signer, { identifier: ip(address) });
  t.match(made, { status: 201, json: { status: 'pending', identifier: { value: address } } });
  const url = String(made.headers.location);
  t.match(await client.post(`${client.base}/new-authz`, signer, { identifier: dnsName('*.a.example') }), { status: 400, ...type('malformed') });
  const challenge = made.json.challenges.find((one: { type: string }) => one.type === 'http-01');
  t.same(made.json.challenges.map((one: { type: string }) => one.type), ['http-01', 'tls-alpn-01'], 'none by DNS for an address');
  service.http.tokens.set(challenge.token, `${challenge.token}.${signer.pair.thumbprint}`);
  await client.post(challenge.url, signer, {});
  t.equal((await client.poll(url, signer, ({ status }) => status !== 'pending')).json.status, 'valid');
  const order = await client.order(signer, [ip(address)]);
  t.match(order.json, { status: 'ready', authorizations: [url] });
  t.match(await client.post(url, signer, { status: 'deactivated' }), { status: 200, json: { status: 'deactivated' } });
  t.match((await client.post(String(order.headers.location), signer, '')).json, { status: 'invalid', error: { type: `${PROBLEM}unauthorized` } });
  t.match(await client.post(url, signer, { status: 'valid' }), { status: 400 });
  t.match(await client.post(challenge.url, signer, {}), { status: 400 });
  const wild = await client.order(signer, [dnsName('*.w.example')]);
  t.match((await client.post(wild.json.authorizations[0], signer, '')).json, { wildcard: true, identifier: { value: 'w.example' }, challenges: [{ type: 'dns-01' }] });
  t.match(await client.order(signer, [dnsName('*.co.uk')]), { status: 403, ...type('rejectedIdentifier') }, 'before any challenge');
});

t.test('a challenge that is not met ends in a problem that says why', async (t) => {
  const service = await acmeService(t);
  const client = acmeClient(service);
  const signer = await client.account();
  const made = await client.order(signer, [ip(newAddress())]);
  const [url] = made.json.authorizations;
  const { json } = await client.post(url, signer, '');
  const challenge = json.challenges.find((one: { type: string }) => one.type === 'http-01');
  service.http.tokens.set(challenge.token, 'something else');
  t.match(await client.post(challenge.url, signer, {}), { status: 200, json: { status: 'processing' }, headers: { 'retry-after': '1', link: /rel="up"/ } });
  const ended = await client.poll(url, signer, ({ status }) => status !== 'pending');
  t.match(ended.json, { status: 'invalid', challenges: [{ type: 'http-01', status: 'invalid', error: { type: /unauthorized|incorrectResponse/ } }] });
  t.match((await client.post(String(made.headers.location), signer, '')).json, { status: 'invalid', error: { detail: /./ } });
});
