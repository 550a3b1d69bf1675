import type { KeyType, SignatureAlgorithm } from '../../x509/algorithms.ts';
import type { TbsCertificate } from '../../x509/certificate.ts';
import { equalBytes } from '../../x509/der/writer.ts';
import { distinguishedNameToText } from '../../x509/distinguished-name.ts';
import type { ReadCertificate } from './read-values.ts';

/** BR 7.1.3.2: the algorithms with which each type of CA key signs. Excludes SHA-1, and hashes that do not match the curve. */
const ALLOWED: Readonly<Record<KeyType, readonly string[]>> = {
  'P-256': ['ecdsa-with-SHA256'],
  'P-384': ['ecdsa-with-SHA384'],
  'P-521': ['ecdsa-with-SHA512'],
  Ed25519: ['Ed25519'],
  RSA: [
    'sha256WithRSAEncryption', 'sha384WithRSAEncryption', 'sha512WithRSAEncryption', 'RSASSA-PSS-SHA256', 'RSASSA-PSS-SHA384', 'RSASSA-PSS-SHA512',
  ],
};

/** What certificates and CRLs have in common: the signer and the algorithm. */
interface SignedFields {
  readonly signatureAlgorithm: SignatureAlgorithm | undefined;
  readonly issuer: Uint8Array;
  readonly issuerName: TbsCertificate['issuerName'];
}

export function algorithmFault({ signatureAlgorithm }: SignedFields, issuer: ReadCertificate): string | undefined {
  const { type } = issuer.tbs.publicKey;
  if (signatureAlgorithm !== undefined && ALLOWED[type].includes(signatureAlgorithm.id)) return undefined;
  return `the signature algorithm is ${signatureAlgorithm?.id ?? 'one that is not known'}; the issuer's ${type} key signs with ${ALLOWED[type].join(', ')}`;
}

/** Names are compared octet for octet, as most validators do. */
export function issuerNameFault({ issuer, issuerName }: SignedFields, authority: ReadCertificate): string | undefined {
  if (issuerName.length === 0) return 'the issuer is empty';
  if (equalBytes(issuer, authority.tbs.subject)) return undefined;
  return `the issuer is "${distinguishedNameToText(issuerName)}", which differs, octet for octet, from "${distinguishedNameToText(authority.tbs.subjectName)}"`;
}

export function authorityKeyIdentifierFault(found: Uint8Array | undefined, { values }: ReadCertificate): string | undefined {
  if (found === undefined) return 'there is no authority key identifier';
  const wanted = values.subjectKeyIdentifier;
  if (wanted === undefined || equalBytes(found, wanted)) return undefined;
  return "the authority key identifier is not the issuer's subject key identifier";
}

/** RFC 5280 8: fetching an https URL could depend on the very certificate being checked. */
export function urlFault(urls: readonly string[] = []): string | undefined {
  const wrong = urls.find((url) => !/^http:\/\/([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]+)?\/[\x21-\x7e]*$/i.test(url));
  return wrong === undefined ? undefined : `${JSON.stringify(wrong)} is not of the form http://host/path`;
}
