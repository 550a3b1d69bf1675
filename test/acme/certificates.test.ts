import { generateKeyPairSync } from 'node:crypto';
import t from 'tap';
import { parseCertificate } from '../../src/x509/certificate.ts';
import { decodeAuthorityKeyIdentifier } from '../../src/x509/extensions.ts';
import { OID } from '../../src/x509/oids.ts';
import { acmeClient, acmeService, authorize, b64, csrFor, ip, issued, newAddress, newPair, readyOrder } from './client.ts';

const PROBLEM = 'urn:ietf:params:acme:error:';

const certId = (der: Buffer): string => {
  const { extensions, serial } = parseCertificate(der);
  const keyId = decodeAuthorityKeyIdentifier(extensions.find(({ oid }) => oid === OID.authorityKeyIdentifier)?.value ?? Buffer.alloc(0)) ?? Buffer.alloc(0);
  const octets = Buffer.from(serial.padStart(serial.length + serial.length % 2, '0'), 'hex');
  return `${b64(keyId)}.${b64((octets[0] ?? 0) >= 128 ? Buffer.concat([Buffer.of(0), octets]) : octets)}`;
};

t.test('a certificate by ACME does not renew itself past the control of its names', async (t) => {
  const service = await acmeService(t, { CHANCERY_ACME__PROFILE: 'node' });
  const client = acmeClient(service);
  const signer = await client.account();
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const address = newAddress();
  const { chain } = await issued(client, service.http, signer, [address], {}, key);
  const csr = Buffer.from(csrFor([{ kind: 'ip', value: address }]), 'base64url');
  const certificate = { cert: chain.text, key: String(key.export({ type: 'pkcs8', format: 'pem' })) };
  t.match(await service.call('POST', '/v1/renewals', { certificate, headers: { 'content-type': 'application/pkcs10' }, body: csr }), { status: 403, json: { type: 'urn:chancery:error:renewal-refused', detail: /by ACME/ } });
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
