import { decodeBase64Url } from '../../base64url.ts';
import { JsonError, parseStrictJson } from '../../strict-json.ts';
import { RefusedToken, shown } from './refused-token.ts';

/** A JSON object of strangers: nothing is known of its members. */
export type Members = Readonly<Record<string, unknown>>;

/** A JWS in compact serialization, taken apart and not verified: nothing in it is to be believed yet. */
export interface UnverifiedToken {
  readonly text: string;
  readonly alg: unknown;
  /** The key that it says it is signed with. */
  readonly kid: string | undefined;
  readonly claims: Members;
}

/** Characters. Tokens of those in many groups have a few thousand. */
const MOST = 12_288;
const MOST_KID = 512;
const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/;

/**
 * What a token may be that is to say who asks (RFC 8725 3.11): an ID token, or an access token of RFC 9068. The same keys sign logout tokens,
 * security events, proofs of possession and other things.
 */
const TYPES = ['jwt', 'at+jwt'];

/** True for what looks like a JWT: three parts between dots. No other credential has a dot. */
export const isJwt = (text: string): boolean => COMPACT.test(text);

/**
 * Takes a token apart (RFC 7519 7.2). Of the header only `alg`, `kid`, `typ` and `crit` are looked at: parameters that hold a key or say where
 * one is to be fetched (`jwk`, `jku`, `x5c`, `x5u`) are as if they were not there, as RFC 7515 4 demands of what is not understood.
 * @throws RefusedToken `malformed`, `type`, `critical`
 */
export function parseToken(text: string): UnverifiedToken {
  if (text.length > MOST) throw new RefusedToken('malformed', `it has ${text.length} characters; at most ${MOST} are taken`);
  const [head = '', payload = '', signature = ''] = text.split('.');
  const header = objectIn(head, 'header');
  const { alg, kid, typ } = header;
  // RFC 7515 4.1.11: no extension is understood here.
  if (Object.hasOwn(header, 'crit')) throw new RefusedToken('critical', 'its header has "crit"; expected no critical extensions (RFC 7515 4.1.11)', 'crit');
  if (typ !== undefined && !(typeof typ === 'string' && TYPES.includes(typ.toLowerCase().replace(/^application\//, '')))) {
    throw new RefusedToken('type', `its header says that it is ${shown(typ)}; expected JWT or at+jwt, or nothing`, 'typ');
  }
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > MOST_KID)) throw new RefusedToken('malformed', `its header has a "kid" that is no text of at most ${MOST_KID} characters`, 'kid');
  if (decodeBase64Url(signature) === undefined) throw new RefusedToken('malformed', 'its signature is no base64url');
  return { text, alg, kid, claims: objectIn(payload, 'payload') };
}

function objectIn(part: string, what: string): Members {
  const bytes = decodeBase64Url(part);
  if (bytes === undefined) throw new RefusedToken('malformed', `its ${what} is no base64url without padding (RFC 7515 2)`);
  try {
    // Bytes that are no UTF-8 would become replacement characters unseen.
    const value = parseStrictJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Members;
  } catch (error) {
    // Their messages may hold some of the token: no more is told than that it is none.
    if (!(error instanceof JsonError) && !(error instanceof TypeError)) throw error;
    throw new RefusedToken('malformed', `its ${what} is no JSON that is taken; expected an object in UTF-8 that names each member once`);
  }
  throw new RefusedToken('malformed', `its ${what} is no JSON object`);
}
