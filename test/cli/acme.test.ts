import acme from 'acme-client';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type RunningService, startService } from './service.ts';

const service: RunningService = await startService([], { CHANCERY_ACME__ENABLED: 'true', CHANCERY_ACME__EXTERNAL_ACCOUNT: 'required' });
t.teardown(() => service.stop());
acme.axios.defaults.httpsAgent = new (await import('node:https')).Agent({ ca: readFileSync(join(service.data, 'root.pem')) });

const keyOf = async (...args: string[]): Promise<{ readonly id: string; readonly hmac: string }> =>
  JSON.parse((await service.cli(['eab', 'create', '--json', ...args])).stdout) as { id: string; hmac: string };

const clientWith = async ({ id, hmac }: { readonly id: string; readonly hmac: string }): Promise<acme.Client> => new acme.Client({
  directoryUrl: `${service.https}/acme/issuing/directory`, accountKey: await acme.crypto.createPrivateEcdsaKey(), externalAccountBinding: { kid: id, hmacKey: hmac },
});

t.test('eab create, list, revoke', async (t) => {
  t.strictSame(await service.cli(['eab', 'list']), { status: 0, stdout: 'There are no keys for external account binding.\n', stderr: '' });
  const made = await service.cli(['eab', 'create', '--name', '**.lab.internal', '--uses', '2', '--ttl', '2h', '--note', 'the lab']);
  t.equal(made.status, 0, made.stderr);
  t.match(made.stdout, /^kid {12}[a-z2-7]{16}\nhmac {11}[\w-]{43}\npreauthorized {2}\*\*\.lab\.internal\nuses {11}2\nends {11}.+ UTC \(in [12] hours?\)\nnote {11}the lab\n$/);
  const [, id = ''] = /^kid {12}(\S+)$/m.exec(made.stdout) ?? [];
  const [, hmac = ''] = /^hmac {11}(\S+)$/m.exec(made.stdout) ?? [];
  const listed = await service.cli(['eab', 'list']);
  t.match(listed.stdout, new RegExp(`^${id} {2}usable +0/2 +.+ UTC +any +\\*\\*\\.lab\\.internal +the lab$`, 'm'));
  t.notOk(listed.stdout.includes(hmac), 'the secret is shown once');
  t.strictSame(await service.cli(['eab', 'revoke', id]), { status: 0, stdout: `EAB key ${id} is revoked.\n`, stderr: '' });
  t.match((await service.cli(['eab', 'list'])).stdout, new RegExp(`^${id} {2}revoked`, 'm'));
  t.match(await service.cli(['eab', 'revoke', 'aaaaaaaaaaaaaaaa']), { status: 1, stderr: 'chancery: There is no EAB key "aaaaaaaaaaaaaaaa"\n' });
  const wrong = await service.cli(['eab', 'create', '--authority', 'nobody', '--name', '10.0.0.0/99']);
  t.equal(wrong.status, 1);
  t.match(wrong.stderr, /^chancery: .+\n {2}\/authority: .+\n {2}\/names\/0: .+\n$/, 'each fault on a line of its own');
});

t.test('accounts and orders of a real client are seen, and an account loses its rights', async (t) => {
  for (const [args, nothing] of [[['acme', 'accounts'], 'There are no ACME accounts.\n'], [['acme', 'orders'], 'There are no ACME orders.\n']] as const) t.equal((await service.cli(args)).stdout, nothing);
  const key = await keyOf('--name', '**.lab.internal');
  const client = await clientWith(key);
  await client.createAccount({ termsOfServiceAgreed: true, contact: ['mailto:ops@example.com'] });
  const [, csr] = await acme.crypto.createCsr({ altNames: ['a.lab.internal'] });
  const order = await client.finalizeOrder(await client.createOrder({ identifiers: [{ type: 'dns', value: 'a.lab.internal' }] }), csr);
  const { serialNumber } = new (await import('node:crypto')).X509Certificate(await client.getCertificate(order));

  const account = client.getAccountUrl().split('/').pop() ?? '';
  t.match((await service.cli(['acme', 'accounts'])).stdout, new RegExp(`^ID .*\n${account} +valid +issuing +.+ UTC +${key.id} +mailto:ops@example\\.com\n$`));
  const orders = await service.cli(['acme', 'orders', '--account', account]);
  const [, id = ''] = new RegExp(`^(\\S+) +valid +.+ UTC +a\\.lab\\.internal +${serialNumber.toLowerCase()}`, 'm').exec(orders.stdout) ?? [];
  t.ok(id, orders.stdout);
  t.match((await service.cli(['acme', 'order', id])).stdout, new RegExp(`^id +${id}\nstate +valid\naccount +${account}\n(.+\n)*a\\.lab\\.internal +valid\n`));
  t.match(await service.cli(['acme', 'order', '0'.repeat(id.length)]), { status: 1, stderr: /^chancery: .+\n$/ });

  t.strictSame(await service.cli(['acme', 'revoke-account', account]), { status: 0, stdout: `ACME account ${account} is revoked.\n`, stderr: '' });
  await t.rejects(client.createOrder({ identifiers: [{ type: 'dns', value: 'b.lab.internal' }] }), /revoked|unauthorized/);
  t.match((await service.cli(['acme', 'accounts'])).stdout, new RegExp(`^${account} +revoked`, 'm'));
  t.match((await service.cli(['eab', 'list'])).stdout, new RegExp(`^${key.id} {2}used up +1/1`, 'm'));
  await t.rejects((await clientWith(key)).createAccount({ termsOfServiceAgreed: true }), 'the key is used up');
});
