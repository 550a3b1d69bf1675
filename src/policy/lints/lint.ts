import type { GeneralName } from '../../x509/general-name.ts';
import type { Certificate } from '../../x509/certificate.ts';
import type { ReadCertificate } from './read-values.ts';

/** A rule about the exact bytes to be signed. */
export interface Lint<Subject> {
  /** Stable, as tests and logs rely on it. */
  readonly name: string;
  /** Where the rule is stated. BR: the CA/Browser Forum's Baseline Requirements for TLS certificates, version 2.0.0 and later. */
  readonly citation: string;
  /** Returns what is wrong, in words, or undefined. */
  readonly fault: (subject: Subject) => string | undefined;
}

export interface CertificateContext {
  readonly issuer: Certificate;
  /** The requested SubjectPublicKeyInfo; if given, the certificate must contain it. */
  readonly publicKey?: Uint8Array;
  /** The granted names; if given, the subject alternative name must contain exactly these. */
  readonly names?: readonly GeneralName[];
}

/** A certificate about to be signed, and its issuer's: itself, if self-signed. */
export interface CertificateSubject extends ReadCertificate {
  readonly issuer: ReadCertificate;
  readonly isSelfSigned: boolean;
  readonly asked: Pick<CertificateContext, 'publicKey' | 'names'>;
}

export interface Failure {
  readonly name: string;
  readonly citation: string;
  readonly detail: string;
}

/** Runs all lints of a table, whether or not some fail. */
export function failures<Subject>(lints: readonly Lint<Subject>[], subject: Subject): Failure[] {
  const failed: Failure[] = [];
  for (const { name, citation, fault } of lints) {
    const detail = fault(subject);
    if (detail !== undefined) failed.push({ name, citation, detail });
  }
  return failed;
}
