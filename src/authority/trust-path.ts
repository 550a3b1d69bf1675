import { constraintViolations } from '../policy/name-constraints.ts';
import type { Certificate } from '../x509/certificate.ts';
import { equalBytes } from '../x509/der/writer.ts';
import { distinguishedNameToText } from '../x509/distinguished-name.ts';
import { X509Error } from '../x509/errors.ts';
import { valueOf } from '../x509/extension.ts';
import type { GeneralName } from '../x509/general-name.ts';
import { certificateNames, decodeAuthorityKeyIdentifier, decodeBasicConstraints, decodeKeyUsage } from '../x509/extensions.ts';
import { decodeNameConstraints } from '../x509/name-constraints.ts';
import { OID, oidName } from '../x509/oids.ts';
import { verifySignature } from '../x509/signature.ts';
import { subjectKeyIdOf } from './ca-extensions.ts';
import type { Faults } from './errors.ts';

/**
 * Critical extensions of CA certificates that are enforced here, or affect only relying parties that require a policy (RFC 5280 4.2.1.4, .5, .11,
 * .14).
 */
const UNDERSTOOD: ReadonlySet<string> = new Set([
  OID.basicConstraints, OID.keyUsage, OID.nameConstraints, OID.subjectAltName, OID.extendedKeyUsage, OID.certificatePolicies,
  '2.5.29.33', '2.5.29.36', '2.5.29.54',
]);

/** Name of a certificate in errors. */
export const called = ({ subjectName, serial }: Certificate): string => `"${distinguishedNameToText(subjectName)}" (serial ${serial})`;

/**
 * Validates CA certificates from the issuing authority's up to the trust anchor according to RFC 5280 6.1, as relying parties will, collecting every
 * fault. If `now` (seconds) is given, also checks that all are valid then.
 */
export function checkTrustPath(path: readonly Certificate[], faults: Faults, now?: number): void {
  for (const [index, certificate] of path.entries()) {
    const below = path.slice(0, index);
    const guard = (check: () => void): void => unreadable(certificate, faults, check);
    guard(() => checkCritical(certificate, faults));
    guard(() => checkIsAuthority(certificate, below, faults));
    guard(() => checkConstraints(certificate, below, faults));
    const parent = path[index + 1] ?? itself(certificate);
    if (parent !== undefined) guard(() => checkLink(certificate, parent, faults));
    if (now !== undefined) checkTime(certificate, faults, now);
  }
}

/**
 * Validates an end-entity certificate against the path above it, from its issuer up: the link, critical extensions, the constraints of each CA on
 * `names`, which are all that anyone will read from it, and its validity at `now` (seconds). The path itself is left to `checkTrustPath`.
 */
export function checkEndEntity(leaf: Certificate, path: readonly Certificate[], names: readonly GeneralName[], faults: Faults, now: number): void {
  const [issuer] = path;
  unreadable(leaf, faults, () => checkCritical(leaf, faults));
  if (issuer !== undefined) unreadable(leaf, faults, () => checkLink(leaf, issuer, faults));
  for (const authority of path) {
    unreadable(authority, faults, () => {
      const constraints = valueOf(authority, OID.nameConstraints, decodeNameConstraints);
      const violations = constraints === undefined ? [] : constraintViolations(constraints, names);
      for (const violation of violations) faults.add('name-constraints-violated', `${violation} of ${called(authority)} (RFC 5280 4.2.1.10)`, called(leaf));
    });
  }
  checkTime(leaf, faults, now);
}

/** Whether a certificate names itself as issuer. Such certificates do not count towards path lengths (RFC 5280 6.1). */
export const isSelfIssued = ({ issuer, subject }: Certificate): boolean => equalBytes(issuer, subject);

/** A root's self-signature is not part of RFC 5280 6.1, but reveals damage. Old roots used SHA-1, which is left unchecked. */
const itself = (anchor: Certificate): Certificate | undefined => (isSelfIssued(anchor) && anchor.signatureAlgorithm !== undefined ? anchor : undefined);

function unreadable(certificate: Certificate, faults: Faults, check: () => void): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
    faults.add('certificate-unreadable', error.detail, called(certificate));
  }
}

function checkCritical(certificate: Certificate, faults: Faults): void {
  for (const { oid, critical } of certificate.extensions) {
    if (critical && !UNDERSTOOD.has(oid)) {
      faults.add('extension-unknown', `has the critical extension ${oidName(oid)}, which is not understood (RFC 5280 4.2)`, called(certificate));
    }
  }
}

function checkIsAuthority(certificate: Certificate, below: readonly Certificate[], faults: Faults): void {
  const constraints = valueOf(certificate, OID.basicConstraints, decodeBasicConstraints);
  if (constraints?.ca !== true) faults.add('not-a-ca', 'is not a CA certificate: basicConstraints lacks cA TRUE (RFC 5280 4.2.1.9)', called(certificate));
  const usages = valueOf(certificate, OID.keyUsage, decodeKeyUsage);
  // RFC 5280 4.2.1.3: if present, it must allow this. More is required of our own certificates, below.
  if (usages !== undefined && !usages.includes('keyCertSign')) {
    faults.add('key-usage-lacks', 'may not sign certificates: keyUsage lacks keyCertSign (RFC 5280 4.2.1.3)', called(certificate));
  }
  const under = below.filter((one) => !isSelfIssued(one)).length;
  if (constraints?.pathLength !== undefined && constraints.pathLength < under) {
    faults.add('path-length-exceeded', `allows ${constraints.pathLength} CA certificates below it, and ${under} follow (RFC 5280 4.2.1.9)`, called(certificate));
  }
}

/** RFC 5280 6.1.3: names, key identifiers, signature. */
function checkLink(child: Certificate, parent: Certificate, faults: Faults): void {
  const at = called(child);
  if (!equalBytes(child.issuer, parent.subject) && distinguishedNameToText(child.issuerName) !== distinguishedNameToText(parent.subjectName)) {
    faults.add('chain-broken', `was issued by "${distinguishedNameToText(child.issuerName)}", and ${called(parent)} comes next`, at);
  }
  const wanted = valueOf(child, OID.authorityKeyIdentifier, decodeAuthorityKeyIdentifier);
  const found = subjectKeyIdOf(parent.extensions);
  if (wanted !== undefined && found !== undefined && !equalBytes(wanted, found)) {
    faults.add('chain-broken', `was issued by a key whose identifier is not that of ${called(parent)} (RFC 5280 4.2.1.1)`, at);
  }
  try {
    verifySignature(child, parent.publicKey);
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
    const code = error.code === 'unsupported-algorithm' ? 'chain-algorithm-unsupported' : 'chain-broken';
    faults.add(code, `${error.detail}; the issuer should be ${called(parent)}`, at);
  }
}

/** RFC 5280 6.1.4 (g): constraints apply to everything below, except self-issued intermediates (6.1.3 (b)). */
function checkConstraints(certificate: Certificate, below: readonly Certificate[], faults: Faults): void {
  const constraints = valueOf(certificate, OID.nameConstraints, decodeNameConstraints);
  if (constraints === undefined) return;
  for (const [index, one] of below.entries()) {
    if (index > 0 && isSelfIssued(one)) continue;
    for (const violation of constraintViolations(constraints, certificateNames(one.extensions))) {
      faults.add('name-constraints-violated', `${violation} of ${called(certificate)} (RFC 5280 4.2.1.10)`, called(one));
    }
  }
}

/** Both ends are inclusive (RFC 5280 4.1.2.5). */
function checkTime(certificate: Certificate, faults: Faults, now: number): void {
  const { notBefore, notAfter } = certificate;
  if (now < notBefore) faults.add('not-yet-valid', `is valid only from ${iso(notBefore)}`, called(certificate));
  if (now > notAfter) faults.add('expired', `expired at ${iso(notAfter)}`, called(certificate));
}

const iso = (seconds: number): string => new Date(seconds * 1000).toISOString();
