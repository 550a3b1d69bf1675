import type { Authority } from '../authority/authority.ts';
import type { Name } from '../policy/name-pattern.ts';
import type { Profile } from '../policy/profile.ts';
import { encodeTbsCertificate } from '../x509/certificate.ts';
import { freshestCRL } from '../x509/crl-extensions.ts';
import { shardOf } from '../x509/crl-shard.ts';
import { encodeDistinguishedName } from '../x509/distinguished-name.ts';
import {
  authorityInformationAccess, authorityKeyIdentifier, basicConstraints, certificatePolicies, crlDistributionPoints,
  extendedKeyUsage, keyUsage, type KeyUsage, ocspNoCheck, subjectAltName, subjectKeyIdentifier,
} from '../x509/extensions.ts';
import type { GeneralName } from '../x509/general-name.ts';
import { OID } from '../x509/oids.ts';
import type { PublicKey } from '../x509/public-key.ts';

/** Addresses published in certificates: where CRLs, issuers and OCSP are found. */
export interface PublishedAt {
  readonly crl: readonly string[];
  /** Set if the CRL is sharded and certificates name their shard: `<folder><count>-<index>.crl`. */
  readonly shards?: { readonly folder: string; readonly count: number };
  /** Address of the delta CRL, if the CRL named in certificates has one. */
  readonly delta?: readonly string[];
  readonly issuers: readonly string[];
  readonly ocsp: readonly string[];
}

export interface LeafFields {
  readonly serial: string;
  /** Seconds since the epoch; notAfter is inclusive. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly commonName: string | undefined;
  /** Overrides the profile's. */
  readonly organization?: string | undefined;
  readonly organizationalUnit?: string | undefined;
  readonly names: readonly Name[];
  readonly publicKey: PublicKey;
}

/** Builds the exact bytes to be signed. Whatever is the same in all certificates of a profile is encoded once. */
export type Template = (fields: LeafFields) => Uint8Array;

/** The template of one profile, signed by one authority. */
export function compileTemplate(profile: Profile, authority: Authority, at: PublishedAt): Template {
  const before = {
    rsa: [keyUsage(keyUsages(profile, true)), ...usageExtensions(profile)],
    other: [keyUsage(keyUsages(profile, false)), ...usageExtensions(profile)],
  };
  const after = tails(profile, authority, at);
  const fixedSubject = organizationAttributes(profile.subject);
  return ({ serial, notBefore, notAfter, commonName, organization, organizationalUnit, names, publicKey }) => {
    const above = organization === undefined && organizationalUnit === undefined ? fixedSubject : organizationAttributes({ ...profile.subject, ...(organization && { organization }), ...(organizationalUnit && { organizationalUnit }) });
    const subject = commonName === undefined ? above : [...above, { type: OID.commonName, value: commonName }];
    const inSan = names.filter((name): name is GeneralName => name.kind !== 'text');
    return encodeTbsCertificate({
      serial,
      signatureAlgorithm: authority.signatureAlgorithm.der,
      issuer: authority.certificate.subject,
      notBefore,
      notAfter,
      subject: encodeDistinguishedName(subject),
      publicKey: publicKey.der,
      extensions: [
        ...(publicKey.type === 'RSA' ? before.rsa : before.other),
        subjectKeyIdentifier(publicKey),
        ...after(serial),
        // RFC 5280 4.2.1.6: critical when the subject is empty.
        ...(inSan.length > 0 ? [subjectAltName(inSan, subject.length === 0)] : []),
      ],
    });
  };
}

function organizationAttributes({ organization, organizationalUnit }: Pick<LeafFields, 'organization' | 'organizationalUnit'>): { readonly type: string; readonly value: string }[] {
  return [
    ...(organization === undefined ? [] : [{ type: OID.organizationName, value: organization }]),
    ...(organizationalUnit === undefined ? [] : [{ type: OID.organizationalUnitName, value: organizationalUnit }]),
  ];
}

/** RFC 5280 4.2.1.3; keyEncipherment only where RSA key transport is possible (BR 7.1.2.7.11). */
function keyUsages(profile: Profile, rsa: boolean): KeyUsage[] {
  if (profile.authority) return ['digitalSignature', 'keyCertSign', 'cRLSign'];
  const server = profile.extendedKeyUsage.includes(OID.serverAuth);
  return rsa && server ? ['digitalSignature', 'keyEncipherment'] : ['digitalSignature'];
}

function usageExtensions(profile: Profile): Uint8Array[] {
  const constraints = profile.authority
    ? basicConstraints({ ca: true, ...(profile.pathLength === undefined ? {} : { pathLength: profile.pathLength }) })
    : basicConstraints({ ca: false });
  return profile.extendedKeyUsage.length > 0 ? [extendedKeyUsage(profile.extendedKeyUsage), constraints] : [constraints];
}

/** The trailing extensions for a serial; if the CRL is sharded, they are encoded once per shard. */
function tails(profile: Profile, authority: Authority, at: PublishedAt): (serial: string) => readonly Uint8Array[] {
  const { shards } = at;
  if (shards === undefined) {
    const fixed = fixedTail(profile, authority, at);
    return () => fixed;
  }
  const made: Uint8Array[][] = [];
  return (serial) => {
    const shard = shardOf(serial, shards.count);
    return (made[shard] ??= fixedTail(profile, authority, { ...at, crl: [`${shards.folder}${shards.count}-${shard}.crl`] }));
  };
}

function fixedTail(profile: Profile, authority: Authority, at: PublishedAt): Uint8Array[] {
  const information = profile.authorityInformationAccess && at.issuers.length + at.ocsp.length > 0;
  return [
    authorityKeyIdentifier(authority.subjectKeyId),
    ...(information ? [authorityInformationAccess({ issuers: at.issuers, ocsp: at.ocsp })] : []),
    ...(profile.crlDistributionPoint && at.crl.length > 0 ? [crlDistributionPoints(at.crl)] : []),
    ...(profile.crlDistributionPoint && profile.freshestCrl && at.delta !== undefined ? [freshestCRL(at.delta)] : []),
    ...(profile.policies.length > 0 ? [certificatePolicies(profile.policies)] : []),
    ...(profile.ocspNoCheck ? [ocspNoCheck()] : []),
  ];
}
