import { type Certificate, parseCertificate } from '../x509/certificate.ts';
import { X509Error } from '../x509/errors.ts';
import { certificateNames } from '../x509/extensions.ts';
import type { GeneralName } from '../x509/general-name.ts';
import { OID } from '../x509/oids.ts';
import { decodePem } from '../x509/pem.ts';

/** A client's certificate, as the decision needs it. */
export interface PeerCertificate {
  readonly certificate: Certificate;
  /** Octets of the serial, the sign's left out. */
  readonly serial: Uint8Array;
  readonly commonNames: readonly string[];
  readonly organizations: readonly string[];
  readonly organizationalUnits: readonly string[];
  readonly names: readonly GeneralName[];
}

/** The octets of a serial in hex, as certificates and CRLs have it. */
export const serialOctets = (hex: string): Uint8Array => Buffer.from(hex, 'hex');

/**
 * One of RequestPeerCertificates: the Engine sends PEM, and since Go writes octets so, in base64.
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

/** More than use one Engine at a time. */
const MOST_KEPT = 1024;

/** Remembers what was made of the texts of late: a client sends the same certificate with each call. `make` may throw: that is not kept. */
export function remembered<T>(make: (text: string) => T): { readonly get: (text: string) => T; readonly clear: () => void } {
  const kept = new Map<string, T>();
  return {
    get: (text) => {
      const known = kept.get(text);
      if (known !== undefined) {
        // To the end: the first is the one that was not used for the longest time.
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
