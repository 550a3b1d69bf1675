import t from 'tap';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodePrivateKey, encodePrivateKey } from '../../../src/authority/keys/pkcs8.ts';
import { openssl, opensslStatus } from '../../helpers/openssl.ts';
import { faultsOf, refusalOf } from '../assert.ts';

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const plain = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const PASSPHRASE = 'correct horse – battery staple';

t.test('without a passphrase a key is plain PKCS#8, as OpenSSL writes it', async (t) => {
  t.equal(encodePrivateKey(privateKey), plain);
  t.ok(decodePrivateKey(plain, 'key.pem').equals(privateKey));
});

t.test('with a passphrase it is encrypted by scrypt and AES-256, and OpenSSL reads it', async (t) => {
  const file = join(t.testdir(), 'key.pem');
  const pem = encodePrivateKey(privateKey, PASSPHRASE);
  writeFileSync(file, pem);
  t.match(pem, /^-----BEGIN ENCRYPTED PRIVATE KEY-----\n/);
  const structure = openssl('asn1parse', '-in', file);
  t.match(structure, /PBES2[\s\S]*scrypt[\s\S]*INTEGER +:4000[\s\S]*INTEGER +:08[\s\S]*INTEGER +:05[\s\S]*aes-256-cbc/);
  t.equal(openssl('pkey', '-in', file, '-passin', `pass:${PASSPHRASE}`), plain);
  t.not(opensslStatus('pkey', '-in', file, '-passin', 'pass:wrong').status, 0);
  t.ok(decodePrivateKey(pem, 'key.pem', PASSPHRASE).equals(privateKey));
  t.not(encodePrivateKey(privateKey, PASSPHRASE), pem, 'salt and vector are new each time');
});

t.test('keys that OpenSSL encrypted are read', async (t) => {
  const folder = t.testdir({ 'plain.pem': plain });
  const file = join(folder, 'key.pem');
  for (const scheme of [['-v2', 'aes-128-cbc', '-v2prf', 'hmacWithSHA512'], ['-scrypt']]) {
    openssl('pkcs8', '-topk8', '-in', join(folder, 'plain.pem'), '-out', file, '-passout', 'pass:secret', ...scheme);
    t.ok(decodePrivateKey(readFileSync(file, 'latin1'), 'key.pem', 'secret').equals(privateKey), scheme.join(' '));
  }
});

t.test('refusals have their codes and no secrets', async (t) => {
  const encrypted = encodePrivateKey(privateKey, PASSPHRASE);
  t.same(await faultsOf(() => decodePrivateKey(encrypted, 'key.pem')), ['passphrase-missing']);
  t.same(await faultsOf(() => decodePrivateKey(encrypted, 'key.pem', 'other secret')), ['passphrase-wrong']);
  t.same(await faultsOf(() => decodePrivateKey(encrypted.replace(/\n.{20}/, '\nAAAAAAAAAAAAAAAAAAAA'), 'key.pem', PASSPHRASE)), ['passphrase-wrong']);
  t.same(await faultsOf(() => decodePrivateKey(plain.replace(/\n.{20}/, '\nAAAAAAAAAAAAAAAAAAAA'), 'key.pem')), ['key-unreadable']);
  t.same(await faultsOf(() => decodePrivateKey(privateKey.export({ type: 'sec1', format: 'pem' }).toString(), 'key.pem')), ['key-unreadable']);
  t.same(await faultsOf(() => decodePrivateKey('', 'key.pem')), ['key-unreadable']);
  t.same(await faultsOf(() => encodePrivateKey(privateKey, '')), ['option-wrong']);
  t.same(await faultsOf(() => encodePrivateKey(privateKey, 'x'.repeat(1025))), ['option-wrong']);
  const refusal = await refusalOf(() => decodePrivateKey(encrypted, 'key.pem', 'other secret'));
  t.notMatch(`${refusal?.stack} ${JSON.stringify(refusal)}`, /other secret/);
});
