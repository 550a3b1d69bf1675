import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import t from 'tap';
import { parseCertificate } from '../../src/x509/certificate.ts';
import { decodePem } from '../../src/x509/pem.ts';
import { makeCsr } from '../helpers/openssl.ts';
import type { Json } from '../helpers/service.ts';
import { acmeClient, acmeService, b64, csrFor, ip, issued, newAddress, readyOrder } from './client.ts';

const PROBLEM = 'urn:ietf:params:acme:error:';

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

t.test('CSRs as acme.sh and Proxmox make them: usages that the profile has not are left out, an address may be the common name', async (t) => {
  const service = await acmeService(t);
  const client = acmeClient(service);
  const signer = await client.account();
  const address = newAddress();
  const { json } = await readyOrder(client, service.http, signer, [address]);
  const csrOf = (name: string, ...more: readonly string[]): string => {
    const { csr } = makeCsr(service.folder, name, { subject: `/CN=${address}`, san: `IP:${address}`, extra: more.flatMap((one) => ['-addext', one]) });
    return b64(decodePem(readFileSync(csr, 'latin1'), 'CERTIFICATE REQUEST')[0] ?? '');
  };
  const refused: Readonly<Record<string, readonly [string, RegExp]>> = {
    client: ['extendedKeyUsage=clientAuth', /extended key usage clientAuth .*, which profile acme does not grant/],
    any: ['extendedKeyUsage=anyExtendedKeyUsage', /anyExtendedKeyUsage/],
    authority: ['keyUsage=digitalSignature,keyCertSign', /key usage keyCertSign/],
    staple: ['tlsfeature=status_request', /extension 1\.3\.6\.1\.5\.5\.7\.1\.24, which no profile grants/],
  };
  for (const [name, [extension, why]] of Object.entries(refused)) {
    t.match(await client.post(json.finalize, signer, { csr: csrOf(name, extension) }), { status: 400, json: { type: `${PROBLEM}badCSR`, detail: why } }, name);
  }
  const csr = csrOf('usual', 'extendedKeyUsage=serverAuth,clientAuth', 'basicConstraints=CA:FALSE', 'keyUsage=nonRepudiation,digitalSignature,keyEncipherment');
  const done = await client.post(json.finalize, signer, { csr });
  t.equal(done.json.status, 'valid', done.text);
  const certificate = new X509Certificate((await client.post(done.json.certificate, signer, '')).text);
  t.same(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1'], 'a server\'s alone');
  t.equal(certificate.subject, `CN=${address}`);
  t.equal(certificate.subjectAltName, `IP Address:${address}`);
  const record = await service.service.core.store.requests.get(parseCertificate(certificate.raw).serial);
  t.match(record?.steps.find(({ name }) => name === 'profile')?.reason, /left out: extended key usage clientAuth \(1\.3\.6\.1\.5\.5\.7\.3\.2\), key usage contentCommitment$/);
});
