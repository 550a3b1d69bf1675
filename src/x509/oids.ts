/** Object identifiers known to Chancery, named as in the standards that define them. */
export const OID = {
  // Keys (RFC 5480, RFC 8410, RFC 8017)
  ecPublicKey: '1.2.840.10045.2.1',
  prime256v1: '1.2.840.10045.3.1.7',
  secp384r1: '1.3.132.0.34',
  secp521r1: '1.3.132.0.35',
  ed25519: '1.3.101.112',
  rsaEncryption: '1.2.840.113549.1.1.1',

  // Signatures (RFC 5758, RFC 8017) and hashes (RFC 5754)
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  ecdsaWithSha384: '1.2.840.10045.4.3.3',
  ecdsaWithSha512: '1.2.840.10045.4.3.4',
  sha256WithRsaEncryption: '1.2.840.113549.1.1.11',
  sha384WithRsaEncryption: '1.2.840.113549.1.1.12',
  sha512WithRsaEncryption: '1.2.840.113549.1.1.13',
  rsassaPss: '1.2.840.113549.1.1.10',
  mgf1: '1.2.840.113549.1.1.8',
  sha1: '1.3.14.3.2.26',
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',

  // Attributes of names (RFC 5280 A.1, RFC 4519, PKCS #9)
  commonName: '2.5.4.3',
  surname: '2.5.4.4',
  serialNumber: '2.5.4.5',
  countryName: '2.5.4.6',
  localityName: '2.5.4.7',
  stateOrProvinceName: '2.5.4.8',
  streetAddress: '2.5.4.9',
  organizationName: '2.5.4.10',
  organizationalUnitName: '2.5.4.11',
  title: '2.5.4.12',
  postalCode: '2.5.4.17',
  givenName: '2.5.4.42',
  dnQualifier: '2.5.4.46',
  userId: '0.9.2342.19200300.100.1.1',
  domainComponent: '0.9.2342.19200300.100.1.25',
  emailAddress: '1.2.840.113549.1.9.1',

  // Attributes of certification requests (RFC 2985, MS-WCCE)
  challengePassword: '1.2.840.113549.1.9.7',
  unstructuredName: '1.2.840.113549.1.9.2',
  friendlyName: '1.2.840.113549.1.9.20',
  extensionRequest: '1.2.840.113549.1.9.14',
  microsoftExtensionRequest: '1.3.6.1.4.1.311.2.1.14',
  microsoftOsVersion: '1.3.6.1.4.1.311.13.2.3',
  microsoftEnrolmentCsp: '1.3.6.1.4.1.311.13.2.2',
  microsoftRequestClientInfo: '1.3.6.1.4.1.311.21.20',

  // Extensions (RFC 5280 4.2 and 5.2, RFC 6960, RFC 8737, RFC 4262)
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  cRLNumber: '2.5.29.20',
  reasonCode: '2.5.29.21',
  invalidityDate: '2.5.29.24',
  deltaCRLIndicator: '2.5.29.27',
  issuingDistributionPoint: '2.5.29.28',
  certificateIssuer: '2.5.29.29',
  nameConstraints: '2.5.29.30',
  cRLDistributionPoints: '2.5.29.31',
  certificatePolicies: '2.5.29.32',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  freshestCRL: '2.5.29.46',
  authorityInformationAccess: '1.3.6.1.5.5.7.1.1',
  acmeIdentifier: '1.3.6.1.5.5.7.1.31',
  ocspNoCheck: '1.3.6.1.5.5.7.48.1.5',
  smimeCapabilities: '1.2.840.113549.1.9.15',

  // OCSP (RFC 6960 4.2.1, 4.4)
  ocspBasic: '1.3.6.1.5.5.7.48.1.1',
  ocspNonce: '1.3.6.1.5.5.7.48.1.2',
  ocspArchiveCutoff: '1.3.6.1.5.5.7.48.1.6',

  // Access methods (RFC 5280 4.2.2.1)
  ocsp: '1.3.6.1.5.5.7.48.1',
  caIssuers: '1.3.6.1.5.5.7.48.2',

  // Extended key usages (RFC 5280 4.2.1.12)
  anyExtendedKeyUsage: '2.5.29.37.0',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  codeSigning: '1.3.6.1.5.5.7.3.3',
  emailProtection: '1.3.6.1.5.5.7.3.4',
  timeStamping: '1.3.6.1.5.5.7.3.8',
  OCSPSigning: '1.3.6.1.5.5.7.3.9',
} as const;

const NAMES: ReadonlyMap<string, string> = new Map(Object.entries(OID).map(([name, oid]) => [oid, name]));

/** For messages: `keyUsage (2.5.29.15)`, or only the dotted text if unknown. */
export function oidName(oid: string): string {
  const name = NAMES.get(oid);
  return name === undefined ? oid : `${name} (${oid})`;
}
