import type { Authority } from '../authority/authority.ts';
import { isoTime } from '../iso-time.ts';
import { type Certificate, parseCertificate } from '../x509/certificate.ts';
import { equalBytes } from '../x509/der/writer.ts';
import { commonNameOf, type DistinguishedName } from '../x509/distinguished-name.ts';
import { X509Error } from '../x509/errors.ts';
import { valueOf } from '../x509/extension.ts';
import { certificateNames, decodeAuthorityInformationAccess, decodeCrlDistributionPoints } from '../x509/extensions.ts';
import { OID } from '../x509/oids.ts';
import { encodePem } from '../x509/pem.ts';
import type { PublicKey } from '../x509/public-key.ts';
import { isSignedBy } from '../x509/signature.ts';
import { CfsslRefusal, CODE } from './refusal.ts';

/** Go's names of the signature algorithms that our and other authorities use. */
const SIGNATURES: Readonly<Record<string, string>> = {
  'ecdsa-with-SHA256': 'ECDSAWithSHA256', 'ecdsa-with-SHA384': 'ECDSAWithSHA384', 'ecdsa-with-SHA512': 'ECDSAWithSHA512',
  sha256WithRSAEncryption: 'SHA256WithRSA', sha384WithRSAEncryption: 'SHA384WithRSA', sha512WithRSAEncryption: 'SHA512WithRSA', Ed25519: 'Ed25519',
};

/** cfssl's names for parts of a distinguished name. */
const PARTS: Readonly<Record<string, string>> = {
  [OID.countryName]: 'Country', [OID.stateOrProvinceName]: 'Province', [OID.localityName]: 'Locality', [OID.organizationName]: 'Organization',
  [OID.organizationalUnitName]: 'OrganizationalUnit', [OID.commonName]: 'CommonName', [OID.serialNumber]: 'SerialNumber',
};

/**
 * A bundle in cfssl's terms: the certificate with its path to the root, and its contents in cfssl's own members.
 * @throws CfsslRefusal if no authority here has signed it
 */
export function bundleOf(der: Uint8Array, authorities: readonly Authority[]): object {
  const certificate = read(der);
  if (equalBytes(certificate.issuer, certificate.subject)) throw new CfsslRefusal(CODE.certificateSelfSigned, 'Certificate is self signed');
  const issuer = authorities.find((authority) => hasSigned(authority, certificate));
  if (issuer === undefined) throw new CfsslRefusal(CODE.certificateUnknownAuthority, 'x509: certificate signed by unknown authority');
  const chain = [der, ...issuer.leafChain];
  const ocsp = access(certificate).ocsp;
  const crls = valueOf(certificate, OID.cRLDistributionPoints, decodeCrlDistributionPoints) ?? [];
  const ends = Math.min(certificate.notAfter, ...issuer.leafChain.map((one) => parseCertificate(one).notAfter));
  const names = [commonNameOf(certificate.subjectName) ?? '', ...certificateNames(certificate.extensions).map(({ value }) => value)].filter((name) => name !== '');
  return {
    bundle: chain.map(pem).join('\n'),
    crl_support: crls.length > 0,
    crt: pem(der),
    expires: isoTime(ends * 1000),
    hostnames: [...new Set(names)],
    issuer: nameText(certificate.issuerName),
    key: '',
    key_size: certificate.publicKey.bits,
    key_type: keyType(certificate.publicKey),
    leaf_expires: isoTime(certificate.notAfter * 1000),
    ocsp: ocsp.length === 0 ? null : ocsp,
    ocsp_support: ocsp.length > 0,
    root: pem(issuer.root),
    signature: SIGNATURES[certificate.signatureAlgorithm?.id ?? ''] ?? 'Unknown Signature',
    status: { rebundled: chain.length > 1, expiring_SKIs: null, untrusted_root_stores: [], messages: [], code: 0 },
    subject: nameText(certificate.subjectName),
  };
}

function read(der: Uint8Array): Certificate {
  try {
    return parseCertificate(der);
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
    throw new CfsslRefusal(CODE.certificateParse, `Failed to parse certificate: ${error.detail}`, { cause: error });
  }
}

const hasSigned = ({ certificate }: Authority, child: Certificate): boolean =>
  equalBytes(child.issuer, certificate.subject) && isSignedBy(child, certificate.publicKey);

/** cfssl omits the final line feed in all of these. */
const pem = (der: Uint8Array): string => encodePem('CERTIFICATE', der).trimEnd();
const nameText = (name: DistinguishedName): string => name.map(({ type, value }) => `/${PARTS[type] ?? type}=${value}`).join('');
const keyType = ({ type, bits }: PublicKey): string => (type === 'Ed25519' ? 'Ed25519' : `${bits}-bit ${type === 'RSA' ? 'RSA' : 'ECDSA'}`);

function access(certificate: Certificate): { readonly ocsp: readonly string[] } {
  return valueOf(certificate, OID.authorityInformationAccess, decodeAuthorityInformationAccess) ?? { ocsp: [] };
}
