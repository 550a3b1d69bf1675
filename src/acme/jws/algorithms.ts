import { constants, type KeyObject, verify } from 'node:crypto';
import type { KeyType } from '../../x509/algorithms.ts';
import { integer, sequence } from '../../x509/der/writer.ts';

/** A signature algorithm of RFC 7518 3 or RFC 8037, with the only kind of key that it works with. */
export interface JwsAlgorithm {
  readonly key: KeyType;
  /** Octets of a signature; undefined if it is as long as the modulus. */
  readonly octets: number | undefined;
  readonly verify: (input: Uint8Array, key: KeyObject, signature: Uint8Array) => boolean;
}

/** Any exception of node:crypto about a signature means that it is invalid. */
const quietly = (check: JwsAlgorithm['verify']): JwsAlgorithm['verify'] => (input, key, signature) => {
  try {
    return check(input, key, signature);
  } catch {
    return false;
  }
};

/**
 * In DER (RFC 3279 2.2.3), which is node:crypto's default: Node 24 finds out by errors, thrown and caught in 18 us, that a key with options is no
 * key.
 */
const ecdsa = (hash: string): JwsAlgorithm['verify'] => quietly((input, key, signature) => {
  const half = signature.length / 2;
  return verify(hash, input, key, sequence(integer(signature.subarray(0, half)), integer(signature.subarray(half))));
});

/** All supported algorithms: neither `none`, nor symmetric ones, nor SHA-1 (RFC 8555 6.2). */
export const JWS_ALGORITHMS: Readonly<Record<string, JwsAlgorithm>> = {
  ES256: { key: 'P-256', octets: 64, verify: ecdsa('sha256') },
  ES384: { key: 'P-384', octets: 96, verify: ecdsa('sha384') },
  EdDSA: { key: 'Ed25519', octets: 64, verify: quietly((input, key, signature) => verify(null, input, key, signature)) },
  RS256: { key: 'RSA', octets: undefined, verify: quietly((input, key, signature) => verify('sha256', input, { key, padding: constants.RSA_PKCS1_PADDING }, signature)) },
  // RFC 7518 3.5: the salt is as long as the hash.
  PS256: { key: 'RSA', octets: undefined, verify: quietly((input, key, signature) => verify('sha256', input, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }, signature)) },
};
