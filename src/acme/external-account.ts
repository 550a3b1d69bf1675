import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import type { RandomBytes } from '../identity/credential.ts';
import type { AcmeContext } from './context.ts';
import { objectIn, parseFlattened } from './jws/flattened.ts';
import { parseJwk } from './jws/jwk.ts';
import { macMatches } from './jws/verify.ts';
import { malformed, unauthorized } from './problem.ts';
import type { SignedRequest } from './signed-request.ts';
import type { EabKey } from './state/model.ts';
import type { Held } from './state/records.ts';

const [IV_BYTES, TAG_BYTES] = [12, 16];
const sealingKey = (master: Uint8Array): Buffer => createHmac('sha256', master).update('acme-eab').digest();

/** Encrypts the secret of an EAB key for the store: reading it takes the deployment's own secret, and it is bound to its key id. */
export function sealSecret(master: Uint8Array, id: string, secret: Uint8Array, random: RandomBytes): string {
  const iv = random(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', sealingKey(master), iv).setAAD(Buffer.from(id));
  return Buffer.concat([iv, cipher.update(secret), cipher.final(), cipher.getAuthTag()]).toString('base64url');
}

/** @throws Error if it was sealed under another secret, or altered */
function openSecret(master: Uint8Array, id: string, sealed: string): Buffer {
  const bytes = Buffer.from(sealed, 'base64url');
  const decipher = createDecipheriv('aes-256-gcm', sealingKey(master), bytes.subarray(0, IV_BYTES)).setAAD(Buffer.from(id)).setAuthTag(bytes.subarray(-TAG_BYTES));
  return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()]);
}

export interface Binding {
  readonly eab: Held<EabKey>;
  /** As received. */
  readonly jws: Readonly<Record<string, string>>;
}

const KID_MOST = 64;

/**
 * Verifies an external account binding (RFC 8555 7.3.4): a MAC with one of our keys, over the account's own key, for this URL.
 * @throws AcmeError `malformed`, `badSignatureAlgorithm`, `unauthorized`
 */
export async function readBinding({ records, master }: AcmeContext, signed: SignedRequest, value: unknown): Promise<Binding> {
  const jws = parseFlattened(value);
  const { kid, url, nonce } = jws.header;
  if (typeof kid !== 'string' || kid.length > KID_MOST || jws.header['jwk'] !== undefined) throw malformed('The external account binding names no key id.');
  if (nonce !== undefined) throw malformed('The external account binding has a nonce, which it must not (RFC 8555 7.3.4).');
  if (url !== signed.jws.header['url']) throw malformed('The url of the external account binding is not that of the request.');
  const bound = parseJwk(objectIn(jws.payload, 'payload of the external account binding'));
  if (bound.thumbprint !== signed.key.thumbprint) throw malformed('The external account binding is for another account key.');
  const eab = await records.eab(kid);
  // The same answer in all cases, so that guessing key ids reveals nothing.
  const refused = unauthorized('The external account binding is invalid: its key is unknown, or its MAC is wrong.');
  if (eab === undefined || (eab.value.authority !== undefined && eab.value.authority !== signed.directory.name)) throw refused;
  if (!macMatches(jws, openSecret(master, eab.id, eab.value.sealed))) throw refused;
  const { revokedAt, expiresAt, uses, accounts } = eab.value;
  if (revokedAt !== undefined || expiresAt <= signed.now) throw unauthorized('The key of the external account binding has expired.');
  if (accounts.length >= uses) throw unauthorized('The key of the external account binding was used before, for another account.');
  return { eab, jws: value as Readonly<Record<string, string>> };
}
