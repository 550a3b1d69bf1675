import { type Extension, valueOf } from '../x509/extension.ts';
import {
  authorityInformationAccess, authorityKeyIdentifier, basicConstraints, crlDistributionPoints,
  decodeSubjectKeyIdentifier, type InformationAccess, keyUsage, subjectKeyIdentifier,
} from '../x509/extensions.ts';
import { type NameConstraints, nameConstraints } from '../x509/name-constraints.ts';
import { OID } from '../x509/oids.ts';
import type { PublicKey } from '../x509/public-key.ts';

/** What a CA certificate allows its holder to do. */
export interface CaRights {
  /** Undefined for no limit (RFC 5280 4.2.1.9). */
  readonly pathLength: number | undefined;
  readonly constraints: NameConstraints | undefined;
}

/** Links to the issuer, unless the certificate is self-signed. */
export interface IssuedBy {
  readonly keyId: Uint8Array;
  readonly crlUrls: readonly string[];
  readonly access: InformationAccess;
}

/** A CA's rights as extensions, for its certificate as well as for the CSR that requests one. */
export function rightsExtensions({ pathLength, constraints }: CaRights): Uint8Array[] {
  return [
    basicConstraints({ ca: true, ...(pathLength === undefined ? {} : { pathLength }) }),
    // digitalSignature: for OCSP responses signed by the authority's own key (BR 7.1.2.10.7).
    keyUsage(['digitalSignature', 'keyCertSign', 'cRLSign']),
    ...(constraints === undefined ? [] : [nameConstraints(constraints)]),
  ];
}

/** All extensions of a CA certificate; a self-signed one has no issuer to refer to (RFC 5280 4.2.1.1). */
export function caExtensions(key: PublicKey, rights: CaRights, issuer?: IssuedBy): Uint8Array[] {
  const own = [...rightsExtensions(rights), subjectKeyIdentifier(key)];
  if (issuer === undefined) return own;
  const { keyId, crlUrls, access } = issuer;
  return [
    ...own,
    authorityKeyIdentifier(keyId),
    ...(crlUrls.length === 0 ? [] : [crlDistributionPoints(crlUrls)]),
    ...(access.issuers.length + access.ocsp.length === 0 ? [] : [authorityInformationAccess(access)]),
  ];
}

/** The subject key identifier, if present. Throws X509Error, for example `bad-extension`, if it cannot be decoded. */
export const subjectKeyIdOf = (extensions: readonly Extension[]): Uint8Array | undefined => valueOf({ extensions }, OID.subjectKeyIdentifier, decodeSubjectKeyIdentifier);
