import { createPublicKey, type KeyObject } from 'node:crypto';
import { JsonError, parseStrictJson } from '../../strict-json.ts';
import { type Algorithm, ALGORITHMS, isAlgorithm, type KeyKind } from './algorithms.ts';

/** A public key of an issuer, for verifying signatures. */
export interface IssuerKey {
  readonly kid: string | undefined;
  readonly kind: KeyKind;
  /** The algorithm that it is restricted to, if any (RFC 7517 4.4). */
  readonly alg: string | undefined;
  readonly key: KeyObject;
}

export type KeySet = readonly IssuerKey[];

/** An unusable key document. `message` continues the name of its source. */
export class BadKeySet extends Error {
  override readonly name = 'BadKeySet';
}

const MOST_KEYS = 100;
const MOST_KID = 512;
/** RSA key sizes: smaller ones can be broken, larger ones cost more than they can be worth (RFC 7518 3.3 requires at least 2048). */
const BITS = { least: 2048, most: 8192 };
/** Members that only private and symmetric keys have (RFC 7518 6): a key published with one is compromised. */
const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

/**
 * Parses a JWK set (RFC 7517 5). Keys that are of other types, for other uses, or invalid are ignored, as RFC 7517 5 recommends; a set without
 * usable keys is refused.
 * @throws BadKeySet
 */
export function parseKeySet(bytes: Uint8Array): KeySet {
  const { keys } = jsonObject(bytes);
  if (!Array.isArray(keys)) throw new BadKeySet('is not a JWK set: it has no list "keys" (RFC 7517 5)');
  if (keys.length > MOST_KEYS) throw new BadKeySet(`has ${keys.length} keys; at most ${MOST_KEYS} are accepted`);
  const usable = keys.map(issuerKey).filter((key) => key !== undefined);
  if (usable.length === 0) throw new BadKeySet('has no key that can verify a signature (RSA of 2048 to 8192 bits, EC P-256, P-384 or P-521, OKP Ed25519)');
  return usable;
}

/** Strictly parses a JSON object from an external source. @throws BadKeySet */
export function jsonObject(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value = parseStrictJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>;
  } catch (error) {
    if (!(error instanceof JsonError) && !(error instanceof TypeError)) throw error;
    throw new BadKeySet('is not JSON that names each member once', { cause: error });
  }
  throw new BadKeySet('is not a JSON object');
}

function issuerKey(value: unknown): IssuerKey | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const jwk = value as Readonly<Record<string, unknown>>;
  const { kty, crv, use, alg, kid, key_ops: operations } = jwk;
  const kind = Object.values<KeyKind>(ALGORITHMS).find((one) => one.kty === kty && one.crv === (kty === 'RSA' ? undefined : crv));
  const forSignatures = (use === undefined || use === 'sig') && (operations === undefined || (Array.isArray(operations) && operations.includes('verify')));
  if (kind === undefined || !forSignatures || PRIVATE.some((name) => Object.hasOwn(jwk, name))) return undefined;
  if (alg !== undefined && !(isAlgorithm(alg) && ALGORITHMS[alg].kty === kty)) return undefined;
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > MOST_KID)) return undefined;
  const key = imported(jwk);
  return key === undefined ? undefined : { kid, kind, alg, key };
}

const NUMBERS = ['kty', 'crv', 'n', 'e', 'x', 'y'];

/** Undefined if the numbers are not a valid key: off the curve, too short, too long. */
function imported(jwk: Readonly<Record<string, unknown>>): KeyObject | undefined {
  try {
    const numbers: Record<string, string> = {};
    for (const name of NUMBERS) if (typeof jwk[name] === 'string') numbers[name] = jwk[name];
    const key = createPublicKey({ key: numbers, format: 'jwk' });
    const { modulusLength: bits = BITS.least, publicExponent: exponent = 65_537n } = key.asymmetricKeyDetails ?? {};
    return bits < BITS.least || bits > BITS.most || exponent < 3n || exponent > 0xffff_ffffn ? undefined : key;
  } catch {
    return undefined;
  }
}

/**
 * The keys that may have signed a token with this key id and algorithm: of the right type, and not restricted to another algorithm. Without a key
 * id, all that match.
 */
export const keysFor = (keys: KeySet, kid: string | undefined, alg: Algorithm): KeySet => {
  const { kty, crv }: KeyKind = ALGORITHMS[alg];
  return keys.filter((key) => (kid === undefined || key.kid === kid) && key.kind.kty === kty && key.kind.crv === crv && (key.alg === undefined || key.alg === alg));
};
