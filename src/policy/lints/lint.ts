import type { GeneralName } from '../../x509/general-name.ts';
import type { Certificate } from '../../x509/certificate.ts';
import type { ReadCertificate } from './read-values.ts';

/** One rule about the exact bytes that are to be signed. */
export interface Lint<Subject> {
  /** Stable: tests and logs rely on it. */
  readonly name: string;
  /** Where the rule stands; BR: the CA/Browser Forum's Baseline Requirements for TLS certificates, version 2.0.0 and later. */
  readonly citation: string;
  /** What is wrong, in words, or undefined. */
  readonly fault: (subject: Subject) => string | undefined;
}

export interface CertificateContext {
  readonly issuer: Certificate;
  /** The SubjectPublicKeyInfo that was asked for; where it is given, the certificate must have it. */
  readonly publicKey?: Uint8Array;
  /** The names that were granted; where they are given, the subject alternative name must have these and no others. */
  readonly names?: readonly GeneralName[];
}

/** A certificate to be, beside the one that is to sign it: itself, for a self-signed one. */
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

/** Runs all lints of a table; none ends the run. */
export function failures<Subject>(lints: readonly Lint<Subject>[], subject: Subject): Failure[] {
  const failed: Failure[] = [];
  for (const { name, citation, fault } of lints) {
    const detail = fault(subject);
    if (detail !== undefined) failed.push({ name, citation, detail });
  }
  return failed;
}
