import type { KeyType } from '../../x509/algorithms.ts';
import type { KeyUsage } from '../../x509/extensions.ts';
import { OID, oidName } from '../../x509/oids.ts';
import type { CertificateSubject, Lint } from './lint.ts';
import { authorityKeyIdentifierFault, urlFault } from './signing.ts';

interface ExtensionRule {
  readonly citation: string;
  /** Undefined if either is allowed, or if another lint decides. */
  readonly critical?: boolean;
}

/** Every extension that Chancery issues. Any other indicates an error, or tampering. */
const KNOWN: ReadonlyMap<string, ExtensionRule> = new Map<string, ExtensionRule>([
  [OID.authorityKeyIdentifier, { citation: 'RFC 5280 4.2.1.1', critical: false }],
  [OID.subjectKeyIdentifier, { citation: 'RFC 5280 4.2.1.2', critical: false }],
  [OID.keyUsage, { citation: 'RFC 5280 4.2.1.3, BR 7.1.2.7.11', critical: true }],
  [OID.certificatePolicies, { citation: 'BR 7.1.2.7.9', critical: false }],
  [OID.subjectAltName, { citation: 'RFC 5280 4.2.1.6' }],
  // Critical in CA certificates by RFC 5280 4.2.1.9, in others by BR 7.1.2.7.8.
  [OID.basicConstraints, { citation: 'RFC 5280 4.2.1.9, BR 7.1.2.7.8', critical: true }],
  [OID.nameConstraints, { citation: 'RFC 5280 4.2.1.10', critical: true }],
  [OID.extendedKeyUsage, { citation: 'RFC 5280 4.2.1.12' }],
  [OID.cRLDistributionPoints, { citation: 'RFC 5280 4.2.1.13', critical: false }],
  [OID.freshestCRL, { citation: 'RFC 5280 4.2.1.15', critical: false }],
  [OID.authorityInformationAccess, { citation: 'RFC 5280 4.2.2.1', critical: false }],
  [OID.ocspNoCheck, { citation: 'RFC 6960 4.2.2.2.1', critical: false }],
]);

/** Key usages that only some key types support. */
const USAGES_OF_KEYS: readonly (readonly [KeyUsage, readonly KeyType[], string])[] = [
  ['keyEncipherment', ['RSA'], 'RFC 3279 2.3.1, RFC 8813 3'],
  ['dataEncipherment', ['RSA'], 'RFC 3279 2.3.1, RFC 8813 3'],
  ['keyAgreement', ['P-256', 'P-384', 'P-521'], 'RFC 5480 3, RFC 8410 5'],
];

const isAuthority = ({ values }: CertificateSubject): boolean => values.basicConstraints?.ca === true;

/** Lints for extensions: which are required, which are allowed, and that they are consistent. */
export const EXTENSION_LINTS: readonly Lint<CertificateSubject>[] = [
  {
    name: 'extensions-known',
    citation: 'RFC 5280 4.2',
    fault: ({ tbs }) => {
      const unknown = tbs.extensions.find(({ oid }) => !KNOWN.has(oid));
      return unknown === undefined ? undefined : `there is an extension ${oidName(unknown.oid)}, which no profile has`;
    },
  },
  {
    name: 'extension-criticality',
    citation: 'RFC 5280 4.2.1',
    fault: ({ tbs }) => {
      const wrong = tbs.extensions.find(({ oid, critical }) => (KNOWN.get(oid)?.critical ?? critical) !== critical);
      return wrong === undefined ? undefined : `${oidName(wrong.oid)} is ${wrong.critical ? '' : 'not '}critical, contrary to ${KNOWN.get(wrong.oid)?.citation}`;
    },
  },
  {
    name: 'authority-key-identifier',
    citation: 'RFC 5280 4.2.1.1',
    // A self-signed certificate may omit it.
    fault: ({ values, issuer, isSelfSigned }) =>
      isSelfSigned && values.authorityKeyIdentifier === undefined ? undefined : authorityKeyIdentifierFault(values.authorityKeyIdentifier, issuer),
  },
  {
    name: 'authority-has-key-identifier',
    citation: 'RFC 5280 4.2.1.2',
    fault: (subject) => isAuthority(subject) && subject.values.subjectKeyIdentifier === undefined ? 'a CA certificate has a subject key identifier' : undefined,
  },
  {
    name: 'authority-key-usage',
    citation: 'RFC 5280 4.2.1.3',
    fault: (subject) => isAuthority(subject) && subject.values.keyUsage?.includes('keyCertSign') !== true ? 'a CA certificate has the key usage keyCertSign' : undefined,
  },
  {
    name: 'signing-needs-authority',
    citation: 'RFC 5280 4.2.1.3, 4.2.1.9, BR 7.1.2.7.11',
    fault: (subject) => {
      const signing = subject.values.keyUsage?.find((usage) => usage === 'keyCertSign' || usage === 'cRLSign');
      return signing !== undefined && !isAuthority(subject) ? `the key usage ${signing} is for CA certificates only` : undefined;
    },
  },
  {
    name: 'key-usage-fits-key',
    citation: 'RFC 3279 2.3.1, RFC 5480 3, RFC 8410 5',
    fault: ({ tbs, values }) => {
      const wrong = USAGES_OF_KEYS.find(([usage, types]) => values.keyUsage?.includes(usage) === true && !types.includes(tbs.publicKey.type));
      return wrong === undefined ? undefined : `the key usage ${wrong[0]} is not for ${tbs.publicKey.type} keys (${wrong[2]})`;
    },
  },
  {
    name: 'key-usage-agreement',
    citation: 'RFC 5280 4.2.1.3',
    fault: ({ values: { keyUsage = [] } }) =>
      (keyUsage.includes('encipherOnly') || keyUsage.includes('decipherOnly')) && !keyUsage.includes('keyAgreement') ? 'encipherOnly and decipherOnly go with keyAgreement' : undefined,
  },
  {
    name: 'extended-key-usage-present',
    citation: 'RFC 5280 4.2.1.12, BR 7.1.2.7.6',
    fault: (subject) => !isAuthority(subject) && subject.values.extendedKeyUsage === undefined ? 'without extendedKeyUsage the certificate would be good for anything' : undefined,
  },
  {
    name: 'extended-key-usage-any',
    citation: 'BR 7.1.2.7.10',
    fault: ({ values }) => values.extendedKeyUsage?.includes(OID.anyExtendedKeyUsage) === true ? 'anyExtendedKeyUsage makes the certificate good for anything' : undefined,
  },
  {
    name: 'ocsp-signing-alone',
    citation: 'RFC 6960 4.2.2.2, BR 7.1.2.8.5',
    fault: ({ values: { extendedKeyUsage = [] } }) =>
      extendedKeyUsage.includes(OID.OCSPSigning) && extendedKeyUsage.length > 1 ? "an OCSP responder's certificate is for nothing else" : undefined,
  },
  {
    name: 'ocsp-no-check',
    citation: 'RFC 6960 4.2.2.2.1',
    fault: ({ tbs, values }) => tbs.extensions.some(({ oid }) => oid === OID.ocspNoCheck) && values.extendedKeyUsage?.includes(OID.OCSPSigning) !== true
      ? "ocspNoCheck, which stops the question whether it is revoked, is for OCSP responders' certificates only" : undefined,
  },
  {
    name: 'crl-url',
    citation: 'RFC 5280 4.2.1.13, BR 7.1.2.11.2',
    fault: ({ values }) => urlFault(values.crlDistributionPoints),
  },
  {
    name: 'freshest-crl-url',
    citation: 'RFC 5280 4.2.1.15, 5.2.4',
    fault: ({ values: { freshestCrl, crlDistributionPoints } }) =>
      freshestCrl !== undefined && crlDistributionPoints === undefined ? 'there is the address of a delta CRL, and none of the full CRL that it is for' : urlFault(freshestCrl),
  },
  {
    name: 'information-access-url',
    citation: 'RFC 5280 4.2.2.1, BR 7.1.2.7.7',
    fault: ({ values: { authorityInformationAccess: access } }) => access === undefined ? undefined : urlFault([...access.issuers, ...access.ocsp]),
  },
  {
    name: 'issuer-may-sign',
    citation: 'RFC 5280 6.1.4 (k), (n)',
    fault: ({ issuer: { values } }) => {
      if (values.basicConstraints?.ca !== true) return 'the issuer is not a CA certificate';
      return values.keyUsage === undefined || values.keyUsage.includes('keyCertSign') ? undefined : "the issuer's key usage lacks keyCertSign";
    },
  },
  {
    name: 'path-length',
    citation: 'RFC 5280 4.2.1.9, 6.1.4 (l), (m)',
    fault: ({ values: { basicConstraints: own }, issuer, isSelfSigned }) => {
      const most = issuer.values.basicConstraints?.pathLength;
      if (isSelfSigned || own?.ca !== true || most === undefined) return undefined;
      if (most === 0) return "the issuer's path length of 0 allows no CA below it";
      return (own.pathLength ?? 0) >= most ? `a path length of ${own.pathLength} does not go below the issuer's of ${most}` : undefined;
    },
  },
];
