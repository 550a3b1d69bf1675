import { JsonError, parseStrictJson } from '../../strict-json.ts';
import { malformed } from '../problem.ts';
import { decodeBase64Url } from '../../base64url.ts';

/** A JWS in flattened JSON serialization, decoded but not verified. */
export interface FlattenedJws {
  readonly header: Readonly<Record<string, unknown>>;
  readonly payload: Buffer;
  /** The signed bytes, ASCII (RFC 7515 5.1). */
  readonly signingInput: Buffer;
  readonly signature: Buffer;
}

const MEMBERS = ['payload', 'protected', 'signature'];
/** Header parameters that refer to external keys, or change what is signed: nothing is fetched or guessed (RFC 7515 4.1). */
const REFUSED = ['crit', 'b64', 'jku', 'x5u', 'x5c', 'x5t', 'x5t#S256', 'zip', 'enc'];

/**
 * Parses a flattened JWS (RFC 7515 7.2.2, RFC 8555 6.2) with exactly its three members, so without unprotected header or second signature, and without
 * critical header parameters.
 * @throws AcmeError `malformed`
 */
export function parseFlattened(value: unknown): FlattenedJws {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed('The body is not a JWS; expected an object with protected, payload and signature (RFC 8555 6.2).');
  const given = value as Readonly<Record<string, unknown>>;
  const wrong = Object.keys(given).find((name) => !MEMBERS.includes(name));
  if (wrong !== undefined) throw malformed(`The JWS has a member ${JSON.stringify(wrong.slice(0, 64))}; expected only protected, payload and signature (RFC 8555 6.2).`);
  const [payload, head, signature] = MEMBERS.map((name) => bytesOf(given[name], name));
  if (payload === undefined || head === undefined || signature === undefined) throw malformed('The JWS lacks one of protected, payload and signature.');
  const header = objectIn(head, 'protected header');
  const refused = REFUSED.find((name) => Object.hasOwn(header, name));
  if (refused !== undefined) throw malformed(`The protected header has ${refused}, which is not accepted.`);
  return { header, payload, signature, signingInput: Buffer.from(`${String(given['protected'])}.${String(given['payload'])}`) };
}

function bytesOf(text: unknown, name: string): Buffer {
  const bytes = typeof text === 'string' ? decodeBase64Url(text) : undefined;
  if (bytes === undefined) throw malformed(`The JWS's ${name} is missing, or not base64url without padding.`);
  return bytes;
}

/** Invalid UTF-8 would otherwise silently become replacement characters. */
const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Parses the bytes as a JSON object. @throws AcmeError `malformed` */
export function objectIn(bytes: Buffer, what: string): Readonly<Record<string, unknown>> {
  try {
    const value = parseStrictJson(UTF_8.decode(bytes));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>;
  } catch (error) {
    if (!(error instanceof JsonError) && !(error instanceof TypeError)) throw error;
    throw malformed(`The ${what} is not JSON: ${error.message}`, error);
  }
  throw malformed(`The ${what} is not a JSON object.`);
}
