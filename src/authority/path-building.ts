import { X509Certificate } from 'node:crypto';

/** A certificate being considered for a path, as parsed by node:crypto. */
export interface Candidate {
  readonly der: Uint8Array;
  readonly node: X509Certificate;
}

/** Undefined if node:crypto cannot read the certificate or its key. */
export function candidate(der: Uint8Array): Candidate | undefined {
  try {
    const node = new X509Certificate(der);
    return node.publicKey.type === 'public' ? { der, node } : undefined;
  } catch {
    return undefined;
  }
}

/** Whether it is self-signed: a root. */
export const isSelfSigned = (one: Candidate): boolean => isIssuedBy(one, one);

/** Whether both name and signature match. */
function isIssuedBy(child: Candidate, parent: Candidate): boolean {
  return isNamedAfter(child, parent) && hasSigned(parent, child);
}

/** Compares the names as text, or as OpenSSL does (ignoring case, spaces and string types; RFC 5280 7.1). */
const isNamedAfter = (child: Candidate, parent: Candidate): boolean => child.node.issuer === parent.node.subject || child.node.checkIssued(parent.node);

function hasSigned(parent: Candidate, child: Candidate): boolean {
  try {
    return child.node.verify(parent.node.publicKey);
  } catch {
    // The algorithm does not match the key.
    return false;
  }
}

/**
 * The shortest path from a certificate up to a self-signed one, both included; if there is none, the longest path found. Certificates valid at `now`
 * (seconds) are preferred. Each is visited once, so that a file full of cross-certificates costs no more than quadratic time.
 */
export function buildPath(from: Candidate, pool: readonly Candidate[], now: number): readonly Candidate[] {
  const living = pool.filter(({ node }) => Date.parse(node.validFrom) <= now * 1000 && now * 1000 <= Date.parse(node.validTo));
  const path = search(from, living);
  return isSelfSigned(path.at(-1) as Candidate) ? path : search(from, pool);
}

function search(from: Candidate, pool: readonly Candidate[]): readonly Candidate[] {
  const unseen = new Set(pool.filter(({ der }) => Buffer.compare(der, from.der) !== 0));
  let longest: readonly Candidate[] = [from];
  for (let level: (readonly Candidate[])[] = [[from]]; level.length > 0; ) {
    const next: (readonly Candidate[])[] = [];
    for (const path of level) {
      longest = path;
      const top = path.at(-1) as Candidate;
      if (isSelfSigned(top)) return path;
      for (const parent of [...unseen].filter((one) => isIssuedBy(top, one))) {
        unseen.delete(parent);
        next.push([...path, parent]);
      }
    }
    level = next;
  }
  return longest;
}

/** A certificate that has the issuer's name but did not sign, to explain why a path ends. */
export const namesakeOfIssuer = (child: Candidate, pool: readonly Candidate[]): Candidate | undefined =>
  pool.find((one) => one !== child && isNamedAfter(child, one) && !hasSigned(one, child));
