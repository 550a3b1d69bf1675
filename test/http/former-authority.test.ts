import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { rollAuthority } from '../../src/roll.ts';
import { makeCsr, openssl, opensslStatus } from '../helpers/openssl.ts';
import { readDocument } from '../helpers/revocations.ts';
import { type Reply, startTestService, type TestService } from '../helpers/service.ts';

const PKCS10 = { 'content-type': 'application/pkcs10' };

const issue = async (chancery: TestService, name: string, profile = 'server'): Promise<Reply['json']> => {
  const { csr } = makeCsr(chancery.folder, name, profile === 'server' ? { san: `DNS:${name}.example.com` } : { subject: `/CN=${name}` });
  return (await chancery.call('POST', `/v1/requests?profile=${profile}`, { certificate: chancery.operator, headers: PKCS10, body: readFileSync(csr) })).json;
};

const crlWith = async (chancery: TestService, authority: string, serial: string): Promise<Buffer> => {
  for (const end = performance.now() + 8000; performance.now() < end; await new Promise((resolve) => setTimeout(resolve, 50))) {
    const reply = await chancery.plain('GET', `/crl/${authority}.crl`);
    if (reply.status === 200 && readDocument(reply.bytes).entries.has(serial)) return reply.bytes;
  }
  throw new Error(`the CRL of ${authority} does not list ${serial}`);
};

t.test('after another authority has taken over, both publish: what the former one issued is revoked on its own CRL', async (t) => {
  const chancery = await startTestService(t);
  const before = await issue(chancery, 'before');
  const next = await issue(chancery, 'Issuing 2', 'subordinate');
  t.equal(next.state, 'issued', JSON.stringify(next));
  const folder = join(chancery.config.data, 'authorities', 'issuing-2');
  mkdirSync(folder, { mode: 0o700 });
  const key = join(folder, 'key.pem');
  openssl('pkcs8', '-topk8', '-nocrypt', '-in', join(chancery.folder, 'Issuing 2.key'), '-out', key);
  writeFileSync(join(folder, 'cert.pem'), next.certificate);
  await chancery.restart({ CHANCERY_AUTHORITY__ISSUING: 'issuing-2' });

  const { json: { items } } = await chancery.call('GET', '/v1/authorities');
  t.same(items.map((one: { name: string }) => one.name), ['root', 'issuing-2', 'issuing']);
  const after = await issue(chancery, 'after');
  for (const [serial, authority] of [[before.serial, 'issuing'], [after.serial, 'issuing-2']]) {
    t.equal((await chancery.call('POST', `/v1/certificates/${serial}/revoke`, { certificate: chancery.operator, body: { reason: 'superseded' } })).status, 200);
    const path = join(chancery.folder, `${authority}.crl`);
    writeFileSync(path, await crlWith(chancery, authority, serial));
    const issuer = join(chancery.folder, `${authority}.pem`);
    writeFileSync(issuer, (await chancery.plain('GET', `/ca/${authority}.pem`)).text);
    t.match(opensslStatus('crl', '-inform', 'DER', '-in', path, '-noout', '-CAfile', issuer).text, 'verify OK');
  }
  t.notOk(readDocument((await chancery.plain('GET', '/crl/issuing.crl')).bytes).entries.has(after.serial));
  t.equal((await chancery.plain('GET', '/readyz')).status, 200);

  // Its key may go away: what it published last stays.
  rmSync(join(chancery.config.data, 'authorities', 'issuing', 'key.pem'));
  await chancery.restart({ CHANCERY_AUTHORITY__ISSUING: 'issuing-2' });
  t.ok(readDocument((await chancery.plain('GET', '/crl/issuing.crl')).bytes).entries.has(before.serial));
});

t.test('a former authority is told of as long as its certificate lasts, and then no more', async (t) => {
  const DAY = 86_400_000;
  let now = Date.now();
  const chancery = await startTestService(t, { clock: () => now, init: { issuingLifetime: 30 * 86_400 } });
  await chancery.service.stop();
  await rollAuthority('issuing', { from: Math.floor(now / 1000), lifetime: 365 * 86_400 }, chancery.config, () => now);
  await chancery.restart();
  const metrics = async (): Promise<string> => (await fetch(`${chancery.service.addresses.metrics}/metrics`)).text();
  const during = await metrics();
  for (const told of ['chancery_crl_left_seconds{authority="issuing",', 'chancery_ocsp_responder_end_seconds{authority="issuing"}', 'chancery_authority_days_left{authority="issuing-2"}', 'chancery_authority_days_left{authority="root"}']) t.match(during, told);
  t.notMatch(during, 'chancery_authority_days_left{authority="issuing"}', 'it issues no more: its end is awaited');

  now += 40 * DAY;
  chancery.logged.length = 0;
  await chancery.restart();
  const after = await metrics();
  t.notMatch(after, 'authority="issuing"');
  t.match(after, 'chancery_ocsp_responder_end_seconds{authority="issuing-2"}');
  t.match(await chancery.plain('GET', '/readyz'), { status: 200, json: { status: 'ready', checks: [{}, {}, {}, {}, {}, { name: 'ocsp', ok: true, detail: undefined }] } });
  t.same(chancery.logged.filter((line) => !line.includes('"level":30')), []);

  rmSync(join(chancery.config.data, 'authorities', 'issuing', 'key.pem'));
  await chancery.restart();
  t.notMatch((await chancery.plain('GET', '/readyz')).text, 'detail', 'nobody waits for the last CRL of a key that was taken away');
});
