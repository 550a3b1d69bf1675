import { RefusedToken, shown } from './refused-token.ts';
import type { Members } from './token.ts';

/** Requirements for the claims of every token. */
export interface ClaimRules {
  /** Every audience of the token must be one of these. */
  readonly audiences: readonly string[];
  /** Seconds by which clocks may differ. */
  readonly clockSkew: number;
  /** Longest lifetime of a token, seconds. */
  readonly maxLifetime: number;
}

export interface Registered {
  readonly subject: string;
  /** The token's id, if it has one. */
  readonly id: string | undefined;
  /** Expiry according to the token, seconds since the epoch. */
  readonly expires: number;
}

const MOST_SUBJECT = 512;
const MOST_AUDIENCES = 20;

/**
 * Checks the registered claims (RFC 7519 4.1) of a token with a valid signature and a known `iss`: it is for us alone, valid now, and its lifetime
 * within limits. `now` in seconds.
 * @throws RefusedToken
 */
export function checkRegistered(claims: Members, { audiences, clockSkew, maxLifetime }: ClaimRules, now: number): Registered {
  checkAudience(claims['aud'], audiences);
  const expires = time(claims, 'exp');
  const issuedAt = time(claims, 'iat');
  const notBefore = claims['nbf'] === undefined ? issuedAt : time(claims, 'nbf');
  // RFC 7519 4.1.4: exp is exclusive.
  if (now >= expires + clockSkew) throw new RefusedToken('expired', `it expired ${Math.ceil(now - expires)} s ago; ask its issuer for a new one`, 'exp');
  if (now < Math.max(issuedAt, notBefore) - clockSkew) {
    throw new RefusedToken('not-yet-valid', `it becomes valid in ${Math.ceil(Math.max(issuedAt, notBefore) - now)} s; the clocks of its issuer and of this service differ`, notBefore > issuedAt ? 'nbf' : 'iat');
  }
  if (expires - issuedAt > maxLifetime) throw new RefusedToken('lifetime', `its lifetime is ${Math.ceil(expires - issuedAt)} s; at most ${maxLifetime} s are accepted`, 'exp');
  const { sub, jti } = claims;
  if (!isText(sub) || sub.length > MOST_SUBJECT) throw new RefusedToken('claim', `its "sub" is not a string of 1 to ${MOST_SUBJECT} characters without control characters`, 'sub');
  if (jti !== undefined && !isText(jti)) throw new RefusedToken('claim', 'its "jti" is not a string', 'jti');
  return { subject: sub, id: jti, expires };
}

/**
 * RFC 7519 4.1.3. Refuses a token that is also meant for someone else, since any of its recipients could present it here.
 */
function checkAudience(aud: unknown, audiences: readonly string[]): void {
  const given: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (given.length > 0 && given.length <= MOST_AUDIENCES && given.every((one) => typeof one === 'string' && audiences.includes(one))) return;
  throw new RefusedToken('audience', `it is for ${aud === undefined ? 'nobody in particular' : shown(aud)}; expected ${audiences.map((one) => JSON.stringify(one)).join(' or ')}, and no other audience`, 'aud');
}

/** NumericDate (RFC 7519 2): seconds, possibly with a fraction. */
function time(claims: Members, name: 'exp' | 'iat' | 'nbf'): number {
  const value = claims[name];
  if (typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER / 1000) return value;
  throw new RefusedToken('claim', value === undefined ? `it has no "${name}"` : `its "${name}" is not a number of seconds since 1970`, name);
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '' && !/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(value);
