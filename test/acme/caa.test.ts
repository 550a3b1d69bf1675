import t from 'tap';
import { startDns } from '../helpers/dns-server.ts';
import { acmeClient, acmeService, authorize, dnsName } from './client.ts';

const PROBLEM = 'urn:ietf:params:acme:error:';

t.test('CAA is looked at for public names, unless their zone is private', async (t) => {
  const dns = await startDns(t);
  const service = await acmeService(t, { CHANCERY_ACME__RESOLVER: dns.address, CHANCERY_ACME__PRIVATE_ZONES: '["**.corp.example.com"]' });
  const client = acmeClient(service);
  const signer = await client.account();
  dns.set('example.com', 'CAA', '0 issue ca.example.net');
  dns.set('internal', 'CAA', '0 issue ca.example.net');
  const outcome = async (name: string): Promise<string> => {
    dns.set(name, 'A', '127.0.0.1');
    const made = await client.order(signer, [dnsName(name)]);
    await authorize(client, service.http, signer, made.json);
    const { json } = await client.post(made.json.authorizations[0], signer, '');
    return json.status === 'valid' ? 'valid' : json.challenges.find((one: { error?: object }) => one.error !== undefined).error.type;
  };
  t.equal(await outcome('www.example.com'), `${PROBLEM}caa`, 'a public name whose records name another authority');
  t.equal(await outcome('a.corp.example.com'), 'valid', 'in a private zone');
  t.equal(await outcome('a.lab.internal'), 'valid', 'of no registry');
  t.same(dns.asked.filter(({ type, name }) => type === 'CAA' && /corp|internal/.test(name)), [], 'nobody is asked about these');
});

t.test('with a name of its own, an authority is permitted by it, and forbidden without it, for all names', async (t) => {
  const dns = await startDns(t);
  const service = await acmeService(t, { CHANCERY_ACME__RESOLVER: dns.address, CHANCERY_ACME__CAA_IDENTITIES: '["CA.example.net"]' });
  const client = acmeClient(service);
  const signer = await client.account();
  for (const [name, record, status] of [['a.example.com', '0 issue ca.example.net', 'valid'], ['b.example.com', '0 issue other.example', 'invalid'], ['c.lab.internal', '0 issue other.example', 'invalid']] as const) {
    dns.set(name, 'A', '127.0.0.1');
    dns.set(name, 'CAA', record);
    const made = await client.order(signer, [dnsName(name)]);
    await authorize(client, service.http, signer, made.json);
    t.equal((await client.post(made.json.authorizations[0], signer, '')).json.status, status, name);
  }
});
