import type { Certificate } from '../x509/certificate.ts';
import { equalBytes } from '../x509/der/writer.ts';
import { distinguishedNameToText } from '../x509/distinguished-name.ts';
import { X509Error } from '../x509/errors.ts';
import { valueOf } from '../x509/extension.ts';
import { decodeExtendedKeyUsage, decodeKeyUsage } from '../x509/extensions.ts';
import { OID, oidName } from '../x509/oids.ts';
import { subjectKeyIdOf } from './ca-extensions.ts';
import type { Faults } from './errors.ts';
import { called } from './trust-path.ts';

/**
 * Requirements for our own certificate beyond those for every CA certificate in a path: it must be able to sign certificates and CRLs that refer
 * to it.
 */
export function checkFitness(certificate: Certificate, faults: Faults): void {
  const at = called(certificate);
  const usages = ifReadable(() => valueOf(certificate, OID.keyUsage, decodeKeyUsage)) ?? [];
  for (const needed of ['keyCertSign', 'cRLSign'] as const) {
    if (!usages.includes(needed)) faults.add('key-usage-lacks', `has no key usage ${needed}, which is needed here (RFC 5280 4.2.1.3)`, at);
  }
  if (certificate.subjectName.length === 0) {
    faults.add('subject-empty', 'has no subject, so no certificate could name it as issuer (RFC 5280 4.1.2.6)', at);
  }
  if (ifReadable(() => subjectKeyIdOf(certificate.extensions)) === undefined) {
    faults.add('subject-key-identifier-lacks', 'has no subject key identifier (RFC 5280 4.2.1.2)', at);
  }
}

/** Checks that a renewed certificate can replace the old one: existing signatures identify the issuer by subject and key identifier. */
export function checkSuccession(certificate: Certificate, former: Certificate, faults: Faults): void {
  const at = called(certificate);
  if (!equalBytes(certificate.subject, former.subject)) {
    const installed = distinguishedNameToText(former.subjectName);
    faults.add('subject-changed', `has a subject that is not, octet for octet, that of the installed certificate, "${installed}": ${ORPHANS}`, at);
  }
  const [now, then] = [certificate, former].map(({ extensions }) => ifReadable(() => subjectKeyIdOf(extensions)));
  if (now !== undefined && then !== undefined && !equalBytes(now, then)) {
    faults.add('subject-changed', `has a subject key identifier other than the installed certificate's: ${ORPHANS}`, at);
  }
}

const ORPHANS = 'what that has signed would lose its issuer';

interface About {
  readonly endsInRoot: boolean;
  /** The previous trust anchor, DER. */
  readonly formerRoot: Uint8Array | undefined;
}

/** Remarks for the operator on a valid path. */
export function notesOn(path: readonly Certificate[], { endsInRoot, formerRoot }: About): string[] {
  const [certificate, top] = [path[0] as Certificate, path.at(-1) as Certificate];
  const notes: string[] = [];
  if (!endsInRoot) notes.push(`No root is known: ${called(top)} is trusted in its place. Give the root with --root to change that.`);
  if (formerRoot !== undefined && !equalBytes(formerRoot, top.der)) {
    notes.push('The root has changed: nodes that trust the former one need the new one, and enrolment tokens made before are void.');
  }
  for (const one of path) {
    const usages = ifReadable(() => valueOf(one, OID.extendedKeyUsage, decodeExtendedKeyUsage));
    if (usages !== undefined && !usages.includes(OID.anyExtendedKeyUsage)) {
      notes.push(`${called(one)} allows certificates below it only these extended key usages: ${usages.map(oidName).join(', ')}.`);
    }
  }
  const first = path.reduce((least, one) => (one.notAfter < least.notAfter ? one : least));
  if (first.notAfter < certificate.notAfter) {
    const end = new Date(first.notAfter * 1000).toISOString();
    notes.push(`${called(first)} expires before the issuing certificate, at ${end}: after that nothing below it is trusted.`);
  }
  return notes;
}

/** Undefined if the value cannot be decoded: where that matters, `checkTrustPath` has reported it. */
function ifReadable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
    return undefined;
  }
}
