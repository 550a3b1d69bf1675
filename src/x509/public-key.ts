import { createPublicKey, hash, type KeyObject } from 'node:crypto';
import type { KeyType } from './algorithms.ts';
import { DerReader } from './der/reader.ts';
import * as tags from './der/tags.ts';
import { equalBytes, nullValue, oid, sequence } from './der/writer.ts';
import { X509Error } from './errors.ts';
import { OID, oidName } from './oids.ts';

/** A public key whose form is right. Whether it is strong enough is policy. */
export interface PublicKey {
  readonly type: KeyType;
  /** Of the modulus, or of the curve's order. */
  readonly bits: number;
  /** SubjectPublicKeyInfo. */
  readonly der: Uint8Array;
  /** RSA: magnitudes, big-endian, without leading zeros. */
  readonly modulus?: Uint8Array;
  readonly exponent?: Uint8Array;
}

/** What OpenSSL takes (OPENSSL_RSA_MAX_MODULUS_BITS); more only costs time. */
const MAX_MODULUS_BITS = 16_384;
/** OPENSSL_RSA_MAX_PUBEXP_BITS is 64. */
const MAX_EXPONENT_OCTETS = 8;

interface FixedKey {
  readonly type: KeyType;
  readonly bits: number;
  /** The whole AlgorithmIdentifier. */
  readonly algorithm: Uint8Array;
  /** Of the subjectPublicKey. */
  readonly octets: number;
  /** For JWK (RFC 7518 6.2.1): octets of a coordinate. */
  readonly coordinate?: number;
}

/** RFC 5480 2.1.1: named curve alone; 2.2: points uncompressed. RFC 8410 3: no parameters. */
const FIXED_KEYS: readonly FixedKey[] = [
  { type: 'P-256', bits: 256, algorithm: sequence(oid(OID.ecPublicKey), oid(OID.prime256v1)), octets: 65, coordinate: 32 },
  { type: 'P-384', bits: 384, algorithm: sequence(oid(OID.ecPublicKey), oid(OID.secp384r1)), octets: 97, coordinate: 48 },
  { type: 'P-521', bits: 521, algorithm: sequence(oid(OID.ecPublicKey), oid(OID.secp521r1)), octets: 133, coordinate: 66 },
  { type: 'Ed25519', bits: 256, algorithm: sequence(oid(OID.ed25519)), octets: 32 },
];

/** RFC 3279 2.3.1: NULL parameters. */
const RSA_ALGORITHM = sequence(oid(OID.rsaEncryption), nullValue());

/** From a SubjectPublicKeyInfo and nothing behind it. Throws an `X509Error`. */
export function parseSubjectPublicKeyInfo(der: Uint8Array): PublicKey {
  const reader = new DerReader(der);
  const key = readSubjectPublicKeyInfo(reader);
  reader.finish('SubjectPublicKeyInfo');
  return key;
}

/** Reads a SubjectPublicKeyInfo (RFC 5280 4.1.2.7) of a kind that Chancery knows. Whether the point is on its curve is found on import. */
export function readSubjectPublicKeyInfo(reader: DerReader): PublicKey {
  const start = reader.offset;
  const info = reader.sequence('SubjectPublicKeyInfo');
  const der = reader.bytes.subarray(start, reader.offset);
  const algorithm = info.element(tags.SEQUENCE, 'key algorithm');
  const bits = info.bitString('subjectPublicKey');
  info.finish('SubjectPublicKeyInfo');

  for (const fixed of FIXED_KEYS) {
    if (!equalBytes(fixed.algorithm, algorithm)) continue;
    checkFixed(fixed, bits);
    return { type: fixed.type, bits: fixed.bits, der };
  }
  if (equalBytes(RSA_ALGORITHM, algorithm)) return readRsa(bits, der);
  return explain(algorithm);
}

function checkFixed(fixed: FixedKey, bits: Uint8Array): void {
  if (fixed.coordinate !== undefined && bits[0] !== 0x04) {
    throw new X509Error('bad-key', `the ${fixed.type} point begins with ${hex(bits[0])}; only uncompressed points (04) are taken, not the point at infinity`);
  }
  if (bits.length !== fixed.octets) throw new X509Error('bad-key', `the ${fixed.type} key has ${bits.length} octets, ${fixed.octets} were expected`);
}

/** RSAPublicKey, RFC 8017 A.1.1. */
function readRsa(bits: Uint8Array, der: Uint8Array): PublicKey {
  const reader = new DerReader(bits);
  const fields = reader.sequence('RSAPublicKey');
  reader.finish('RSAPublicKey');
  const modulus = fields.unsignedInteger('modulus');
  const exponent = fields.unsignedInteger('publicExponent');
  fields.finish('RSAPublicKey');
  const length = modulus.length * 8 - Math.clz32(modulus[0]!) + 24;
  if (length > MAX_MODULUS_BITS) throw new X509Error('key-too-large', `the modulus has ${length} bits; at most ${MAX_MODULUS_BITS} are taken`);
  if (exponent.length > MAX_EXPONENT_OCTETS) {
    throw new X509Error('key-too-large', `the public exponent has ${exponent.length} octets; at most ${MAX_EXPONENT_OCTETS} are taken`);
  }
  if (length < 2 || exponent[0] === 0) throw new X509Error('bad-key', 'modulus and public exponent must not be zero');
  return { type: 'RSA', bits: length, der, modulus, exponent };
}

/** Says what is wrong with a key algorithm that is not taken. */
function explain(algorithm: Uint8Array): never {
  const inside = new DerReader(algorithm).sequence('key algorithm');
  const type = inside.oid('key algorithm');
  if (type === OID.ecPublicKey && inside.is(tags.OBJECT_IDENTIFIER)) {
    throw new X509Error('unsupported-key', `the curve is ${oidName(inside.oid('curve'))}; P-256, P-384 and P-521 are taken`);
  }
  if (type === OID.ecPublicKey) throw new X509Error('unsupported-key', 'the curve is not given by name; explicit and implicit parameters are refused (RFC 5480 2.1.1)');
  if (type === OID.rsaEncryption || type === OID.ed25519) throw new X509Error('bad-algorithm-parameters', `the key algorithm ${oidName(type)} has wrong parameters`);
  throw new X509Error('unsupported-key', `the key algorithm is ${oidName(type)}; EC on P-256, P-384 and P-521, Ed25519 and RSA are taken`);
}

const hex = (octet: number | undefined): string => (octet === undefined ? 'nothing' : octet.toString(16).padStart(2, '0'));

/** The content of the subjectPublicKey BIT STRING. */
export function subjectPublicKeyBits(key: PublicKey): Uint8Array {
  const info = new DerReader(key.der).sequence('SubjectPublicKeyInfo');
  info.element(tags.SEQUENCE, 'key algorithm');
  return info.bitString('subjectPublicKey');
}

/** Subject key identifier, 20 octets: the leftmost 160 bits of the SHA-256 of the key's bits (RFC 7093 2, method 1). */
export function keyIdentifier(key: PublicKey): Uint8Array {
  return new Uint8Array(hash('sha256', subjectPublicKeyBits(key), 'buffer').subarray(0, 20));
}

/** OpenSSL 3.0, in Node 20, decodes SubjectPublicKeyInfo twice as slowly as it makes a key from coordinates (100 us against 50). */
const FROM_COORDINATES = Number(process.versions.openssl.split('.')[1]) < 2 && process.versions.openssl.startsWith('3.');

/** For node:crypto. Throws `bad-key` where the point is not on its curve. */
export function importPublicKey(key: PublicKey): KeyObject {
  try {
    const coordinate = FIXED_KEYS.find(({ type }) => type === key.type)?.coordinate;
    if (!FROM_COORDINATES || coordinate === undefined) return createPublicKey({ key: Buffer.from(key.der), format: 'der', type: 'spki' });
    const point = subjectPublicKeyBits(key);
    const [x, y] = [point.subarray(1, 1 + coordinate), point.subarray(1 + coordinate)];
    return createPublicKey({ key: { kty: 'EC', crv: key.type, x: base64url(x), y: base64url(y) }, format: 'jwk' });
  } catch {
    throw new X509Error('bad-key', `the ${key.type} key is not one that can be used: ${key.type === 'RSA' || key.type === 'Ed25519' ? 'its value is wrong' : 'the point is not on the curve'}`);
  }
}

const base64url = (octets: Uint8Array): string => Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('base64url');
