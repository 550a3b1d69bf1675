import type { LoadedAuthorities } from '../authority/authority.ts';
import { sha256 } from '../digest.ts';
import { parseCertificate } from '../x509/certificate.ts';

/**
 * The hashes of the keys of every authority here and above: SHA-256 of the SubjectPublicKeyInfo, lower-case hex. No request may
 * carry one of them: its certificate would let an authority's key speak as somebody else.
 */
export function authorityKeyHashes({ all }: Pick<LoadedAuthorities, 'all'>): ReadonlySet<string> {
  const certificates = all.flatMap(({ der, chain, root }) => [der, ...chain, root]);
  return new Set(certificates.map((der) => sha256(parseCertificate(der).publicKey.der)));
}
