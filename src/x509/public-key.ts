import { createPublicKey, hash, type JsonWebKey, type JsonWebKeyInput, type KeyObject, type PublicKeyInput } from 'node:crypto';
import { KEY_KINDS, type KeyType } from './algorithms.ts';
import { DerReader } from './der/reader.ts';
import * as tags from './der/tags.ts';
import { compareBytes, equalBytes, nullValue, oid, sequence } from './der/writer.ts';
import { X509Error } from './errors.ts';
import { OID, oidName } from './oids.ts';

/** A well-formed public key. Whether it is strong enough is a matter of policy. */
export interface PublicKey {
  readonly type: KeyType;
  /** Size of the modulus, or of the curve's order. */
  readonly bits: number;
  /** SubjectPublicKeyInfo. */
  readonly der: Uint8Array;
  /** RSA: magnitudes, big-endian, without leading zeros. */
  readonly modulus?: Uint8Array;
  readonly exponent?: Uint8Array;
}

/** OpenSSL's limit (OPENSSL_RSA_MAX_MODULUS_BITS); larger keys only cost time. */
const MAX_MODULUS_BITS = 16_384;
/** OPENSSL_RSA_MAX_PUBEXP_BITS is 64. */
const MAX_EXPONENT_OCTETS = 8;

interface FixedKey {
  readonly type: KeyType;
  readonly bits: number;
  /** The complete AlgorithmIdentifier. */
  readonly algorithm: Uint8Array;
  /** Length of the subjectPublicKey. */
  readonly octets: number;
  /** Explains what is wrong with a subjectPublicKey of correct length. */
  readonly fault: (bits: Uint8Array) => string | undefined;
}

const bigEndian = (hex: string): Uint8Array => Buffer.from(hex.padStart(64, '0'), 'hex');

/** 2^255 - 19. */
const ED25519_P = bigEndian(`7f${'ff'.repeat(30)}ed`);
/** The y coordinates of points of order 4, 1 and 2, then 8 (both signs). */
const ED25519_SMALL_ORDER = [
  bigEndian('0'),
  bigEndian('1'),
  bigEndian(`7f${'ff'.repeat(30)}ec`),
  bigEndian('05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826'),
  bigEndian('7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7'),
];

/** RFC 5480 2.1.1: named curves only; 2.2: uncompressed points. RFC 8410 3: no parameters. */
const FIXED_KEYS: readonly FixedKey[] = [
  { type: 'P-256', bits: 256, algorithm: sequence(oid(OID.ecPublicKey), oid(OID.prime256v1)), octets: 65, fault: pointFault },
  { type: 'P-384', bits: 384, algorithm: sequence(oid(OID.ecPublicKey), oid(OID.secp384r1)), octets: 97, fault: pointFault },
  { type: 'P-521', bits: 521, algorithm: sequence(oid(OID.ecPublicKey), oid(OID.secp521r1)), octets: 133, fault: pointFault },
  { type: 'Ed25519', bits: 256, algorithm: sequence(oid(OID.ed25519)), octets: 32, fault: ed25519Fault },
];

/** RFC 3279 2.3.1: NULL parameters. */
const RSA_ALGORITHM = sequence(oid(OID.rsaEncryption), nullValue());

/** Parses a SubjectPublicKeyInfo, allowing no trailing bytes. Throws an `X509Error`. */
export function parseSubjectPublicKeyInfo(der: Uint8Array): PublicKey {
  const reader = new DerReader(der);
  const key = readSubjectPublicKeyInfo(reader);
  reader.finish('SubjectPublicKeyInfo');
  return key;
}

/** Reads a SubjectPublicKeyInfo (RFC 5280 4.1.2.7) of a supported type. Whether a point is on its curve is only checked on import. */
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
  const found = bits.length === octets ? fault(bits) : `has ${bits.length} octets; ${octets} were expected${octets === 32 ? '' : ', since only uncompressed points are accepted'}`;
  if (found !== undefined) throw new X509Error('bad-key', `the ${type} key ${found}`);
}

function pointFault(bits: Uint8Array): string | undefined {
  return bits[0] === 0x04 ? undefined : 'is not an uncompressed point, which begins with 04';
}

/**
 * Detects points whose order divides 8, by y without the sign bit of x (RFC 8032 5.1.2): anyone can forge signatures for such a key. Also
 * refuses y >= p, a second encoding of another y.
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
  if (length > MAX_MODULUS_BITS) throw new X509Error('key-too-large', `the modulus has ${length} bits; at most ${MAX_MODULUS_BITS} are accepted`);
  if (exponent.length > MAX_EXPONENT_OCTETS) {
    throw new X509Error('key-too-large', `the public exponent has ${exponent.length} octets; at most ${MAX_EXPONENT_OCTETS} are accepted`);
  }
  if (length < 2 || exponent[0] === 0) throw new X509Error('bad-key', 'modulus and public exponent must not be zero');
  return { type: 'RSA', bits: length, der, modulus, exponent };
}

/** Throws an error that explains why a key algorithm is not supported. */
function explain(algorithm: Uint8Array): never {
  const inside = new DerReader(algorithm).sequence('key algorithm');
  const type = inside.oid('key algorithm');
  if (type === OID.ecPublicKey && inside.is(tags.OBJECT_IDENTIFIER)) {
    throw new X509Error('unsupported-key', `the curve is ${oidName(inside.oid('curve'))}; P-256, P-384 and P-521 are accepted`);
  }
  if (type === OID.ecPublicKey) throw new X509Error('unsupported-key', 'the curve is not given by name; explicit and implicit parameters are refused (RFC 5480 2.1.1)');
  if (type === OID.rsaEncryption || type === OID.ed25519) throw new X509Error('bad-algorithm-parameters', `the key algorithm ${oidName(type)} has wrong parameters`);
  throw new X509Error('unsupported-key', `the key algorithm is ${oidName(type)}; EC on P-256, P-384 and P-521, Ed25519 and RSA are accepted`);
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
/** Whether node:crypto probes objects for being keys by throwing and catching errors, at 10 us each. */
const DOUBTS_OBJECTS = Number.parseInt(process.versions.node, 10) >= 24;

type KeyForm = 'jwk' | 'der' | 'pem';

const anyKey = (form: KeyForm): Readonly<Record<KeyType, KeyForm>> => ({ 'P-256': form, 'P-384': form, 'P-521': form, Ed25519: form, RSA: form });

/**
 * The form in which a key of each type is imported fastest by node:crypto. With OpenSSL 3.0 (Node 20), SubjectPublicKeyInfo of any type takes
 * 92 us, as against 11 in later versions; importing coordinates adds a check with slow arithmetic: 46 us for P-256, 300 and 700 for the
 * larger curves. DER input is an object, which Node 24 probes four times for being a key.
 */
const FORMS = OPENSSL_3_0 ? { ...anyKey('jwk'), 'P-384': 'der', 'P-521': 'der' } as const : anyKey(DOUBTS_OBJECTS ? 'pem' : 'der');

const INPUTS: Readonly<Record<KeyForm, (key: PublicKey) => PublicKeyInput | JsonWebKeyInput | string>> = {
  jwk: (key) => ({ key: toJwk(key), format: 'jwk' }),
  der: (key) => ({ key: asBuffer(key.der), format: 'der', type: 'spki' }),
  pem: (key) => `-----BEGIN PUBLIC KEY-----\n${asBuffer(key.der).toString('base64')}\n-----END PUBLIC KEY-----\n`,
};

/** A key as `verify` of node:crypto takes it, for a single use: creating a KeyObject first would cost another 3 to 10 us. */
export const keyForOnce = (key: PublicKey): PublicKeyInput | JsonWebKeyInput | string => INPUTS[FORMS[key.type]](key);

/** Imports a key into node:crypto. Throws `bad-key` if its point is not on the curve, or if OpenSSL refuses it for another reason. */
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
