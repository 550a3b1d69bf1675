import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { parseCertificationRequest, verifyPossession } from '../../src/x509/csr.ts';
import type { X509ErrorCode } from '../../src/x509/errors.ts';
import { codeOf } from './assert.ts';
import { makeCsr } from './make-csr.ts';

const folder = mkdtempSync(join(tmpdir(), 'chancery-'));
t.teardown(() => rmSync(folder, { recursive: true }));

const KEYS: Readonly<Record<string, readonly string[]>> = {
  p256: ['EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  p384: ['EC', '-pkeyopt', 'ec_paramgen_curve:P-384'],
  p521: ['EC', '-pkeyopt', 'ec_paramgen_curve:P-521'],
  secp256k1: ['EC', '-pkeyopt', 'ec_paramgen_curve:secp256k1'],
  explicit: ['EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-pkeyopt', 'ec_param_enc:explicit'],
  ed25519: ['ED25519'],
  ed448: ['ED448'],
  rsa: ['RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
  pssKey: ['RSA-PSS', '-pkeyopt', 'rsa_keygen_bits:2048'],
};
const made = new Map<string, string>();

function keyFile(name: string): string {
  const file = made.get(name) ?? join(folder, `${name}.pem`);
  if (!made.has(name)) execFileSync('openssl', ['genpkey', '-algorithm', ...KEYS[name]!, '-out', file], { stdio: 'ignore' });
  made.set(name, file);
  return file;
}

function opensslCsr(key: string, ...options: readonly string[]): Uint8Array {
  const args = ['req', '-new', '-key', keyFile(key), '-subj', '/O=Example/CN=node1.example.com', '-addext', 'subjectAltName=DNS:node1.example.com,IP:10.0.0.1', '-outform', 'DER', ...options];
  return new Uint8Array(execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'ignore'] }));
}

const pss = (hash: string, salt: string, mgf = hash): string[] => [`-${hash}`, '-sigopt', 'rsa_padding_mode:pss', '-sigopt', `rsa_pss_saltlen:${salt}`, '-sigopt', `rsa_mgf1_md:${mgf}`];

const CASES: readonly [string, readonly string[], string, X509ErrorCode | 'ok'][] = [
  ['p256', [], 'ecdsa-with-SHA256', 'ok'],
  ['p256', ['-sha384'], 'ecdsa-with-SHA384', 'ok'],
  ['p256', ['-sha512'], 'ecdsa-with-SHA512', 'ok'],
  ['p384', ['-sha384'], 'ecdsa-with-SHA384', 'ok'],
  ['p521', ['-sha512'], 'ecdsa-with-SHA512', 'ok'],
  ['ed25519', [], 'Ed25519', 'ok'],
  ['rsa', [], 'sha256WithRSAEncryption', 'ok'],
  ['rsa', ['-sha384'], 'sha384WithRSAEncryption', 'ok'],
  ['rsa', ['-sha512'], 'sha512WithRSAEncryption', 'ok'],
  ['rsa', pss('sha256', 'digest'), 'RSASSA-PSS-SHA256', 'ok'],
  ['rsa', pss('sha384', '48'), 'RSASSA-PSS-SHA384', 'ok'],
  ['rsa', pss('sha512', 'digest'), 'RSASSA-PSS-SHA512', 'ok'],
  ['rsa', pss('sha256', 'max'), 'PSS with a salt of another length', 'bad-algorithm-parameters'],
  ['rsa', pss('sha256', '32', 'sha1'), 'PSS with two hashes', 'bad-algorithm-parameters'],
  ['rsa', pss('sha1', '20'), 'PSS with SHA-1', 'bad-algorithm-parameters'],
  ['rsa', ['-sha1'], 'RSA with SHA-1', 'unsupported-algorithm'],
  ['rsa', ['-sha224'], 'RSA with SHA-224', 'unsupported-algorithm'],
  ['rsa', ['-md5'], 'RSA with MD5', 'unsupported-algorithm'],
  ['p256', ['-sha1'], 'ECDSA with SHA-1', 'unsupported-algorithm'],
  ['secp256k1', [], 'secp256k1', 'unsupported-key'],
  ['explicit', [], 'explicit parameters', 'unsupported-key'],
  ['ed448', [], 'Ed448', 'unsupported-key'],
  ['pssKey', [], 'a key for PSS alone', 'unsupported-key'],
];

for (const [key, options, what, expected] of CASES) {
  t.test(`a CSR by OpenSSL: ${key}, ${what}`, async (t) => {
    const der = opensslCsr(key, ...options);
    if (expected !== 'ok') {
      t.equal(codeOf(() => parseCertificationRequest(der)), expected);
      return;
    }
    const csr = parseCertificationRequest(der);
    t.equal(csr.signatureAlgorithm.id, what);
    t.strictSame(csr.names.map(({ value }) => value), ['node1.example.com', '10.0.0.1']);
    t.equal(codeOf(() => verifyPossession(csr)), 'ok');
    const flipped = new Uint8Array(der);
    flipped[flipped.length - 1]! ^= 1;
    t.equal(codeOf(() => verifyPossession(parseCertificationRequest(flipped))), 'bad-signature', 'one bit of the signature');
    const other = new Uint8Array(der);
    other[Buffer.from(der).indexOf('node1')]! ^= 1;
    t.equal(codeOf(() => verifyPossession(parseCertificationRequest(other))), 'bad-signature', 'one bit of the subject');
  });
}

t.test('the CSRs that these tests make are good in the eyes of OpenSSL', async (t) => {
  // It exits with 0 for a wrong signature too: its words count.
  const { stderr } = spawnSync('openssl', ['req', '-verify', '-noout', '-inform', 'DER'], { input: makeCsr(), encoding: 'utf8' });
  t.match(stderr, /self-signature verify OK/);
});
