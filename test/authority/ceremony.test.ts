import t from 'tap';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { initAuthorities } from '../../src/authority/ceremony.ts';
import { loadAuthorities } from '../../src/authority/load.ts';
import type { AuthorityAlgorithm } from '../../src/authority/options.ts';
import { initOptions, makeTestAuthorities } from '../helpers/authority.ts';
import { makeOld, temporaryFolder } from '../helpers/folder.ts';
import { makeCsr, openssl, opensslStatus } from '../helpers/openssl.ts';
import { faultsOf, refusalOf } from './assert.ts';

/** How OpenSSL calls the signature of each, and how long its key is. RSA-4096 takes seconds to make, and differs in nothing. */
const ALGORITHMS: Readonly<Partial<Record<AuthorityAlgorithm, readonly [RegExp, RegExp]>>> = {
  'P-256': [/ecdsa-with-SHA256/, /\(256 bit\)/],
  'P-384': [/ecdsa-with-SHA384/, /\(384 bit\)/],
  Ed25519: [/ED25519/, /ED25519 Public-Key/],
  'RSA-2048': [/sha256WithRSAEncryption/, /\(2048 bit\)/],
  'RSA-3072': [/sha256WithRSAEncryption/, /\(3072 bit\)/],
};

for (const [algorithm, [signature, size]] of Object.entries(ALGORITHMS)) {
  t.test(`${algorithm}: root and issuing authority pass OpenSSL, and load`, async (t) => {
    const { data, made, authorities } = await makeTestAuthorities({ algorithm: algorithm as AuthorityAlgorithm });
    const issuing = join(data, 'authorities', 'issuing', 'cert.pem');
    t.equal(openssl('verify', '-x509_strict', '-check_ss_sig', '-CAfile', join(data, 'root.pem'), issuing), `${issuing}: OK\n`);
    const text = openssl('x509', '-in', issuing, '-noout', '-text');
    t.match(text, signature);
    t.match(text, size);
    t.match(openssl('pkey', '-in', join(data, 'authorities', 'root', 'key.pem'), '-check', '-noout'), 'Key is valid');
    t.match(authorities, { mode: 'internal', rootOffline: false });
    t.same(authorities.all.map(({ name, canSign }) => [name, canSign]), [['root', true], ['issuing', true]]);
    t.equal(made.root?.digest, authorities.issuing.rootDigest);
  });
}

t.test('the root says what a root says, and the issuing authority what was asked', async (t) => {
  const now = Date.UTC(2026, 4, 1, 12) / 1000;
  const { data } = await makeTestAuthorities({
    rootSubject: 'CN=Example Root,O=Example,C=DE', issuingSubject: 'CN=Example Issuing,O=Example,C=DE', httpBase: 'http://ca.example.com', ocspUrls: ['http://ocsp.example.com/'],
    pathLength: 2, rootLifetime: 1000, issuingLifetime: 500, clock: () => now,
  });
  const [root, issuing] = ['root', 'issuing'].map((name) => openssl('x509', '-in', join(data, 'authorities', name, 'cert.pem'), '-noout', '-text', '-nameopt', 'RFC2253'));
  t.match(root, /Issuer: CN=Example Root,O=Example,C=DE\n[\s\S]*Not Before: May  1 11:00:00 2026 GMT\n +Not After : May  1 12:16:39 2026 GMT\n +Subject: CN=Example Root,O=Example,C=DE\n/);
  t.match(root, /Basic Constraints: critical\n +CA:TRUE\n[\s\S]*Key Usage: critical\n +Digital Signature, Certificate Sign, CRL Sign\n/);
  t.notMatch(root, /Authority Key|CRL Distribution|Information Access|pathlen/);
  t.match(issuing, /Issuer: CN=Example Root,O=Example,C=DE\n[\s\S]*Not After : May  1 12:08:19 2026 GMT\n +Subject: CN=Example Issuing,O=Example,C=DE\n/);
  t.match(issuing, /CA:TRUE, pathlen:2\n[\s\S]*URI:http:\/\/ca\.example\.com\/crl\/root\.crl\n[\s\S]*OCSP - URI:http:\/\/ocsp\.example\.com\/\n +CA Issuers - URI:http:\/\/ca\.example\.com\/ca\/root\.crt\n/);
  t.match(issuing, /Serial Number:\n +06:/);
});

t.test('self-signed: one authority, which is its own root', async (t) => {
  const { data, made, authorities } = await makeTestAuthorities({ mode: 'self-signed', rootSubject: 'CN=Alone', httpBase: 'http://ca.example.com' });
  t.same(readdirSync(join(data, 'authorities')), ['issuing']);
  const certificate = join(data, 'authorities', 'issuing', 'cert.pem');
  t.equal(openssl('verify', '-x509_strict', '-CAfile', join(data, 'root.pem'), certificate), `${certificate}: OK\n`);
  const text = openssl('x509', '-in', certificate, '-noout', '-text');
  t.match(text, /CA:TRUE, pathlen:0/);
  t.notMatch(text, /ca\.example\.com/, 'a root points at no issuer');
  t.equal(authorities.root, authorities.issuing);
  t.match(authorities, { mode: 'self-signed', rootOffline: false });
  t.same([authorities.issuing.chain, authorities.issuing.leafChain], [[], []]);
  t.same(made.authorities.map(({ name }) => name), ['issuing']);
});

t.test('a self-signed authority takes path length and name constraints as well', async (t) => {
  const { data } = await makeTestAuthorities({
    mode: 'self-signed', pathLength: 'unlimited', nameConstraints: { permitted: ['ip:2001:db8::/32', 'email:ops@example.com'], excluded: ['dns:.example.com'] },
  });
  const text = openssl('x509', '-in', join(data, 'root.pem'), '-noout', '-text');
  t.match(text, /CA:TRUE\n[\s\S]*Permitted:\n +IP:2001:DB8:0:0:0:0:0:0\/FFFF:FFFF:0:0:0:0:0:0\n +email:ops@example\.com\n +Excluded:\n +DNS:\.example\.com\n/);
});

t.test('external: a key, and a CSR that OpenSSL takes', async (t) => {
  const data = join(temporaryFolder(), 'data');
  const made = await initAuthorities(initOptions(data, { mode: 'external', issuingSubject: 'CN=Example Issuing,O=Example', nameConstraints: { permitted: ['dns:example.com'] } }));
  const request = join(data, 'authorities', 'issuing', 'request.csr');
  t.same(made, { mode: 'external', request, authorities: [{ name: 'issuing', folder: join(data, 'authorities', 'issuing') }] });
  const text = openssl('req', '-in', request, '-noout', '-text', '-verify', '-nameopt', 'RFC2253');
  t.match(text, /Subject: CN=Example Issuing,O=Example\n[\s\S]*CA:TRUE, pathlen:0\n[\s\S]*Certificate Sign, CRL Sign\n[\s\S]*DNS:example\.com/);
  t.match(opensslStatus('req', '-in', request, '-noout', '-verify').text, /verify OK/);
  t.same(readdirSync(data), ['authorities']);
  t.same(readdirSync(join(data, 'authorities', 'issuing')).sort(), ['key.pem', 'request.csr']);
});

t.test('files are for their owner: folders 0700, keys 0600', async (t) => {
  const { data } = await makeTestAuthorities();
  const mode = (...path: readonly string[]): string => (statSync(join(data, ...path)).mode & 0o777).toString(8);
  t.same([mode(), mode('authorities'), mode('authorities', 'root'), mode('authorities', 'issuing')], ['700', '700', '700', '700']);
  t.same([mode('authorities', 'root', 'key.pem'), mode('authorities', 'issuing', 'key.pem')], ['600', '600']);
  t.same(readdirSync(data).sort(), ['authorities', 'root.pem'], 'nothing is left beside them');
});

t.test('with a passphrase no key is written in clear', async (t) => {
  const { data, authorities } = await makeTestAuthorities({ passphrase: 'secret' });
  for (const name of ['root', 'issuing']) t.match(readFileSync(join(data, 'authorities', name, 'key.pem'), 'latin1'), /^-----BEGIN ENCRYPTED PRIVATE KEY-----\n/);
  const key = openssl('pkey', '-in', join(data, 'authorities', 'issuing', 'key.pem'), '-passin', 'pass:secret', '-pubout');
  t.ok(createPublicKey(key).equals(new X509Certificate(authorities.issuing.der).publicKey));
});

t.test('name constraints are honoured by OpenSSL', async (t) => {
  const { data } = await makeTestAuthorities({
    nameConstraints: { permitted: ['dns:example.com', 'ip:10.0.0.0/8', 'email:example.com', 'uri:.example.com'], excluded: ['dns:bad.example.com', 'ip:10.9.0.0/16'] },
  });
  const names: Readonly<Record<string, boolean>> = {
    'DNS:a.example.com': true, 'IP:10.1.2.3': true, 'email:ops@example.com': true, 'URI:https://a.example.com/x': true,
    'DNS:example.org': false, 'DNS:a.bad.example.com': false, 'IP:10.9.0.1': false, 'IP:192.0.2.1': false, 'email:ops@example.org': false, 'URI:https://example.org/x': false,
  };
  const issuing = join(data, 'authorities', 'issuing');
  for (const [san, permitted] of Object.entries(names)) {
    const { csr } = makeCsr(data, 'leaf', { san });
    const leaf = join(data, 'leaf.pem');
    openssl('x509', '-req', '-in', csr, '-CA', join(issuing, 'cert.pem'), '-CAkey', join(issuing, 'key.pem'), '-copy_extensions', 'copy', '-days', '1', '-set_serial', '1', '-out', leaf);
    const { status, text } = opensslStatus('verify', '-CAfile', join(data, 'root.pem'), '-untrusted', join(issuing, 'cert.pem'), leaf);
    t.equal(status === 0, permitted, san);
    if (!permitted) t.match(text, /subtree violation/);
  }
});

t.test('init overwrites nothing', async (t) => {
  const { data } = await makeTestAuthorities();
  const before = readFileSync(join(data, 'authorities', 'root', 'key.pem'));
  const refusal = await refusalOf(() => initAuthorities(initOptions(data)));
  t.equal(refusal?.code, 'already-initialised');
  t.equal(refusal?.faults[0]?.at, join(data, 'authorities'));
  t.same(readFileSync(join(data, 'authorities', 'root', 'key.pem')), before);

  const other = temporaryFolder();
  writeFileSync(join(other, 'root.pem'), 'something of somebody');
  t.same(await faultsOf(() => initAuthorities(initOptions(other))), ['already-initialised']);
  t.same(readdirSync(other), ['root.pem']);
});

t.test('of two ceremonies at once one wins, whole', async (t) => {
  const data = join(temporaryFolder(), 'data');
  const outcomes = await Promise.all([1, 2].map(() => faultsOf(() => initAuthorities(initOptions(data)))));
  t.same(outcomes.sort((a, b) => a.length - b.length), [[], ['already-initialised']]);
  t.same(readdirSync(data).sort(), ['authorities', 'root.pem']);
  t.match(await loadAuthorities(data), { mode: 'internal' });
});

t.test('a ceremony that was cut short is not taken for whole', async (t) => {
  const data = temporaryFolder();
  const [left, underWay] = ['.chancery-0123456789abcdef.tmp', '.chancery-fedcba9876543210.tmp'];
  for (const name of [left, underWay]) mkdirSync(join(data, name, 'root'), { recursive: true });
  makeOld(join(data, left));
  t.same(await faultsOf(() => loadAuthorities(data)), ['not-initialised']);
  await initAuthorities(initOptions(data));
  t.match(await loadAuthorities(data), { mode: 'internal' });
  t.same(readdirSync(data).sort(), [underWay, 'authorities', 'root.pem'], 'its keys are gone, and not those of one that is under way');
});

t.test('wrong options leave nothing behind', async (t) => {
  const data = join(temporaryFolder(), 'data');
  t.same(await faultsOf(() => initAuthorities(initOptions(data, { rootSubject: 'nonsense' }))), ['option-wrong']);
  t.notOk(existsSync(data));
});

t.test('the clock and the random numbers are those given', async (t) => {
  const { authorities } = await makeTestAuthorities({ clock: () => 1_800_000_000, random: (size) => new Uint8Array(size).fill(0xab) });
  t.equal(authorities.root.certificate.serial, `06b49d20${'ab'.repeat(16)}`);
  t.match(authorities.root.certificate, { notBefore: 1_800_000_000 - 3600 });
});
