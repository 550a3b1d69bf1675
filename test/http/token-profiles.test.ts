import { readFileSync } from 'node:fs';
import t from 'tap';
import { makeCsr } from '../helpers/openssl.ts';
import { startTestService } from '../helpers/service.ts';

const PKCS10 = { 'content-type': 'application/pkcs10' };

t.test('a token for several profiles yields one certificate of each, and its holder says which', async (t) => {
  const chancery = await startTestService(t);
  const made = await chancery.call('POST', '/v1/tokens', { certificate: chancery.operator, body: { profile: ['server', 'client'], names: ['docker1.example.com'] } });
  t.equal(made.status, 201, made.text);
  t.match(made.json, { profile: 'server', profiles: ['server', 'client'], uses: 2, used: 0 });
  const ask = (name: string, query: string) => chancery.call('POST', `/v1/requests${query}`, {
    bearer: String(made.json.token), headers: PKCS10, body: readFileSync(makeCsr(chancery.folder, name, { san: 'DNS:docker1.example.com' }).csr),
  });

  const unsaid = await ask('unsaid', '');
  t.equal(unsaid.status, 400);
  t.match(unsaid.json, { type: 'urn:chancery:error:profile-missing', errors: [{ code: 'profile', detail: 'server', at: '/profile' }, { code: 'profile', detail: 'client', at: '/profile' }] });
  const other = await ask('other', '?profile=node');
  t.equal(other.status, 403, 'and no other profile');
  for (const profile of ['server', 'client']) {
    const reply = await ask(profile, `?profile=${profile}`);
    t.equal(reply.status, 201, reply.text);
    t.equal(reply.json.profile, profile);
  }
  const third = await ask('third', '?profile=client');
  t.match(third.json, { type: 'urn:chancery:error:token-exhausted' });
  await chancery.restart();
  t.match((await chancery.call('GET', `/v1/tokens/${String(made.json.id)}`, { certificate: chancery.operator })).json, { profiles: ['server', 'client'], used: 2 });
});

t.test('every profile of a token must be one that tokens are made for', async (t) => {
  const chancery = await startTestService(t);
  const make = (profile: unknown) => chancery.call('POST', '/v1/tokens', { certificate: chancery.operator, body: { profile, names: ['a.example.com'] } });
  const wrong = await make(['server', 'operator', 'nobody']);
  t.equal(wrong.status, 400);
  t.same(wrong.json.errors.map(({ code }: { code: string }) => code), ['profile-operators-only', 'profile-unknown']);
  for (const profile of [[], ['server', 'server'], [''], 7]) t.equal((await make(profile)).status, 400, JSON.stringify(profile));
  t.match((await make(['server'])).json, { profiles: ['server'], uses: 1 });
});

t.test('a name that no certificate of the profile could have is refused with the token, and not on the node', async (t) => {
  const chancery = await startTestService(t);
  const make = (profile: string | readonly string[], names: readonly string[]) => chancery.call('POST', '/v1/tokens', { certificate: chancery.operator, body: { profile, names } });
  const refused: readonly [string | readonly string[], string, RegExp][] = [
    ['server', 'my_host', /"my_host" cannot be a name of profile server: .*has characters other than letters, digits and hyphens/],
    ['server', 'b\u00fccher.example', /written in ASCII it is xn--bcher-kva\.example/],
    ['server', 'ops@example.com', /it is of kind email; expected dns, ip$/],
    [['server', 'node'], 'ops@example.com', /profile server, node: it is of kind email; expected dns, ip, uri$/],
    ['server', 'host.example.com.', /ends in a dot/],
  ];
  for (const [profile, name, why] of refused) {
    t.match(await make(profile, ['a.example.com', name]), { status: 400, json: { errors: [{ code: 'name-kind', at: '/names/1', detail: why }] } }, name);
  }
  const taken: readonly [string | readonly string[], string][] = [
    ['server', 'A.Example.COM'], ['server', 'localhost'], ['server', '2001:DB8::1'], ['server', '10.0.0.0/8'], ['server', '*'], ['server', '**.example.com'],
    ['node', 'spiffe://example.com/ns/*'], ['node', 'spiffe://example.com/ci'], ['client', 'Jane Doe'], [['server', 'client'], 'Jane Doe'], ['client', 'ops@example.com'],
  ];
  for (const [profile, name] of taken) t.equal((await make(profile, [name])).status, 201, name);
});
