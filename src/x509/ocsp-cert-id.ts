import { hash } from 'node:crypto';
import { nullValue, octetString, oid, sequence } from './der/writer.ts';
import { OID } from './oids.ts';
import { type PublicKey, subjectPublicKeyBits } from './public-key.ts';

/** How clients name an issuer: by SHA-1 nearly all (RFC 5019 2.1.1), by SHA-256 some (RFC 6960 4.3 asks for both). */
const HASHES = [['sha1', OID.sha1], ['sha256', OID.sha256]] as const;
/** RFC 3370 2.1, RFC 5754 2: parameters of a hash are NULL or absent, and both must be taken. */
const PARAMETERS = [[nullValue()], []];

/**
 * Every form in which a CertID may name the issuer with this subject and key (RFC 6960 4.1.1): hashAlgorithm, issuerNameHash and
 * issuerKeyHash, one after the other. SHA-1 finds a certificate here and proves nothing.
 */
export function certIdIssuers(subject: Uint8Array, key: PublicKey): Uint8Array[] {
  return HASHES.flatMap(([name, algorithm]) => {
    const hashes = [octetString(hash(name, subject, 'buffer')), octetString(hash(name, subjectPublicKeyBits(key), 'buffer'))];
    return PARAMETERS.map((parameters) => concatenated([sequence(oid(algorithm), ...parameters), ...hashes]));
  });
}

/** RFC 6960 4.2.1: KeyHash, the SHA-1 of a key's bits without tag, length and count of unused bits. */
export const ocspKeyHash = (key: PublicKey): Uint8Array => hash('sha1', subjectPublicKeyBits(key), 'buffer');

const concatenated = (parts: readonly Uint8Array[]): Uint8Array => {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
};
