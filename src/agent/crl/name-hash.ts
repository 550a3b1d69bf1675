import { createHash } from 'node:crypto';
import { oid, sequence, set, utf8String } from '../../x509/der/writer.ts';
import type { DistinguishedName } from '../../x509/distinguished-name.ts';

/**
 * The hash by which OpenSSL finds certificates and CRLs in a directory (`openssl crl -hash`, X509_NAME_hash): the first four octets of
 * SHA-1, little-endian, over the RDNs in canonical form: UTF8String, ASCII letters in lower case, leading and trailing spaces removed and
 * runs of spaces collapsed. It is not used for security.
 */
export function opensslNameHash(name: DistinguishedName): string {
  const hash = createHash('sha1');
  for (const { type, value } of name) hash.update(set(sequence(oid(type), utf8String(canonical(value)))));
  return hash.digest().readUInt32LE(0).toString(16).padStart(8, '0');
}

/** ASCII only, as in OpenSSL: other letters and spaces are left unchanged. */
const canonical = (value: string): string => value
  .replaceAll(/[\t\n\v\f\r ]+/g, ' ')
  .replaceAll(/^ | $/g, '')
  .replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
