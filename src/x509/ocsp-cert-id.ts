import { hash } from 'node:crypto';
import { nullValue, octetString, oid, sequence } from './der/writer.ts';
import { OID } from './oids.ts';
import { type PublicKey, subjectPublicKeyBits } from './public-key.ts';

/** Hashes by which clients identify an issuer: SHA-1 in nearly all cases (RFC 5019 2.1.1), SHA-256 in some (RFC 6960 4.3 requires both). */
const HASHES = [['sha1', OID.sha1], ['sha256', OID.sha256]] as const;
/** RFC 3370 2.1, RFC 5754 2: hash parameters are NULL or absent, and both must be accepted. */
const PARAMETERS = [[nullValue()], []];

/**
 * All encodings by which a CertID may identify the issuer with this subject and key (RFC 6960 4.1.1): hashAlgorithm, issuerNameHash and
 * issuerKeyHash, concatenated. SHA-1 only looks up a certificate here; no security depends on it.
 */
export function certIdIssuers(subject: Uint8Array, key: PublicKey): Uint8Array[] {
  return HASHES.flatMap(([name, algorithm]) => {
    const hashes = [octetString(hash(name, subject, 'buffer')), octetString(hash(name, subjectPublicKeyBits(key), 'buffer'))];
    return PARAMETERS.map((parameters) => Buffer.concat([sequence(oid(algorithm), ...parameters), ...hashes]));
  });
}

/** RFC 6960 4.2.1: KeyHash, the SHA-1 of the key's bits without tag, length and count of unused bits. */
export const ocspKeyHash = (key: PublicKey): Uint8Array => hash('sha1', subjectPublicKeyBits(key), 'buffer');
