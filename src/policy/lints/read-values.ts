import type { Certificate, TbsCertificate } from '../../x509/certificate.ts';
import { equalBytes } from '../../x509/der/writer.ts';
import {
  type BasicConstraints, decodeAuthorityInformationAccess, decodeAuthorityKeyIdentifier, decodeBasicConstraints, decodeCertificatePolicies,
  decodeCrlDistributionPoints, decodeExtendedKeyUsage, decodeKeyUsage, decodeSubjectAltName, decodeSubjectKeyIdentifier,
  type InformationAccess, type KeyUsage,
} from '../../x509/extensions.ts';
import type { GeneralName } from '../../x509/general-name.ts';
import { decodeNameConstraints, type NameConstraints } from '../../x509/name-constraints.ts';
import { OID } from '../../x509/oids.ts';

/** The decoded extension values of a certificate; undefined if absent. */
export interface ExtensionValues {
  basicConstraints?: BasicConstraints;
  keyUsage?: readonly KeyUsage[];
  /** Dotted OIDs. */
  extendedKeyUsage?: readonly string[];
  subjectKeyIdentifier?: Uint8Array;
  /** Also undefined if the issuer is identified by other means than its key. */
  authorityKeyIdentifier?: Uint8Array | undefined;
  subjectAltName?: readonly GeneralName[];
  /** URLs. */
  crlDistributionPoints?: readonly string[];
  freshestCrl?: readonly string[];
  authorityInformationAccess?: InformationAccess;
  certificatePolicies?: readonly string[];
  nameConstraints?: NameConstraints;
}

/** A certificate, issued or not, with its extension values decoded. */
export interface ReadCertificate {
  readonly tbs: TbsCertificate;
  readonly values: ExtensionValues;
}

type Decoder = (into: ExtensionValues, value: Uint8Array) => void;

/**
 * Caches the last decoded value, for extensions that are mostly the same from one certificate to the next, as are all that come from the
 * profile.
 */
function mostlySame<Name extends keyof ExtensionValues>(name: Name, decode: (value: Uint8Array) => ExtensionValues[Name]): Decoder {
  let last: { readonly octets: Uint8Array; readonly decoded: ExtensionValues[Name] } | undefined;
  return (into, value) => {
    if (last === undefined || !equalBytes(last.octets, value)) {
      const octets = value.slice();
      last = { octets, decoded: decode(octets) };
    }
    into[name] = last.decoded;
  };
}

/** Extensions that define what a CA may do. */
const OF_AUTHORITIES: readonly (readonly [string, Decoder])[] = [
  [OID.basicConstraints, mostlySame('basicConstraints', decodeBasicConstraints)],
  [OID.keyUsage, mostlySame('keyUsage', decodeKeyUsage)],
  [OID.subjectKeyIdentifier, (into, value) => { into.subjectKeyIdentifier = decodeSubjectKeyIdentifier(value); }],
  [OID.nameConstraints, mostlySame('nameConstraints', decodeNameConstraints)],
];

const OF_ALL: readonly (readonly [string, Decoder])[] = [
  ...OF_AUTHORITIES,
  [OID.extendedKeyUsage, mostlySame('extendedKeyUsage', decodeExtendedKeyUsage)],
  [OID.authorityKeyIdentifier, mostlySame('authorityKeyIdentifier', decodeAuthorityKeyIdentifier)],
  [OID.subjectAltName, (into, value) => { into.subjectAltName = decodeSubjectAltName(value); }],
  [OID.cRLDistributionPoints, mostlySame('crlDistributionPoints', decodeCrlDistributionPoints)],
  [OID.freshestCRL, mostlySame('freshestCrl', decodeCrlDistributionPoints)],
  [OID.authorityInformationAccess, mostlySame('authorityInformationAccess', decodeAuthorityInformationAccess)],
  [OID.certificatePolicies, mostlySame('certificatePolicies', decodeCertificatePolicies)],
];

const AUTHORITY_DECODERS: ReadonlyMap<string, Decoder> = new Map(OF_AUTHORITIES);
const DECODERS: ReadonlyMap<string, Decoder> = new Map(OF_ALL);

/** Decodes the extensions of bytes that we produced. Throws an `X509Error` if a value does not match its OID. */
export const readValues = (tbs: TbsCertificate): ReadCertificate => ({ tbs, values: decodeAll(tbs, DECODERS) });

const KNOWN_ISSUERS = new WeakMap<Certificate, ReadCertificate>();

/**
 * Decodes, once, what is needed of an issuer to judge what it signs. Other extensions, which an external CA may have added, are ignored. Throws
 * an `X509Error`.
 */
export function readIssuer(certificate: Certificate): ReadCertificate {
  let read = KNOWN_ISSUERS.get(certificate);
  if (read === undefined) {
    read = { tbs: certificate, values: decodeAll(certificate, AUTHORITY_DECODERS) };
    KNOWN_ISSUERS.set(certificate, read);
  }
  return read;
}

function decodeAll({ extensions }: TbsCertificate, decoders: ReadonlyMap<string, Decoder>): ExtensionValues {
  const values: ExtensionValues = {};
  for (const { oid, value } of extensions) decoders.get(oid)?.(values, value);
  return values;
}
