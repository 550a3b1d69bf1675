import type { Authority } from '../authority/authority.ts';
import type { CrlStore } from '../store/crl-store.ts';
import type { CertificateStore } from '../store/store.ts';
import { type Certificate, parseCertificate } from '../x509/certificate.ts';
import { equalBytes } from '../x509/der/writer.ts';
import { valueOf } from '../x509/extension.ts';
import { decodeAuthorityKeyIdentifier } from '../x509/extensions.ts';
import { OID } from '../x509/oids.ts';
import type { CertStatus } from '../x509/ocsp-response.ts';

export interface StandingSources {
  readonly certificates: Pick<CertificateStore, 'get'>;
  readonly crls: Pick<CrlStore, 'change'>;
}

export interface Standing {
  readonly certStatus: CertStatus;
  /** notAfter of the certificate, seconds since the epoch; undefined if there is no such certificate. */
  readonly notAfter: number | undefined;
}

const UNKNOWN: Standing = { certStatus: { status: 'unknown' }, notAfter: undefined };

/**
 * The status of a serial under an authority, based on what was actually issued: `good` requires the certificate itself, signed by this authority. A
 * certificate on hold is revoked, with that reason.
 * @param own certificates of authorities that this one signed, by serial: they may lack a record, and are revoked through the feed only
 * @param now seconds since the epoch
 */
export async function standingOf({ certificates, crls }: StandingSources, authority: Authority, own: ReadonlyMap<string, Certificate>, serial: string, now: number): Promise<Standing> {
  const ofAuthority = own.get(serial);
  const change = ofAuthority === undefined ? undefined : await crls.change(authority.name, serial);
  if (ofAuthority !== undefined && change !== undefined && change.reason !== 'removeFromCRL') {
    return { certStatus: { status: 'revoked', at: change.at, reason: change.reason }, notAfter: ofAuthority.notAfter };
  }
  const record = await certificates.get(serial);
  if (record === undefined && ofAuthority !== undefined) return standingOfAuthority(ofAuthority, now);
  if (record?.certificate === undefined || record.notAfter === undefined || record.authority !== authority.name) return UNKNOWN;
  // An authority may have had another key under the same name, whose certificates are not this one's.
  const issued = parseCertificate(record.certificate);
  if (issued.serial !== serial || !isIssuedBy(issued, authority)) return UNKNOWN;
  const { revocation, notAfter } = record;
  return { certStatus: revocation === undefined ? { status: 'good' } : { status: 'revoked', ...revocation }, notAfter };
}

/** The status if there is neither record nor revocation. The feed drops expired entries, so an expired certificate may have been revoked. */
const standingOfAuthority = ({ notAfter }: Certificate, now: number): Standing => (notAfter < now ? UNKNOWN : { certStatus: { status: 'good' }, notAfter });

/** The certificates among these that the authority signed, by serial. */
export const issuedBy = (certificates: readonly Certificate[], authority: Authority): ReadonlyMap<string, Certificate> =>
  new Map(certificates.filter((certificate) => isIssuedBy(certificate, authority)).map((certificate) => [certificate.serial, certificate]));

/** Compares name and key identifier; a root may omit the latter from its own certificate (RFC 5280 4.2.1.1). */
function isIssuedBy(certificate: Certificate, authority: Authority): boolean {
  if (!equalBytes(certificate.issuer, authority.certificate.subject)) return false;
  const keyId = valueOf(certificate, OID.authorityKeyIdentifier, decodeAuthorityKeyIdentifier);
  return keyId === undefined ? equalBytes(certificate.der, authority.der) : equalBytes(keyId, authority.subjectKeyId);
}
