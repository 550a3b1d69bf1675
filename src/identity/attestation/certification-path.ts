import { Faults } from '../../authority/errors.ts';
import { sha256 } from '../../digest.ts';
import { called, checkEndEntity, checkTrustPath } from '../../authority/trust-path.ts';
import { type Certificate, parseCertificate } from '../../x509/certificate.ts';
import { equalBytes } from '../../x509/der/writer.ts';
import { commonNameOf, distinguishedNameToText } from '../../x509/distinguished-name.ts';
import { X509Error } from '../../x509/errors.ts';
import { valueOf } from '../../x509/extension.ts';
import { certificateNames, decodeBasicConstraints, decodeExtendedKeyUsage, decodeKeyUsage } from '../../x509/extensions.ts';
import { type GeneralName, textToName } from '../../x509/general-name.ts';
import { OID, oidName } from '../../x509/oids.ts';
import { PathError } from './path-error.ts';
import type { RevocationLists } from './revocation-lists.ts';

/** What is trusted, and for which purpose. */
export interface Trust {
  readonly anchors: readonly Certificate[];
  /** CA certificates that may be part of a path without being presented. */
  readonly intermediates: readonly Certificate[];
  /** If set, each certificate of the path except the anchor must be on none of these CRLs, and its issuer must have one. */
  readonly revoked?: RevocationLists;
  /** The extended key usage that the certificate must have. */
  readonly purpose: string;
  /**
   * SHA-256 of the SubjectPublicKeyInfo of our own authorities, hex. What they issued can be renewed by itself unless it is revoked, and proves
   * nothing else, even if they are subordinate to one of the anchors.
   */
  readonly own?: ReadonlySet<string>;
}

/** Upper bound of certificates in one proof, leaf included. */
export const MOST_PRESENTED = 8;
/** Upper bound of paths tried. Honest chains have one or two; each costs up to eight verifications for an unauthenticated caller. */
const MOST_PATHS = 4;
const MOST_DEPTH = 8;
/** Larger RSA keys only cost time: a verification takes a millisecond. */
const MOST_KEY_BITS = 8192;

/** Parses what was presented, strictly, and drops duplicates. @throws PathError */
export function readPresented(chain: readonly Uint8Array[]): readonly [Certificate, ...Certificate[]] {
  if (chain.length > MOST_PRESENTED) throw new PathError(`it carries ${chain.length} certificates; at most ${MOST_PRESENTED} are accepted`);
  const read = chain.map((der, index) => {
    try {
      return parseCertificate(der);
    } catch (error) {
      if (!(error instanceof X509Error)) throw error;
      throw new PathError(`certificate ${index + 1} of the chain is refused: ${error.detail}`, { cause: error });
    }
  });
  const big = read.find(({ publicKey }) => publicKey.type === 'RSA' && publicKey.bits > MOST_KEY_BITS);
  if (big !== undefined) throw new PathError(`${called(big)} has a key of ${big.publicKey.bits} bits; at most ${MOST_KEY_BITS} are accepted`);
  const [first, ...others] = read.filter((one, index) => read.findIndex(({ der }) => equalBytes(der, one.der)) === index);
  if (first === undefined) throw new PathError('it carries no certificate');
  return [first, ...others];
}

/**
 * The path from a certificate to a trust anchor, validated according to RFC 5280 6.1 (validity, basic constraints, path length, key usage, name
 * constraints, critical extensions, signatures) and for its purpose; from the issuer up, including the anchor. Several paths are tried, since
 * two CAs may share a name, and a key may have several certificates. `now` in seconds.
 * @throws PathError
 */
export function trustedPath([leaf, ...presented]: readonly [Certificate, ...Certificate[]], trust: Trust, now: number): readonly Certificate[] {
  let first: string | undefined;
  for (const path of pathsFrom(leaf, [...presented, ...trust.intermediates], trust.anchors)) {
    const fault = faultOf(leaf, path, trust, now);
    if (fault === undefined) return path;
    first ??= fault;
  }
  throw new PathError(first ?? `no path leads from ${called(leaf)}, issued by "${distinguishedNameToText(leaf.issuerName)}", to a configured trust anchor`);
}

/** Chains of matching names from a certificate to an anchor, shortest first. Nothing is verified yet. */
function* pathsFrom(leaf: Certificate, pool: readonly Certificate[], anchors: readonly Certificate[]): Generator<readonly Certificate[]> {
  let found = 0;
  let level: readonly (readonly Certificate[])[] = [[]];
  for (let depth = 0; depth < MOST_DEPTH && level.length > 0; depth += 1) {
    const next: (readonly Certificate[])[] = [];
    for (const path of level) {
      const top = path.at(-1) ?? leaf;
      for (const anchor of anchors.filter((one) => mayHaveIssued(one, top))) {
        yield [...path, anchor];
        if (++found === MOST_PATHS) return;
      }
      const parents = pool.filter((one) => mayHaveIssued(one, top) && ![leaf, ...path, ...anchors].some(({ der }) => equalBytes(der, one.der)));
      for (const parent of parents) if (next.length < MOST_PATHS) next.push([...path, parent]);
    }
    level = next;
  }
}

const mayHaveIssued = (issuer: Certificate, child: Certificate): boolean =>
  equalBytes(issuer.subject, child.issuer) || distinguishedNameToText(issuer.subjectName) === distinguishedNameToText(child.issuerName);

/** The first fault of a path, in words; undefined if there is none. */
function faultOf(leaf: Certificate, path: readonly Certificate[], { purpose, revoked, own }: Trust, now: number): string | undefined {
  const faults = new Faults();
  try {
    const ours = path.find(({ publicKey }) => own?.has(sha256(publicKey.der)) === true);
    if (ours !== undefined) throw new PathError(`${called(ours)} is an authority of this service: its certificates can be renewed, and prove nothing else`);
    checkLeaf(leaf, purpose);
    checkEndEntity(leaf, path, namesOf(leaf), faults, now);
    checkTrustPath(path, faults, now);
    faults.check();
    for (const one of path) checkPurpose(one, purpose);
    revoked?.check([leaf, ...path], now);
    return undefined;
  } catch (error) {
    if (error instanceof X509Error) return `${called(leaf)}: ${error.detail}`;
    if (error instanceof Error && (error instanceof PathError || faults.any)) return error.message;
    throw error;
  }
}

/** @throws PathError, X509Error */
function checkLeaf(leaf: Certificate, purpose: string): void {
  if (valueOf(leaf, OID.basicConstraints, decodeBasicConstraints)?.ca === true) throw new PathError(`${called(leaf)} is a CA certificate, which cannot stand for a node`);
  const usages = valueOf(leaf, OID.keyUsage, decodeKeyUsage);
  if (usages !== undefined && !usages.includes('digitalSignature')) throw new PathError(`${called(leaf)} may not sign: keyUsage lacks digitalSignature (RFC 5280 4.2.1.3)`);
  if (valueOf(leaf, OID.extendedKeyUsage, decodeExtendedKeyUsage)?.includes(purpose) !== true) throw new PathError(`${called(leaf)} lacks the extended key usage ${oidName(purpose)}`);
}

/** Extended key usages in a CA certificate restrict those below it, which is how CAs and validators treat them. */
function checkPurpose(authority: Certificate, purpose: string): void {
  const usages = valueOf(authority, OID.extendedKeyUsage, decodeExtendedKeyUsage);
  if (usages !== undefined && !usages.includes(purpose) && !usages.includes(OID.anyExtendedKeyUsage)) throw new PathError(`${called(authority)} does not allow ${oidName(purpose)} below it`);
}

/** Every name that a rule could take from the certificate, including any common name, which must not escape name constraints. */
export function namesOf({ extensions, subjectName }: Certificate): readonly GeneralName[] {
  const names = certificateNames(extensions);
  try {
    const commonName = commonNameOf(subjectName);
    return commonName === undefined || !/[.:@]/.test(commonName) ? names : [...names, textToName(commonName)];
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
    return names;
  }
}
