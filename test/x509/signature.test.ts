import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import t from 'tap';
import { readSignatureAlgorithm, SIGNATURE_ALGORITHMS, type SignatureAlgorithm, signatureAlgorithmFor } from '../../src/x509/algorithms.ts';
import { DerReader } from '../../src/x509/der/reader.ts';
import { contextExplicit, integer, nullValue, oid, sequence } from '../../src/x509/der/writer.ts';
import type { X509ErrorCode } from '../../src/x509/errors.ts';
import { OID } from '../../src/x509/oids.ts';
import { parseSubjectPublicKeyInfo, type PublicKey } from '../../src/x509/public-key.ts';
import { keyInput, verifySignature } from '../../src/x509/signature.ts';
import { codeOf, hex } from './assert.ts';
import { corpusText, missing } from './corpora.ts';

const algorithm = (id: string): SignatureAlgorithm => SIGNATURE_ALGORITHMS.find((each) => each.id === id)!;
const readAlgorithm = (der: Uint8Array): SignatureAlgorithm => readSignatureAlgorithm(new DerReader(der), 'signatureAlgorithm');

t.test('every algorithm of the table is read, signs and verifies, and verifies no other bytes', async (t) => {
  const keys = {
    EC: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    Ed25519: generateKeyPairSync('ed25519'),
    RSA: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  };
  for (const each of SIGNATURE_ALGORITHMS) {
    t.equal(readAlgorithm(each.der), each, each.id);
    const { privateKey, publicKey } = keys[each.keyKind];
    const key = parseSubjectPublicKeyInfo(new Uint8Array(publicKey.export({ format: 'der', type: 'spki' })));
    const tbs = hex('0102');
    const signature = sign(each.hash, tbs, keyInput(privateKey, each));
    t.equal(codeOf(() => verifySignature({ tbs, signatureAlgorithm: each, signature }, key)), 'ok', each.id);
    t.equal(codeOf(() => verifySignature({ tbs: hex('0103'), signatureAlgorithm: each, signature }, key)), 'bad-signature', each.id);
    t.equal(codeOf(() => verifySignature({ tbs, signatureAlgorithm: each, signature: new Uint8Array() }, key)), 'bad-signature', 'empty');
    t.equal(codeOf(() => verifySignature({ tbs, signatureAlgorithm: undefined, signature }, key)), 'unsupported-algorithm');
    for (const other of SIGNATURE_ALGORITHMS.filter(({ keyKind }) => keyKind !== each.keyKind)) {
      t.equal(codeOf(() => verifySignature({ tbs, signatureAlgorithm: other, signature }, key)), 'algorithm-mismatch', `${other.id} with ${key.type}`);
    }
  }
});

t.test('algorithms that are refused', async (t) => {
  const hash = (id: string, parameters: readonly Uint8Array[] = [nullValue()]): Uint8Array => sequence(oid(id), ...parameters);
  const pss = (...parameters: readonly Uint8Array[]): Uint8Array => sequence(oid(OID.rsassaPss), sequence(...parameters));
  const mgf = (inner: Uint8Array): Uint8Array => contextExplicit(1, sequence(oid(OID.mgf1), inner));
  const sha256 = hash(OID.sha256);
  const cases: readonly [string, Uint8Array, X509ErrorCode][] = [
    ['sha1WithRSAEncryption', sequence(oid('1.2.840.113549.1.1.5'), nullValue()), 'unsupported-algorithm'],
    ['md5WithRSAEncryption', sequence(oid('1.2.840.113549.1.1.4'), nullValue()), 'unsupported-algorithm'],
    ['ecdsa-with-SHA1', sequence(oid('1.2.840.10045.4.1')), 'unsupported-algorithm'],
    ['ecdsa-with-SHA224', sequence(oid('1.2.840.10045.4.3.1')), 'unsupported-algorithm'],
    ['Ed448', sequence(oid('1.3.101.113')), 'unsupported-algorithm'],
    ['ECDSA with NULL parameters', sequence(oid(OID.ecdsaWithSha256), nullValue()), 'bad-algorithm-parameters'],
    ['Ed25519 with NULL parameters', sequence(oid(OID.ed25519), nullValue()), 'bad-algorithm-parameters'],
    ['PKCS #1 without parameters', sequence(oid(OID.sha256WithRsaEncryption)), 'bad-algorithm-parameters'],
    ['PSS without parameters: SHA-1', sequence(oid(OID.rsassaPss)), 'bad-algorithm-parameters'],
    ['PSS with default parameters: SHA-1', pss(), 'bad-algorithm-parameters'],
    ['PSS with MGF1 of SHA-1', pss(contextExplicit(0, sha256), contextExplicit(2, integer(32))), 'bad-algorithm-parameters'],
    ['PSS with two hashes', pss(contextExplicit(0, sha256), mgf(hash(OID.sha384)), contextExplicit(2, integer(32))), 'bad-algorithm-parameters'],
    ['PSS with salt 20', pss(contextExplicit(0, sha256), mgf(sha256)), 'bad-algorithm-parameters'],
    ['PSS with salt 0', pss(contextExplicit(0, sha256), mgf(sha256), contextExplicit(2, integer(0))), 'bad-algorithm-parameters'],
    ['PSS with the trailer written out', pss(contextExplicit(0, sha256), mgf(sha256), contextExplicit(2, integer(32)), contextExplicit(3, integer(1))), 'bad-algorithm-parameters'],
    ['PSS with hashes without NULL', pss(contextExplicit(0, hash(OID.sha256, [])), mgf(hash(OID.sha256, [])), contextExplicit(2, integer(32))), 'bad-algorithm-parameters'],
    ['no algorithm', sequence(), 'truncated'],
    ['two parameters', sequence(oid(OID.ecdsaWithSha256), nullValue(), nullValue()), 'trailing-bytes'],
  ];
  for (const [what, der, code] of cases) t.equal(codeOf(() => readAlgorithm(der)), code, what);
});

t.test('our own keys sign with the algorithm of their strength', async (t) => {
  const cases: readonly [string, ReturnType<typeof generateKeyPairSync>][] = [
    ['ecdsa-with-SHA256', generateKeyPairSync('ec', { namedCurve: 'P-256' })],
    ['ecdsa-with-SHA384', generateKeyPairSync('ec', { namedCurve: 'P-384' })],
    ['ecdsa-with-SHA512', generateKeyPairSync('ec', { namedCurve: 'P-521' })],
    ['Ed25519', generateKeyPairSync('ed25519')],
    ['sha256WithRSAEncryption', generateKeyPairSync('rsa', { modulusLength: 1024 })],
  ];
  for (const [id, { privateKey, publicKey }] of cases) {
    t.equal(signatureAlgorithmFor(privateKey).id, id);
    t.equal(signatureAlgorithmFor(publicKey).id, id);
  }
  t.equal(codeOf(() => signatureAlgorithmFor(generateKeyPairSync('ed448').privateKey)), 'unsupported-key');
  t.equal(codeOf(() => signatureAlgorithmFor(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey)), 'unsupported-key');
});

interface Wycheproof {
  readonly testGroups: readonly {
    readonly publicKeyDer?: string;
    readonly publicKeyPem?: string;
    readonly sLen?: number;
    readonly tests: readonly { readonly tcId: number; readonly comment: string; readonly msg: string; readonly sig: string; readonly result: string; readonly flags: readonly string[] }[];
  }[];
}

/** Vectors with the result `acceptable` are left open: a verifier may take them or not. */
const FILES: readonly [string, string][] = [
  ['ecdsa_secp256r1_sha256_test.json', 'ecdsa-with-SHA256'],
  ['ecdsa_secp256r1_sha512_test.json', 'ecdsa-with-SHA512'],
  ['ecdsa_secp384r1_sha256_test.json', 'ecdsa-with-SHA256'],
  ['ecdsa_secp384r1_sha384_test.json', 'ecdsa-with-SHA384'],
  ['ecdsa_secp384r1_sha512_test.json', 'ecdsa-with-SHA512'],
  ['ecdsa_secp521r1_sha512_test.json', 'ecdsa-with-SHA512'],
  ['ed25519_test.json', 'Ed25519'],
  ['rsa_signature_2048_sha256_test.json', 'sha256WithRSAEncryption'],
  ['rsa_signature_3072_sha256_test.json', 'sha256WithRSAEncryption'],
  ['rsa_signature_4096_sha256_test.json', 'sha256WithRSAEncryption'],
  ['rsa_pss_2048_sha256_mgf1_32_test.json', 'RSASSA-PSS-SHA256'],
];

for (const [file, id] of FILES) {
  t.test(`Wycheproof: ${file}`, { skip: missing(`wycheproof/${file}`) }, async (t) => {
    const { testGroups } = JSON.parse(corpusText(`wycheproof/${file}`)) as Wycheproof;
    const wrong: string[] = [];
    let count = 0;
    for (const group of testGroups) {
      const key = keyOf(group);
      for (const { tcId, comment, msg, sig, result } of group.tests) {
        count++;
        const code = codeOf(() => verifySignature({ tbs: hex(msg), signatureAlgorithm: algorithm(id), signature: hex(sig) }, key));
        const expected = result === 'valid' ? 'ok' : 'bad-signature';
        if (code !== expected && result !== 'acceptable') wrong.push(`${tcId} (${comment}): ${result}, but ${code}`);
      }
    }
    t.strictSame(wrong, []);
    t.ok(count > 50, `${count} vectors`);
  });
}

function keyOf(group: Wycheproof['testGroups'][number]): PublicKey {
  const der = group.publicKeyDer === undefined ? createPublicKey(group.publicKeyPem!).export({ format: 'der', type: 'spki' }) : hex(group.publicKeyDer);
  return parseSubjectPublicKeyInfo(new Uint8Array(der));
}
