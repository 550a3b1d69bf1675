import { createHash } from 'node:crypto';
import { oid, sequence, set, utf8String } from '../../x509/der/writer.ts';
import type { DistinguishedName } from '../../x509/distinguished-name.ts';

/**
 * The hash by which OpenSSL finds certificates and CRLs in a directory (`openssl crl -hash`, X509_NAME_hash): the first four
 * octets of SHA-1, the least first, over the RDNs in canonical form: UTF8String, letters of ASCII small, spaces at the ends
 * left out and several in a row made one. No security rests on it.
 */
export function opensslNameHash(name: DistinguishedName): string {
  const hash = createHash('sha1');
  for (const { type, value } of name) hash.update(set(sequence(oid(type), utf8String(canonical(value)))));
  return hash.digest().readUInt32LE(0).toString(16).padStart(8, '0');
}

/** ASCII only, as OpenSSL does it: other letters and spaces stay. */
const canonical = (value: string): string => value
  .replaceAll(/[\t\n\v\f\r ]+/g, ' ')
  .replaceAll(/^ | $/g, '')
  .replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
