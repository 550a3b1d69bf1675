import { createPublicKey, hash, type JsonWebKey, type JsonWebKeyInput, type KeyObject, type PublicKeyInput } from 'node:crypto';
import { KEY_KINDS, type KeyType } from './algorithms.ts';
import { DerReader } from './der/reader.ts';
import * as tags from './der/tags.ts';
import { compareBytes, equalBytes, nullValue, oid, sequence } from './der/writer.ts';
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
  /** Says what is wrong with a subjectPublicKey of the right length. */
  readonly fault: (bits: Uint8Array) => string | undefined;
}

const bigEndian = (hex: string): Uint8Array => Buffer.from(hex.padStart(64, '0'), 'hex');

/** 2^255 - 19. */
const ED25519_P = bigEndian(`7f${'ff'.repeat(30)}ed`);
/** Order 4, 1 and 2, then 8 (both signs). */
const ED25519_SMALL_ORDER = [
  bigEndian('0'),
  bigEndian('1'),
  bigEndian(`7f${'ff'.repeat(30)}ec`),
  bigEndian('05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826'),
  bigEndian('7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7'),
];

/** RFC 5480 2.1.1: named curve alone; 2.2: points uncompressed. RFC 8410 3: no parameters. */
const FIXED_KEYS: readonly FixedKey[] = [
  { type: 'P-256', bits: 256, algorithm: sequence(oid(OID.ecPublicKey), oid(OID.prime256v1)), octets: 65, fault: pointFault },
  { type: 'P-384', bits: 384, algorithm: sequence(oid(OID.ecPublicKey), oid(OID.secp384r1)), octets: 97, fault: pointFault },
  { type: 'P-521', bits: 521, algorithm: sequence(oid(OID.ecPublicKey), oid(OID.secp521r1)), octets: 133, fault: pointFault },
  { type: 'Ed25519', bits: 256, algorithm: sequence(oid(OID.ed25519)), octets: 32, fault: ed25519Fault },
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

function checkFixed({ type, octets, fault }: FixedKey, bits: Uint8Array): void {
  const found = bits.length === octets ? fault(bits) : `has ${bits.length} octets; ${octets} were expected${octets === 32 ? '' : ', for only uncompressed points are taken'}`;
  if (found !== undefined) throw new X509Error('bad-key', `the ${type} key ${found}`);
}

function pointFault(bits: Uint8Array): string | undefined {
  return bits[0] === 0x04 ? undefined : 'is not an uncompressed point, which begins with 04';
}

/**
 * The y of points whose order divides 8, little-endian, without the sign of x (RFC 8032 5.1.2): anybody can sign for such a
 * key. And y from p on, which is another y written in a second way.
 */
function ed25519Fault(bits: Uint8Array): string | undefined {
  const y = Uint8Array.from(bits).reverse();
  y[0]! &= 0x7f;
  if (compareBytes(y, ED25519_P) >= 0) return 'has a coordinate that is not below the prime of its field';
  return ED25519_SMALL_ORDER.some((small) => equalBytes(small, y)) ? 'is a point of small order' : undefined;
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

const OPENSSL_3_0 = process.versions.openssl.startsWith('3.0.');
/** Finds out by errors, thrown and caught in 10 us each, whether an object that it is given is a key. */
const DOUBTS_OBJECTS = Number.parseInt(process.versions.node, 10) >= 24;

type KeyForm = 'jwk' | 'der' | 'pem';

const anyKey = (form: KeyForm): Readonly<Record<KeyType, KeyForm>> => ({ 'P-256': form, 'P-384': form, 'P-521': form, Ed25519: form, RSA: form });

/**
 * In which form a key is handed to node:crypto: the one that it makes a key of with the least work. OpenSSL 3.0 (Node 20) takes 92 us for
 * SubjectPublicKeyInfo of any kind, its successors 11; coordinates are then checked with slow arithmetic, on P-256 in 46 us, on the others
 * in 300 and 700. DER is an object, of which Node 24 doubts four times that it is a key.
 */
const FORMS = OPENSSL_3_0 ? { ...anyKey('jwk'), 'P-384': 'der', 'P-521': 'der' } as const : anyKey(DOUBTS_OBJECTS ? 'pem' : 'der');

const INPUTS: Readonly<Record<KeyForm, (key: PublicKey) => PublicKeyInput | JsonWebKeyInput | string>> = {
  jwk: (key) => ({ key: toJwk(key), format: 'jwk' }),
  der: (key) => ({ key: asBuffer(key.der), format: 'der', type: 'spki' }),
  pem: (key) => `-----BEGIN PUBLIC KEY-----\n${asBuffer(key.der).toString('base64')}\n-----END PUBLIC KEY-----\n`,
};

/** What `verify` of node:crypto takes for a key that is used once: to make a KeyObject of it first would cost it 3 to 10 us more. */
export const keyForOnce = (key: PublicKey): PublicKeyInput | JsonWebKeyInput | string => INPUTS[FORMS[key.type]](key);

/** For node:crypto. Throws `bad-key` where the point is not on its curve, and for what else it does not take. */
export function importPublicKey(key: PublicKey): KeyObject {
  try {
    return createPublicKey(keyForOnce(key));
  } catch {
    throw new X509Error('bad-key', `the ${key.type} key cannot be used: ${KEY_KINDS[key.type] === 'EC' ? 'the point is not on the curve' : 'its value is wrong'}`);
  }
}

/** RFC 7518 6.2.1 and 6.3.1, RFC 8037 2. */
function toJwk(key: PublicKey): JsonWebKey {
  if (key.modulus !== undefined && key.exponent !== undefined) return { kty: 'RSA', n: base64url(key.modulus), e: base64url(key.exponent) };
  const bits = subjectPublicKeyBits(key);
  if (key.type === 'Ed25519') return { kty: 'OKP', crv: key.type, x: base64url(bits) };
  const middle = (bits.length + 1) / 2;
  return { kty: 'EC', crv: key.type, x: base64url(bits.subarray(1, middle)), y: base64url(bits.subarray(middle)) };
}

const asBuffer = (octets: Uint8Array): Buffer => Buffer.from(octets.buffer, octets.byteOffset, octets.length);
const base64url = (octets: Uint8Array): string => asBuffer(octets).toString('base64url');
