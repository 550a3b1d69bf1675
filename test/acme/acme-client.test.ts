import { X509Certificate } from 'node:crypto';
import { Agent } from 'node:https';
import acme from 'acme-client';
import t from 'tap';
import { startDns } from '../helpers/dns-server.ts';
import { acmeService } from './client.ts';

// A client that others wrote, against a service that really listens.

const dns = await startDns(t);
const service = await acmeService(t, { CHANCERY_ACME__RESOLVER: dns.address });
acme.axios.defaults.httpsAgent = new Agent({ ca: service.root });
const directoryUrl = `${service.service.addresses.https ?? ''}/acme/issuing/directory`;
const newClient = async (): Promise<acme.Client> => new acme.Client({ directoryUrl, accountKey: await acme.crypto.createPrivateEcdsaKey(), backoffAttempts: 20, backoffMin: 100, backoffMax: 500 });

let names = 0;
/** A name of this machine that no other test has. */
function newName(): string {
  const name = `n${++names}.example.net`;
  dns.set(name, 'A', '127.0.0.1');
  return name;
}

/** Its automatic mode, by http-01. */
const auto = async (client: acme.Client, altNames: readonly string[], key?: acme.PrivateKeyBuffer): Promise<X509Certificate> => {
  const [, csr] = await acme.crypto.createCsr({ altNames: [...altNames] }, key);
  return new X509Certificate(await client.auto({
    csr, termsOfServiceAgreed: true, challengePriority: ['http-01'], skipChallengeVerification: true,
    challengeCreateFn: (_authorization, { token }, keyAuthorization) => Promise.resolve(void service.http.tokens.set(token, keyAuthorization)),
    challengeRemoveFn: (_authorization, { token }) => Promise.resolve(void service.http.tokens.delete(token)),
  }));
};

t.test('its automatic mode: several names, keys of each kind, the same key again', async (t) => {
  const client = await newClient();
  const [one, two] = [newName(), newName()];
  const first = await auto(client, [one, two]);
  t.equal(first.subjectAltName, `DNS:${one}, DNS:${two}`);
  const key = await acme.crypto.createPrivateRsaKey(2048);
  const [second, third] = [await auto(client, [newName()], key), await auto(client, [newName()], key)];
  t.equal(second.publicKey.asymmetricKeyType, 'rsa');
  t.not(second.serialNumber, third.serialNumber);
  t.equal(service.http.tokens.size, 0);
});

t.test('step by step: account found again, updated, key rolled over, order refused and revoked', async (t) => {
  const client = await newClient();
  const made = await client.createAccount({ termsOfServiceAgreed: true, contact: ['mailto:a@example.com'] });
  t.match(made, { status: 'valid', contact: ['mailto:a@example.com'] });
  const url = client.getAccountUrl();
  await client.createAccount({ termsOfServiceAgreed: true });
  t.equal(client.getAccountUrl(), url, 'the same key finds the same account');
  t.match(await client.updateAccount({ contact: ['mailto:b@example.com'] }), { contact: ['mailto:b@example.com'] });
  await client.updateAccountKey(await acme.crypto.createPrivateEcdsaKey('P-384'));
  t.match(await client.updateAccount({}), { contact: ['mailto:b@example.com'] }, 'with the new key');

  const certificate = await auto(client, [newName()]);
  await client.revokeCertificate(certificate.toString(), { reason: 4 } as never);
  t.match((await service.service.core.store.certificates.get(certificate.serialNumber.toLowerCase()))?.revocation, { reason: 'superseded' });
  await t.rejects(client.revokeCertificate(certificate.toString()), /already revoked/);

  const order = await client.createOrder({ identifiers: [{ type: 'dns', value: newName() }] });
  const [authorization] = await client.getAuthorizations(order);
  t.match(await client.deactivateAuthorization(authorization as acme.Authorization), { status: 'deactivated' });
  t.match(await client.getOrder(order), { status: 'invalid' });
  t.match(await client.updateAccount({ status: 'deactivated' } as never), { status: 'deactivated' });
  await t.rejects(client.createOrder({ identifiers: [{ type: 'dns', value: newName() }] }), /deactivated|unauthorized/i);
});
