import { createHmac, timingSafeEqual } from 'node:crypto';
import { badSignatureAlgorithm, malformed } from '../problem.ts';
import { JWS_ALGORITHMS, type JwsAlgorithm } from './algorithms.ts';
import type { FlattenedJws } from './flattened.ts';
import type { JwsKey } from './jwk.ts';

/** The algorithm named in the header. @throws AcmeError `badSignatureAlgorithm` listing the supported ones */
export function algorithmOf({ header }: Pick<FlattenedJws, 'header'>): JwsAlgorithm {
  const { alg } = header;
  const found = typeof alg === 'string' && Object.hasOwn(JWS_ALGORITHMS, alg) ? JWS_ALGORITHMS[alg] : undefined;
  if (found === undefined) throw badSignatureAlgorithm(`The algorithm ${JSON.stringify(typeof alg === 'string' ? alg.slice(0, 64) : null)} is not accepted.`, Object.keys(JWS_ALGORITHMS));
  return found;
}

/**
 * Verifies the signature with the key, using only the algorithm named in the header, which must match the kind of key.
 * @throws AcmeError `badSignatureAlgorithm`, `malformed`
 */
export function verifyJws(jws: FlattenedJws, key: JwsKey): void {
  const algorithm = algorithmOf(jws);
  if (algorithm.key !== key.type || (key.alg !== undefined && key.alg !== jws.header['alg'])) throw malformed(`The algorithm ${String(jws.header['alg'])} does not go with this key, of type ${key.type}${key.alg === undefined ? '' : ` for ${key.alg}`}.`);
  const octets = algorithm.octets ?? key.bits / 8;
  if (jws.signature.length !== octets || !algorithm.verify(jws.signingInput, key.key, jws.signature)) throw malformed('The JWS\'s signature does not verify.');
}

/** RFC 7518 3.2, for external account binding only (RFC 8555 7.3.4). */
const MACS: Readonly<Record<string, string>> = { HS256: 'sha256', HS384: 'sha384', HS512: 'sha512' };

/** Whether the MAC was made with the secret. @throws AcmeError `badSignatureAlgorithm` */
export function macMatches({ header, signingInput, signature }: FlattenedJws, secret: Uint8Array): boolean {
  const { alg } = header;
  const name = typeof alg === 'string' && Object.hasOwn(MACS, alg) ? MACS[alg] : undefined;
  if (name === undefined) throw badSignatureAlgorithm('The external account binding does not use an accepted MAC algorithm.', Object.keys(MACS));
  const expected = createHmac(name, secret).update(signingInput).digest();
  return expected.length === signature.length && timingSafeEqual(expected, signature);
}
