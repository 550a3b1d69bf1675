import type { LoadedAuthorities } from '../authority/authority.ts';
import { sha256 } from '../digest.ts';
import { parseCertificate } from '../x509/certificate.ts';

/**
 * Hashes of the keys of every loaded authority and of those above it: SHA-256 of the SubjectPublicKeyInfo, lower-case hex. No request may
 * carry one of these keys: a certificate for it would let an authority's key act under another name.
 */
export function authorityKeyHashes({ all }: Pick<LoadedAuthorities, 'all'>): ReadonlySet<string> {
  const certificates = all.flatMap(({ der, chain, root }) => [der, ...chain, root]);
  return new Set(certificates.map((der) => sha256(parseCertificate(der).publicKey.der)));
}
