import { constants, type KeyObject, type SignKeyObjectInput, verify } from 'node:crypto';
import { KEY_KINDS, type KeyType, type SignatureAlgorithm } from './algorithms.ts';
import { DerReader } from './der/reader.ts';
import { compareBytes } from './der/writer.ts';
import { X509Error } from './errors.ts';
import { importPublicKey, keyForOnce, type PublicKey } from './public-key.ts';

/** What CSRs, certificates and CRLs have in common. */
interface SignedBytes {
  /** The signed bytes. */
  readonly tbs: Uint8Array;
  /** Undefined if Chancery does not support it. */
  readonly signatureAlgorithm: SignatureAlgorithm | undefined;
  readonly signature: Uint8Array;
}

/** The order of each curve's base point (SEC 2, 2.4.2, 2.5.1, 2.6.1). */
const ORDERS: Readonly<Partial<Record<KeyType, Uint8Array>>> = {
  'P-256': Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex'),
  'P-384': Buffer.from('ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973', 'hex'),
  'P-521': Buffer.from(`01ff${'ff'.repeat(31)}fa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409`, 'hex'),
};

const ED25519_OCTETS = 64;

/** Options for node:crypto besides the hash, for signing and verifying alike; none for EC and Ed25519, whose default encoding is DER. */
function signatureOptions({ keyKind, pssSaltLength }: SignatureAlgorithm): { padding?: number; saltLength?: number } {
  if (pssSaltLength !== undefined) return { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: pssSaltLength };
  return keyKind === 'RSA' ? { padding: constants.RSA_PKCS1_PADDING } : {};
}

/**
 * A key in the form that `sign` and `verify` of node:crypto take: with `signatureOptions`, or bare if the defaults apply. Given an object
 * with options, Node 24 throws and catches two errors, some 15 us, before it knows that the object itself is no key.
 */
export const keyInput = (key: KeyObject, algorithm: SignatureAlgorithm): KeyObject | SignKeyObjectInput =>
  algorithm.keyKind === 'RSA' ? { key, ...signatureOptions(algorithm) } : key;

/** Throws `algorithm-mismatch` unless the algorithm is for keys of this type. */
export function checkAlgorithmFits(algorithm: SignatureAlgorithm, key: PublicKey): void {
  if (KEY_KINDS[key.type] !== algorithm.keyKind) {
    throw new X509Error('algorithm-mismatch', `the signature algorithm is ${algorithm.id}, the key is ${key.type}`);
  }
}

/**
 * Verifies a signature, cheap checks first.
 * Throws `unsupported-algorithm`, `algorithm-mismatch`, `bad-signature`, and `bad-key` if the key is unusable.
 */
export function verifySignature({ tbs, signatureAlgorithm, signature }: SignedBytes, key: PublicKey): void {
  if (signatureAlgorithm === undefined) throw new X509Error('unsupported-algorithm', 'the signature is by an algorithm that is not accepted');
  checkAlgorithmFits(signatureAlgorithm, key);
  checkForm(signature, key);
  if (!isGood(tbs, signatureAlgorithm, signature, key)) throw new X509Error('bad-signature', `the ${signatureAlgorithm.id} signature is not by this ${key.type} key`);
}

function isGood(tbs: Uint8Array, algorithm: SignatureAlgorithm, signature: Uint8Array, key: PublicKey): boolean {
  try {
    return verify(algorithm.hash, tbs, algorithm.keyKind === 'RSA' ? keyInput(importPublicKey(key), algorithm) : keyForOnce(key), signature);
  } catch {
    // Either the key is unusable, in which case this throws, or OpenSSL has limits of its own, such as on PSS salts for short keys.
    importPublicKey(key);
    return false;
  }
}

/** Whether the signature was made with this key; also false if the key or the algorithm is unsupported. */
export function isSignedBy(signed: SignedBytes, key: PublicKey): boolean {
  try {
    verifySignature(signed, key);
    return true;
  } catch (error) {
    if (error instanceof X509Error) return false;
    throw error;
  }
}

function checkForm(signature: Uint8Array, key: PublicKey): void {
  const order = ORDERS[key.type];
  if (order !== undefined) return checkEcdsa(signature, order);
  // RFC 8032 5.1.6; RFC 8017 8.1.2 and 8.2.2: as long as the modulus.
  const expected = key.modulus?.length ?? ED25519_OCTETS;
  if (signature.length !== expected) throw new X509Error('bad-signature', `the signature has ${signature.length} octets, ${expected} were expected`);
}

/** ECDSA-Sig-Value (RFC 3279 2.2.3) in strict DER, with r and s in [1, n - 1] (FIPS 186-5 6.4.2). */
function checkEcdsa(signature: Uint8Array, order: Uint8Array): void {
  try {
    const reader = new DerReader(signature);
    const value = reader.sequence('ECDSA signature');
    reader.finish('ECDSA signature');
    for (const name of ['r', 's']) {
      const number = value.unsignedInteger(name);
      const isBelow = number.length < order.length || (number.length === order.length && compareBytes(number, order) < 0);
      if (number[0] === 0 || !isBelow) value.fail('bad-signature', `${name} is not from 1 to the order of the curve less one`);
    }
    value.finish('ECDSA signature');
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
    throw new X509Error('bad-signature', `the signature is not a pair of numbers in DER: ${error.detail}`);
  }
}
