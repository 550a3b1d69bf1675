import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import t from 'tap';
import { bitString, integer, nullValue, oid, sequence } from '../../src/x509/der/writer.ts';
import type { X509ErrorCode } from '../../src/x509/errors.ts';
import { OID } from '../../src/x509/oids.ts';
import { importPublicKey, parseSubjectPublicKeyInfo, subjectPublicKeyBits } from '../../src/x509/public-key.ts';
import { codeOf, hex, toHex } from './assert.ts';
import { corpusFolder, corpusText, missing } from './corpora.ts';

const spki = (key: KeyObject): Uint8Array => new Uint8Array(key.export({ format: 'der', type: 'spki' }));
const ec = (curve: string, point: Uint8Array): Uint8Array => sequence(sequence(oid(OID.ecPublicKey), oid(curve)), bitString(point));
const rsa = (...fields: readonly Uint8Array[]): Uint8Array => sequence(sequence(oid(OID.rsaEncryption), nullValue()), bitString(sequence(...fields)));
const ed25519 = (point: Uint8Array): Uint8Array => sequence(sequence(oid(OID.ed25519)), bitString(point));
const parse = (der: Uint8Array): X509ErrorCode | 'ok' => codeOf(() => parseSubjectPublicKeyInfo(der));

t.test('keys of every kind are read, and imported as the same key', async (t) => {
  const keys: readonly [string, number, KeyObject][] = [
    ['P-256', 256, generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey],
    ['P-384', 384, generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey],
    ['P-521', 521, generateKeyPairSync('ec', { namedCurve: 'P-521' }).publicKey],
    ['Ed25519', 256, generateKeyPairSync('ed25519').publicKey],
    ['RSA', 2048, generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey],
    ['RSA', 1031, generateKeyPairSync('rsa', { modulusLength: 1031, publicExponent: 3 }).publicKey],
  ];
  for (const [type, bits, key] of keys) {
    const der = spki(key);
    const parsed = parseSubjectPublicKeyInfo(der);
    t.equal(parsed.type, type);
    t.equal(parsed.bits, bits);
    t.equal(toHex(parsed.der), toHex(der));
    t.equal(toHex(spki(importPublicKey(parsed))), toHex(der), `${type} imported`);
    if (parsed.modulus !== undefined) t.equal(BigInt(`0x${toHex(parsed.modulus)}`), BigInt(`0x${Buffer.from(key.export({ format: 'jwk' }).n as string, 'base64url').toString('hex')}`));
  }
});

t.test('points that are refused by their form', async (t) => {
  const point = subjectPublicKeyBits(parseSubjectPublicKeyInfo(spki(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey)));
  const cases: readonly [string, Uint8Array, X509ErrorCode][] = [
    ['at infinity', ec(OID.prime256v1, hex('00')), 'bad-key'],
    ['compressed', ec(OID.prime256v1, Uint8Array.of(2 | (point[64]! & 1), ...point.subarray(1, 33))), 'bad-key'],
    ['hybrid', ec(OID.prime256v1, Uint8Array.of(6 | (point[64]! & 1), ...point.subarray(1))), 'bad-key'],
    ['short', ec(OID.prime256v1, point.subarray(0, 64)), 'bad-key'],
    ['long', ec(OID.prime256v1, Uint8Array.of(...point, 0)), 'bad-key'],
    ['of no octets', ec(OID.prime256v1, hex('')), 'bad-key'],
    ['of another curve', ec(OID.secp384r1, point), 'bad-key'],
    ['on secp256k1', ec('1.3.132.0.10', point), 'unsupported-key'],
    ['on P-192', ec('1.2.840.10045.3.1.1', point), 'unsupported-key'],
    ['on a curve given by parameters', sequence(sequence(oid(OID.ecPublicKey), sequence(integer(1))), bitString(point)), 'unsupported-key'],
    ['on an implicit curve', sequence(sequence(oid(OID.ecPublicKey), nullValue()), bitString(point)), 'unsupported-key'],
    ['on no curve', sequence(sequence(oid(OID.ecPublicKey)), bitString(point)), 'unsupported-key'],
    ['with more behind it', Buffer.concat([ec(OID.prime256v1, point), hex('00')]), 'trailing-bytes'],
  ];
  for (const [what, der, code] of cases) t.equal(parse(der), code, `a point ${what}`);
});

t.test('a point off its curve is refused on import', async (t) => {
  for (const [curve, octets] of [[OID.prime256v1, 32], [OID.secp384r1, 48], [OID.secp521r1, 66]] as const) {
    for (const fill of [0, 1, 0xff]) {
      const key = parseSubjectPublicKeyInfo(ec(curve, Uint8Array.of(4, ...new Array<number>(2 * octets).fill(fill))));
      t.equal(codeOf(() => importPublicKey(key)), 'bad-key', `${key.type} ${fill}`);
    }
  }
});

t.test('RSA keys that are refused by their form', async (t) => {
  const modulus = new Uint8Array(256).fill(0xc1);
  const cases: readonly [string, Uint8Array, X509ErrorCode][] = [
    ['a negative modulus', rsa(hex('0201ff'), integer(65_537)), 'bad-integer'],
    ['a padded modulus', rsa(hex('02020001'), integer(65_537)), 'bad-integer'],
    ['modulus zero', rsa(integer(0), integer(65_537)), 'bad-key'],
    ['modulus one', rsa(integer(1), integer(65_537)), 'bad-key'],
    ['exponent zero', rsa(integer(modulus), integer(0)), 'bad-key'],
    ['a negative exponent', rsa(integer(modulus), hex('0201fd')), 'bad-integer'],
    ['an exponent of 9 octets', rsa(integer(modulus), integer(2n ** 64n)), 'key-too-large'],
    ['a modulus of 16,385 bits', rsa(integer(2n ** 16_384n), integer(3)), 'key-too-large'],
    ['a third number', rsa(integer(modulus), integer(3), integer(1)), 'trailing-bytes'],
    ['no exponent', rsa(integer(modulus)), 'truncated'],
    ['no parameters', sequence(sequence(oid(OID.rsaEncryption)), bitString(sequence(integer(modulus), integer(3)))), 'bad-algorithm-parameters'],
    ['a key for PSS alone', sequence(sequence(oid(OID.rsassaPss)), bitString(sequence(integer(modulus), integer(3)))), 'unsupported-key'],
    ['something behind the numbers', sequence(sequence(oid(OID.rsaEncryption), nullValue()), bitString(Buffer.concat([sequence(integer(modulus), integer(3)), hex('00')]))), 'trailing-bytes'],
  ];
  for (const [what, der, code] of cases) t.equal(parse(der), code, what);
  t.equal(parse(rsa(integer(2n ** 16_383n), integer(2n ** 63n))), 'ok', 'the largest');
});

t.test('Ed25519 keys that anybody can sign for are refused', async (t) => {
  // RFC 8032 5.1: p, d, and y of the points of small order, worked out here: x^2 = (y^2 - 1) / (d y^2 + 1).
  const p = 2n ** 255n - 19n;
  const mod = (n: bigint): bigint => ((n % p) + p) % p;
  const power = (base: bigint, exponent: bigint): bigint => (exponent === 0n ? 1n : mod(power(mod(base * base), exponent / 2n) * (exponent & 1n ? base : 1n)));
  const d = mod(-121_665n * power(121_666n, p - 2n));
  const root = (n: bigint): bigint | undefined => [power(n, (p + 3n) / 8n), mod(power(n, (p + 3n) / 8n) * power(2n, (p - 1n) / 4n))].find((r) => mod(r * r) === mod(n));
  // Doubling a point of order 8 gives y = 0: y^2 = -x^2, so d y^4 + 2 y^2 - 1 = 0.
  const squares = [1n, -1n].map((sign) => mod((-1n + sign * root(mod(1n + d))!) * power(d, p - 2n)));
  const order8 = squares.flatMap((square) => root(square) ?? []).flatMap((y) => [y, mod(-y)]);
  t.equal(order8.length, 2);
  const encode = (y: bigint, sign: number): Uint8Array => {
    const octets = hex(y.toString(16).padStart(64, '0')).reverse();
    octets[31]! |= sign << 7;
    return octets;
  };
  for (const y of [0n, 1n, p - 1n, ...order8]) for (const sign of [0, 1]) t.equal(parse(ed25519(encode(y, sign))), 'bad-key', `y = ${y}`);
  for (const y of [p, p + 1n, 2n ** 255n - 1n]) t.equal(parse(ed25519(encode(y, 0))), 'bad-key', 'y not below p');
  t.equal(parse(ed25519(encode(2n, 0))), 'ok');
  t.equal(parse(ed25519(new Uint8Array(31))), 'bad-key');
  t.equal(parse(ed25519(new Uint8Array(33))), 'bad-key');
});

t.test('keys of other kinds are refused', async (t) => {
  t.equal(parse(spki(generateKeyPairSync('ed448').publicKey)), 'unsupported-key');
  t.equal(parse(spki(generateKeyPairSync('x25519').publicKey)), 'unsupported-key');
  t.equal(parse(spki(generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 }).publicKey)), 'unsupported-key');
  t.equal(parse(spki(generateKeyPairSync('rsa-pss', { modulusLength: 1024 }).publicKey)), 'unsupported-key');
  t.equal(parse(spki(generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' }).publicKey)), 'unsupported-key');
});

t.test('keys of another project are read without a crash', { skip: missing('badkeys/tests/data') }, async (t) => {
  const folder = 'badkeys/tests/data';
  let taken = 0;
  for (const file of corpusFolder(folder, '.key')) {
    let key: KeyObject;
    try {
      key = createPublicKey(corpusText(`${folder}/${file}`));
    } catch {
      continue;
    }
    if (parse(spki(key)) === 'ok') taken++;
  }
  t.ok(taken >= 10, `${taken}`);
});
