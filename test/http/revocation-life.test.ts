import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { makeCsr, openssl } from '../helpers/openssl.ts';
import { type Json, type Reply, startTestService, type TestService } from '../helpers/service.ts';

const PKCS10 = { 'content-type': 'application/pkcs10' };

interface Issued {
  readonly serial: string;
  readonly key: string;
  readonly ask: () => Promise<Reply>;
}

async function issue(chancery: TestService, name: string, key?: readonly string[]): Promise<Issued> {
  const files = makeCsr(chancery.folder, name, { san: `DNS:${name}.example.com`, ...(key === undefined ? {} : { key }) });
  const ask = (): Promise<Reply> => chancery.call('POST', '/v1/requests?profile=server', { certificate: chancery.operator, headers: PKCS10, body: readFileSync(files.csr) });
  return { serial: (await ask()).json.serial as string, key: files.key, ask };
}

const revoke = (chancery: TestService, serial: string, body: object, as: object = { certificate: chancery.operator }): Promise<Reply> =>
  chancery.call('POST', `/v1/certificates/${serial}/revoke`, { ...as, body });

/** What OpenSSL reads in the CRL once it has another number. */
async function nextCrlText(chancery: TestService, before: string): Promise<string> {
  for (let tries = 0; tries < 200; tries += 1) {
    const path = join(chancery.folder, 'now.crl');
    writeFileSync(path, (await chancery.plain('GET', '/crl/issuing.crl')).bytes);
    const text = openssl('crl', '-inform', 'DER', '-in', path, '-noout', '-text');
    if (text !== before) return text;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('no other CRL');
}

const events = async (chancery: TestService, event: string): Promise<Json[]> =>
  ((await chancery.call('GET', '/v1/audit?limit=500', { certificate: chancery.operator })).json.items as Json[]).filter((entry) => entry.event === event);

t.test('a hold is on the CRL, its release takes it off, and it authenticates again', async (t) => {
  const chancery = await startTestService(t);
  const { operator } = chancery;
  const { serial } = await issue(chancery, 'held');
  const path = `/v1/certificates/${serial}/release`;
  const before = await nextCrlText(chancery, '');
  t.equal((await chancery.call('POST', path, { certificate: operator })).status, 409, 'what is valid cannot be released');

  const held = await revoke(chancery, serial, { reason: 'certificateHold' });
  t.match(held.json, { status: 'revoked', revocation: { reason: 'certificateHold' } });
  const listed = await nextCrlText(chancery, before);
  t.match(listed, serial.toUpperCase());
  t.match(listed, 'Certificate Hold');
  t.equal((await revoke(chancery, serial, { reason: 'certificateHold' })).json.type, 'urn:chancery:error:already-revoked', 'a hold is no second one');

  t.equal((await chancery.call('POST', path)).status, 401);
  const reader = (await chancery.call('POST', '/v1/api-keys', { certificate: operator, body: { name: 'reader', scopes: ['read'] } })).json.key as string;
  t.equal((await chancery.call('POST', path, { bearer: reader })).status, 403);
  t.equal((await chancery.call('POST', path, { certificate: operator, body: { reason: 'sorry' } })).status, 400, 'an unknown member');
  const released = await chancery.call('POST', path, { certificate: operator });
  t.equal(released.status, 200);
  t.equal(released.json.status, 'valid');
  t.equal(released.json.revocation, undefined);
  t.notMatch(await nextCrlText(chancery, listed), serial.toUpperCase());
  t.match(await events(chancery, 'certificate.released'), [{ subject: serial, actor: /^client-certificate:/ }]);

  t.equal((await chancery.call('POST', path, { certificate: operator })).json.type, 'urn:chancery:error:not-held');
  t.equal((await revoke(chancery, serial, { reason: 'certificateHold' })).status, 200, 'held once more');
  const final = await revoke(chancery, serial, { reason: 'superseded' });
  t.match(final.json, { status: 'revoked', revocation: { reason: 'superseded' } }, 'a hold may become final');
  const never = await chancery.call('POST', path, { certificate: operator });
  t.equal(never.status, 409);
  t.match(never.json.detail, /for good .*superseded/);
  t.equal((await chancery.call('POST', '/v1/certificates/00aa/release', { certificate: operator })).status, 404);
});

t.test('a holder revokes, and cannot hold or release', async (t) => {
  const chancery = await startTestService(t);
  const files = makeCsr(chancery.folder, 'holder', { san: 'DNS:holder.example.com' });
  const issued = (await chancery.call('POST', '/v1/requests?profile=client', { certificate: chancery.operator, headers: PKCS10, body: readFileSync(files.csr) })).json;
  const holder = { certificate: { cert: `${issued.certificate}${issued.chain.join('')}`, key: readFileSync(files.key, 'utf8') } };
  t.equal((await revoke(chancery, issued.serial, { reason: 'certificateHold' }, holder)).status, 403);
  t.equal((await revoke(chancery, issued.serial, { reason: 'certificateHold' })).status, 200);
  t.equal((await chancery.call('POST', `/v1/certificates/${issued.serial}/release`, holder)).status, 401, 'who is on hold is nobody');
  t.equal((await chancery.call('POST', `/v1/certificates/${issued.serial}/release`, { certificate: chancery.operator })).status, 200);
  t.equal((await revoke(chancery, issued.serial, { reason: 'cessationOfOperation' }, holder)).status, 200);
});

/** A CSR that OpenSSL makes with the key, PEM. */
function proofBy(chancery: TestService, key: string, commonName: string, extra: readonly string[] = []): string {
  const out = join(chancery.folder, 'proof.csr');
  openssl('req', '-new', '-key', key, '-subj', `/CN=${commonName}`, '-out', out, ...extra);
  return readFileSync(out, 'utf8');
}

t.test('whoever holds the key revokes, and the key is blocked for ever', async (t) => {
  const chancery = await startTestService(t);
  for (const [name, key] of [['p256', undefined], ['rsa', ['rsa:2048']], ['ed25519', ['ed25519']]] as const) {
    const { serial, key: file, ask } = await issue(chancery, name, key);
    const proof = proofBy(chancery, file, `chancery revoke ${serial}`);
    const revoked = await revoke(chancery, serial, { reason: 'keyCompromise', proof }, {});
    t.equal(revoked.status, 200, name);
    t.match(revoked.json, { status: 'revoked', revocation: { reason: 'keyCompromise' } });
    t.equal(revoked.json.requester, undefined, 'who asked for it is not told to strangers');
    const replayed = await revoke(chancery, serial, { proof }, {});
    t.equal(replayed.status, 409, 'sent again, it does nothing');
    t.match((await ask()).json.errors, [{ code: 'step-block-list' }], 'no later certificate has the key');
  }
  t.match((await events(chancery, 'certificate.revoked'))[0], { actor: /^key:[0-9a-f]{64}$/, details: { reason: 'keyCompromise', proof: 'possession' } });
  t.equal((await events(chancery, 'key.blocked')).length, 3);
});

t.test('a proof replaces another reason, the serial in it is read as people write it', async (t) => {
  const chancery = await startTestService(t);
  const { serial, key } = await issue(chancery, 'again');
  await revoke(chancery, serial, { reason: 'superseded' });
  const revoked = await revoke(chancery, serial.toUpperCase(), { proof: proofBy(chancery, key, `chancery revoke ${serial.toUpperCase()}`) }, {});
  t.equal(revoked.status, 200);
  t.equal(revoked.json.revocation.reason, 'keyCompromise');
});

t.test('what is no proof', async (t) => {
  const chancery = await startTestService(t);
  const { serial, key } = await issue(chancery, 'safe');
  const other = await issue(chancery, 'other');
  const good = proofBy(chancery, key, `chancery revoke ${serial}`);
  const refused = async (what: string, body: object, status: number, code: string, to = serial): Promise<void> => {
    const reply = await revoke(chancery, to, body, {});
    t.equal(reply.status, status, what);
    t.equal(reply.json.type, `urn:chancery:error:${code}`, what);
  };
  const der = Buffer.from(good.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
  der.writeUInt8(der.readUInt8(der.length - 1) ^ 1, der.length - 1);
  await refused('the CSR of the enrolment', { proof: readFileSync(join(chancery.folder, 'safe.csr'), 'utf8') }, 403, 'forbidden');
  await refused('another key', { proof: proofBy(chancery, other.key, `chancery revoke ${serial}`) }, 403, 'forbidden');
  await refused('another serial', { proof: proofBy(chancery, key, `chancery revoke ${other.serial}`) }, 403, 'forbidden');
  await refused('a proof for another certificate', { proof: good }, 403, 'forbidden', other.serial);
  await refused('a serial with more behind it', { proof: proofBy(chancery, key, `chancery revoke ${serial} no`) }, 403, 'forbidden');
  await refused('the signature of another', { proof: der.toString('base64') }, 400, 'csr-possession');
  await refused('no CSR', { proof: 'nonsense' }, 400, 'csr-malformed');
  await refused('a certificate', { proof: chancery.root }, 400, 'csr-malformed');
  await refused('nothing', { proof: '' }, 400, 'body-invalid');
  await refused('another reason', { reason: 'superseded', proof: good }, 400, 'body-invalid');
  await refused('an unknown serial', { proof: good }, 404, 'not-found', '00aa');
  t.equal((await chancery.call('GET', `/v1/certificates/${serial}`)).json.status, 'valid');
});

t.test('who sends too many bad proofs is locked out for a while', async (t) => {
  const chancery = await startTestService(t, { settings: { CHANCERY_LIMITS__FAILURES_PER_ADDRESS: '5' } });
  const { serial, key } = await issue(chancery, 'guessed');
  for (let attempt = 0; attempt < 5; attempt += 1) t.equal((await revoke(chancery, serial, { proof: 'guess' }, {})).status, 400);
  const late = await revoke(chancery, serial, { proof: proofBy(chancery, key, `chancery revoke ${serial}`) }, {});
  t.equal(late.status, 429);
  t.ok(Number(late.headers['retry-after']) > 0);
});
