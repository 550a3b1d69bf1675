import { createHmac, timingSafeEqual } from 'node:crypto';
import { sha256 } from '../digest.ts';
import { X509Error } from '../x509/errors.ts';
import { decodeBase64 } from '../x509/pem.ts';
import type { CfsslConfig } from '../config/cfssl-schema.ts';
import { badCall } from './refusal.ts';
import { membersOf, textOf } from './sign-request.ts';

type KeySettings = CfsslConfig['keys'][string];

/** The holder of an authsign key. */
export interface AuthKey extends Omit<KeySettings, 'key' | 'previousKey'> {
  readonly name: string;
  /** The present key, and the previous one. */
  readonly secrets: readonly Buffer[];
}

export const authKeysOf = (keys: CfsslConfig['keys']): readonly AuthKey[] =>
  Object.entries(keys).map(([name, { key, previousKey, ...granted }]) => ({
    name, secrets: [key, previousKey].flatMap((hex) => (hex === undefined ? [] : Buffer.from(hex, 'hex'))), ...granted,
  }));

/** An authsign request whose token has not been verified. */
export interface AuthenticatedRequest {
  readonly token: Uint8Array;
  /** The sign request, JSON, over which the token is computed. */
  readonly request: Uint8Array;
}

/**
 * Parses the outer request of `authsign`. `timestamp` and `remote_address` are not covered by the token (cfssl's standard provider omits them), so they
 * cannot be relied on: their form is checked, and they are ignored.
 * @throws CfsslRefusal
 */
export function readAuthenticatedRequest(body: unknown): AuthenticatedRequest {
  const members = membersOf(body, 'the authenticated request');
  const { timestamp } = members;
  for (const name of Object.keys(members)) if (!['token', 'request', 'timestamp', 'remote_address'].includes(name)) throw badCall(`unknown parameter ${JSON.stringify(name.slice(0, 64))}`);
  if (timestamp !== undefined && !Number.isSafeInteger(timestamp)) throw badCall('"timestamp" is not a whole number');
  octets(textOf(members, 'remote_address') ?? 'AA==', 'remote_address');
  return { token: octets(textOf(members, 'token'), 'token'), request: octets(textOf(members, 'request'), 'request') };
}

function octets(text: string | undefined, name: string): Uint8Array {
  if (text === undefined) throw badCall(`missing parameter '${name}'`);
  try {
    return decodeBase64(text);
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
    throw badCall(`"${name}" is not base64`, error);
  }
}

/** The holder of the key with which the token is the HMAC-SHA-256 of the request. All keys are tried, so that timing reveals nothing. */
export function holderOf(keys: readonly AuthKey[], { token, request }: AuthenticatedRequest): AuthKey | undefined {
  let found: AuthKey | undefined;
  for (const key of keys) {
    for (const secret of key.secrets) {
      const expected = createHmac('sha256', secret).update(request).digest();
      if (token.length === expected.length && timingSafeEqual(token, expected)) found ??= key;
    }
  }
  return found;
}

/** Seconds for which tokens, which never expire, are remembered; keys are to be changed within that time. */
const REMEMBERED = 2 * 366 * 86_400;

/** The use of a token, which yields one certificate. @param now milliseconds since the epoch */
export const onceOf = ({ token }: AuthenticatedRequest, now: number): { readonly key: string; readonly expires: number } =>
  ({ key: `cfssl/${sha256(token)}`, expires: Math.floor(now / 1000) + REMEMBERED });
