import { createHash } from 'node:crypto';
import { excerpt } from '../../outgoing/excerpt.ts';
import type { Resolver } from '../../outgoing/resolver.ts';
import { invalid, VALID } from './outcome.ts';
import type { ValidationOutcome, ValidationRequest } from './validator.ts';

/** Records quoted if none matches. */
const MOST_TOLD = 3;

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

/** RFC 8555 8.4. */
export const validateDns01 = (resolver: Pick<Resolver, 'texts'>, request: ValidationRequest, signal: AbortSignal): Promise<ValidationOutcome> =>
  expectDigest(resolver, `_acme-challenge.${request.identifier.value}`, request.keyAuthorization, signal);

/** draft-ietf-acme-dns-account-label 3.1: dns-01 under a label specific to the account, so that several accounts can share a name. */
export const validateDnsAccount01 = (resolver: Pick<Resolver, 'texts'>, request: ValidationRequest, signal: AbortSignal): Promise<ValidationOutcome> =>
  expectDigest(resolver, `${accountLabel(request.accountUri)}._acme-challenge.${request.identifier.value}`, request.keyAuthorization, signal);

/** `_` followed by the first ten octets of the hash of the account URL in base32. */
export const accountLabel = (accountUri: string): string => `_${base32(sha256(accountUri).subarray(0, 10))}`;

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** RFC 4648 6 in lower case, for a multiple of five octets. */
function base32(octets: Uint8Array): string {
  const bits = [...octets].map((octet) => octet.toString(2).padStart(8, '0')).join('');
  return bits.replace(/.{5}/g, (five) => BASE32.charAt(parseInt(five, 2)));
}

/** One of the records at the name must be the digest of the key authorization. Others may exist beside it, for a wildcard or another client. */
async function expectDigest(resolver: Pick<Resolver, 'texts'>, name: string, keyAuthorization: string, signal: AbortSignal): Promise<ValidationOutcome> {
  const texts = await resolver.texts(name, signal);
  if (texts.includes(sha256(keyAuthorization).toString('base64url'))) return VALID;
  // A name server may still have outdated data, so retrying makes sense.
  if (texts.length === 0) return invalid('unauthorized', `${name} has no TXT record`, true);
  const more = texts.length > MOST_TOLD ? ` and ${texts.length - MOST_TOLD} more` : '';
  return invalid('unauthorized', `no TXT record of ${name} is the digest of the challenge's key authorization; found ${texts.slice(0, MOST_TOLD).map(excerpt).join(', ')}${more}`, true);
}
