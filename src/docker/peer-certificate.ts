import { type Certificate, parseCertificate } from '../x509/certificate.ts';
import { X509Error } from '../x509/errors.ts';
import { certificateNames } from '../x509/extensions.ts';
import type { GeneralName } from '../x509/general-name.ts';
import { OID } from '../x509/oids.ts';
import { decodePem } from '../x509/pem.ts';

/** The parts of a client's certificate that a decision needs. */
export interface PeerCertificate {
  readonly certificate: Certificate;
  /** The octets of the serial number without a leading sign octet. */
  readonly serial: Uint8Array;
  readonly commonNames: readonly string[];
  readonly organizations: readonly string[];
  readonly organizationalUnits: readonly string[];
  readonly names: readonly GeneralName[];
}

/** Converts a serial number in hex to octets, as certificates and CRLs encode it. */
export const serialOctets = (hex: string): Uint8Array => Buffer.from(hex, 'hex');

/**
 * Parses one of RequestPeerCertificates: the Engine sends PEM, which Go's JSON encoder writes in base64 as it does all octets.
 * Throws an `X509Error`.
 */
export function readPeerCertificate(text: string): PeerCertificate {
  const pem = text.startsWith('-----') ? text : Buffer.from(text, 'base64').toString('latin1');
  const [der, ...more] = decodePem(pem, 'CERTIFICATE');
  if (der === undefined || more.length > 0) throw new X509Error('bad-pem', 'expected one certificate');
  const certificate = parseCertificate(der);
  const attribute = (type: string): string[] => certificate.subjectName.filter((each) => each.type === type).map(({ value }) => value);
  return {
    certificate,
    serial: serialOctets(certificate.serial),
    commonNames: attribute(OID.commonName),
    organizations: attribute(OID.organizationName),
    organizationalUnits: attribute(OID.organizationalUnitName),
    names: certificateNames(certificate.extensions),
  };
}

/** More certificates than use one Engine at a time. */
const MOST_KEPT = 1024;

/** Caches the results for recent texts: a client sends the same certificate with every call. If `make` throws, nothing is cached. */
export function remembered<T>(make: (text: string) => T): { readonly get: (text: string) => T; readonly clear: () => void } {
  const kept = new Map<string, T>();
  return {
    get: (text) => {
      const known = kept.get(text);
      if (known !== undefined) {
        // Move it to the end: the first entry is then the least recently used.
        kept.delete(text);
        kept.set(text, known);
        return known;
      }
      const made = make(text);
      if (kept.size >= MOST_KEPT) kept.delete(kept.keys().next().value ?? '');
      kept.set(text, made);
      return made;
    },
    clear: () => kept.clear(),
  };
}
