import { createPublicKey, hash, type JsonWebKey, type KeyObject } from 'node:crypto';
import { sha256 } from '../../digest.ts';
import { keyFaults } from '../../policy/key-strength.ts';
import { X509Error } from '../../x509/errors.ts';
import { parseSubjectPublicKeyInfo, type PublicKey } from '../../x509/public-key.ts';
import { badPublicKey } from '../problem.ts';
import { decodeBase64Url } from '../../base64url.ts';

/** A public key received as JWK, checked and ready for verification. */
export interface JwsKey {
  /** Only its required members, in the order of RFC 7638 3.2, as stored. */
  readonly jwk: Readonly<Record<string, string>>;
  /** RFC 7638, SHA-256, base64url. */
  readonly thumbprint: string;
  readonly type: PublicKey['type'];
  /** The algorithm that it is restricted to, if any (RFC 7517 4.4). */
  readonly alg?: string;
  /** Size of the modulus. */
  readonly bits: number;
  readonly key: KeyObject;
  /** SHA-256 of the SubjectPublicKeyInfo, hex, by which keys of certificates are identified too. */
  readonly keyHash: string;
}

/** Required members of each key type with their lengths in octets (RFC 7518 6, RFC 8037 2), in lexicographic order. */
const KINDS: Readonly<Record<string, Readonly<Record<string, number | undefined>>>> = {
  'EC P-256': { crv: undefined, kty: undefined, x: 32, y: 32 },
  'EC P-384': { crv: undefined, kty: undefined, x: 48, y: 48 },
  'OKP Ed25519': { crv: undefined, kty: undefined, x: 32 },
  RSA: { e: undefined, kty: undefined, n: undefined },
};

/** Members that only private and symmetric keys have: sending them is a mistake that must not go unnoticed. */
const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];
/** Octets of a modulus of 4096 bits; longer ones never reach any arithmetic. */
const MOST_MODULUS = 512;
const MOST_EXPONENT = 8;
const KEY_TYPES = ['P-256', 'P-384', 'Ed25519', 'RSA'];

/**
 * Parses a JWK as strictly as the key of a CSR: canonical encoding, on its curve, strong enough.
 * @throws AcmeError `badPublicKey`
 */
export function parseJwk(value: unknown): JwsKey {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badPublicKey('The jwk is not a JSON object.');
  const given = value as Readonly<Record<string, unknown>>;
  const { kty, crv, use, alg, key_ops: operations } = given;
  const kind = Object.hasOwn(KINDS, String(kty)) ? KINDS[String(kty)] : Object.hasOwn(KINDS, `${String(kty)} ${String(crv)}`) ? KINDS[`${String(kty)} ${String(crv)}`] : undefined;
  if (kind === undefined || typeof kty !== 'string') throw badPublicKey('The key is of a kind that is not accepted; expected EC (P-256, P-384), OKP (Ed25519) or RSA.');
  if (PRIVATE.some((name) => Object.hasOwn(given, name))) throw badPublicKey('The jwk has members of a private key. That key is compromised: make a new one, and send only its public part.');
  if ((use !== undefined && use !== 'sig') || (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify')))) throw badPublicKey('The jwk says that the key is not for signatures.');
  const jwk = Object.fromEntries(Object.entries(kind).map(([name, octets]) => [name, memberOf(given, name, octets)]));
  if (alg !== undefined && typeof alg !== 'string') throw badPublicKey('The jwk\'s member alg is not a string.');
  return { ...imported(jwk), ...(alg === undefined ? {} : { alg }) };
}

function memberOf(given: Readonly<Record<string, unknown>>, name: string, octets: number | undefined): string {
  const text = given[name];
  if (typeof text !== 'string') throw badPublicKey(`The jwk's member ${name} is missing, or not a string.`);
  if (name === 'kty' || name === 'crv') return text;
  const bytes = text.length > MOST_MODULUS * 2 ? undefined : decodeBase64Url(text);
  if (bytes === undefined || bytes.length === 0) throw badPublicKey(`The jwk's member ${name} is not base64url of an accepted value.`);
  if (octets !== undefined && bytes.length !== octets) throw badPublicKey(`The jwk's member ${name} has ${bytes.length} octets; expected ${octets}.`);
  if (octets === undefined && bytes[0] === 0) throw badPublicKey(`The jwk's member ${name} begins with a zero octet (RFC 7518 2).`);
  if (bytes.length > (name === 'e' ? MOST_EXPONENT : MOST_MODULUS)) throw badPublicKey(`The jwk's member ${name} is longer than that of any key that is accepted.`);
  return text;
}

function imported(jwk: Readonly<Record<string, string>>): JwsKey {
  try {
    const key = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' });
    const der = key.export({ format: 'der', type: 'spki' });
    const publicKey = parseSubjectPublicKeyInfo(der);
    const [fault] = keyFaults(publicKey, { keyTypes: KEY_TYPES });
    if (fault !== undefined) throw badPublicKey(`The key is refused: ${fault.detail}.`);
    return { jwk, key, type: publicKey.type, bits: publicKey.bits, keyHash: sha256(der), thumbprint: hash('sha256', JSON.stringify(jwk), 'base64url') };
  } catch (error) {
    if (error instanceof X509Error) throw badPublicKey(`The key is refused: ${error.detail}.`, error);
    if ((error as { code?: unknown }).code === undefined) throw error;
    throw badPublicKey('The key cannot be used: its value is wrong.', error);
  }
}

/** Recently used keys by thumbprint: importing one costs as much as a verification. */
const KEPT_MOST = 4096;
const kept = new Map<string, JwsKey>();

/** The key of an account from the store, where it was placed after being checked. */
export function storedJwk(jwk: Readonly<Record<string, string>>, thumbprint: string): JwsKey {
  const known = kept.get(thumbprint);
  if (known !== undefined) return known;
  const fresh = imported(jwk);
  if (kept.size >= KEPT_MOST) kept.clear();
  kept.set(thumbprint, fresh);
  return fresh;
}
