import t from 'tap';
import { createPrivateKey, generateKeyPairSync, type KeyObject, verify } from 'node:crypto';
import { fileSigningKey } from '../../../src/authority/keys/file.ts';
import { generateKeyPair, KEY_ALGORITHMS } from '../../../src/authority/keys/generate.ts';
import type { Linted } from '../../../src/policy/lints.ts';
import { lint } from '../../../src/policy/lints.ts';
import { encodeTbsCertificate } from '../../../src/x509/certificate.ts';
import { encodeDistinguishedName } from '../../../src/x509/distinguished-name.ts';
import { authorityKeyIdentifier, basicConstraints, extendedKeyUsage, keyUsage, subjectAltName } from '../../../src/x509/extensions.ts';
import { OID } from '../../../src/x509/oids.ts';
import { makeTestAuthorities } from '../../helpers/authority.ts';
import { faultsOf } from '../assert.ts';

/** Bytes that a signing key takes: a whole certificate's, as only such pass the lints. */
async function lintedBytes(): Promise<Linted> {
  const { authorities: { issuing } } = await makeTestAuthorities({ mode: 'self-signed' });
  const { certificate, subjectKeyId, signatureAlgorithm } = issuing;
  return lint(encodeTbsCertificate({
    serial: '06a5f0c1deadbeef00112233445566778899aabb', signatureAlgorithm: signatureAlgorithm.der, issuer: certificate.subject, subject: encodeDistinguishedName([]),
    notBefore: certificate.notBefore, notAfter: certificate.notBefore + 3600,
    publicKey: generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'der' }),
    extensions: [
      keyUsage(['digitalSignature']), extendedKeyUsage([OID.serverAuth]), basicConstraints({ ca: false }), authorityKeyIdentifier(subjectKeyId),
      subjectAltName([{ kind: 'dns', value: 'node1.example.com' }], true),
    ],
  }), { issuer: certificate });
}

t.test('every kind of key signs linted bytes; RSA off the event loop, the others at once', async (t) => {
  const linted = await lintedBytes();
  for (const algorithm of KEY_ALGORITHMS.filter((name) => name !== 'RSA-4096' && name !== 'RSA-3072')) {
    for (const verifySignatures of [false, true]) {
      const { privateKey, publicKey } = await generateKeyPair(algorithm);
      const key = fileSigningKey(privateKey, { verifySignatures });
      const signature = key.sign(linted);
      t.equal(signature instanceof Promise, algorithm.startsWith('RSA'), `${algorithm}: when`);
      t.ok(verify(key.algorithm.hash, linted.bytes, publicKey, await signature), `${algorithm}: what`);
      t.ok(key.publicKey.equals(publicKey));
      t.notOk(key.outside);
    }
  }
});

t.test('a signature that does not verify never leaves', async (t) => {
  const linted = await lintedBytes();
  t.same(await faultsOf(() => fileSigningKey(torn(ecKeys()), { verifySignatures: true }).sign(linted)), ['signature-wrong']);
  t.same(await faultsOf(() => fileSigningKey(tornRsa()).sign(linted)), ['signature-wrong'], 'RSA is verified without being asked for');
});

t.test('the private key does not show', async (t) => {
  const key = fileSigningKey(generateKeyPairSync('ed25519').privateKey);
  t.same(Object.keys(key).sort(), ['algorithm', 'outside', 'publicKey', 'sign']);
});

t.test('a key of a kind that cannot sign here is refused', async (t) => {
  for (const key of [generateKeyPairSync('x25519').privateKey, generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey]) {
    t.throws(() => fileSigningKey(key), { code: 'unsupported-key' });
  }
});

const ecKeys = (): [KeyObject, KeyObject] => [generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey];

/** The private number of one key beside the public point of another. */
function torn([one, other]: [KeyObject, KeyObject]): KeyObject {
  const der = one.export({ type: 'pkcs8', format: 'der' });
  other.export({ type: 'pkcs8', format: 'der' }).copy(der, der.length - 65, der.length - 65);
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
}

/** The same for RSA. (A single wrong number of the Chinese remainder theorem is mended by OpenSSL itself.) */
function tornRsa(): KeyObject {
  const [one, other] = [1, 2].map(() => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' }));
  return createPrivateKey({ key: { ...one, ...(other?.n === undefined ? {} : { n: other.n }) }, format: 'jwk' });
}
