import { decodeBase64Url } from '../../base64url.ts';
import { JsonError, parseStrictJson } from '../../strict-json.ts';
import { RefusedToken, shown } from './refused-token.ts';

/** A JSON object from outside: nothing is known about its members. */
export type Members = Readonly<Record<string, unknown>>;

/** A JWS in compact serialization, split but not verified: nothing in it may be trusted yet. */
export interface UnverifiedToken {
  readonly text: string;
  readonly alg: unknown;
  /** The id of the key that it claims to be signed with. */
  readonly kid: string | undefined;
  readonly claims: Members;
}

/** Characters. Tokens that list many groups have a few thousand. */
const MOST = 12_288;
const MOST_KID = 512;
const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/;

/**
 * Types of tokens that can authenticate a caller (RFC 8725 3.11): ID tokens, and access tokens of RFC 9068. The same keys also sign logout tokens,
 * security events, proofs of possession and more.
 */
const TYPES = ['jwt', 'at+jwt'];

/** Whether the text looks like a JWT: three parts separated by dots. No other credential contains a dot. */
export const isJwt = (text: string): boolean => COMPACT.test(text);

/**
 * Splits and decodes a token (RFC 7519 7.2). Only `alg`, `kid`, `typ` and `crit` are read from the header: parameters that contain a key or say
 * where to fetch one (`jwk`, `jku`, `x5c`, `x5u`) are ignored, as RFC 7515 4 requires for parameters that are not understood.
 * @throws RefusedToken `malformed`, `type`, `critical`
 */
export function parseToken(text: string): UnverifiedToken {
  if (text.length > MOST) throw new RefusedToken('malformed', `it has ${text.length} characters; at most ${MOST} are accepted`);
  const [head = '', payload = '', signature = ''] = text.split('.');
  const header = objectIn(head, 'header');
  const { alg, kid, typ } = header;
  // RFC 7515 4.1.11: no extension is supported.
  if (Object.hasOwn(header, 'crit')) throw new RefusedToken('critical', 'its header has "crit"; expected no critical extensions (RFC 7515 4.1.11)', 'crit');
  if (typ !== undefined && !(typeof typ === 'string' && TYPES.includes(typ.toLowerCase().replace(/^application\//, '')))) {
    throw new RefusedToken('type', `its header says that it is ${shown(typ)}; expected JWT or at+jwt, or nothing`, 'typ');
  }
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > MOST_KID)) throw new RefusedToken('malformed', `its header has a "kid" that is not a string of at most ${MOST_KID} characters`, 'kid');
  if (decodeBase64Url(signature) === undefined) throw new RefusedToken('malformed', 'its signature is not base64url');
  return { text, alg, kid, claims: objectIn(payload, 'payload') };
}

function objectIn(part: string, what: string): Members {
  const bytes = decodeBase64Url(part);
  if (bytes === undefined) throw new RefusedToken('malformed', `its ${what} is not base64url without padding (RFC 7515 2)`);
  try {
    // Invalid UTF-8 would otherwise silently become replacement characters.
    const value = parseStrictJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Members;
  } catch (error) {
    // Their messages might quote the token, so only the fact is reported.
    if (!(error instanceof JsonError) && !(error instanceof TypeError)) throw error;
    throw new RefusedToken('malformed', `its ${what} is not acceptable JSON; expected an object in UTF-8 that names each member once`);
  }
  throw new RefusedToken('malformed', `its ${what} is not a JSON object`);
}
