import { X509Certificate } from 'node:crypto';

/** A certificate on the way to trust, as the independent reader sees it. */
export interface Candidate {
  readonly der: Uint8Array;
  readonly node: X509Certificate;
}

/** Undefined where node:crypto cannot read it, or its key. */
export function candidate(der: Uint8Array): Candidate | undefined {
  try {
    const node = new X509Certificate(der);
    return node.publicKey.type === 'public' ? { der, node } : undefined;
  } catch {
    return undefined;
  }
}

/** True where it has signed itself: a root. */
export const isSelfSigned = (one: Candidate): boolean => isIssuedBy(one, one);

/** By name and signature: both must fit. */
function isIssuedBy(child: Candidate, parent: Candidate): boolean {
  return isNamedAfter(child, parent) && hasSigned(parent, child);
}

/** By the text of both names, or as OpenSSL compares them (case, spaces and string types do not count; RFC 5280 7.1). */
const isNamedAfter = (child: Candidate, parent: Candidate): boolean => child.node.issuer === parent.node.subject || child.node.checkIssued(parent.node);

function hasSigned(parent: Candidate, child: Candidate): boolean {
  try {
    return child.node.verify(parent.node.publicKey);
  } catch {
    // An algorithm that does not fit the key.
    return false;
  }
}

/**
 * The shortest way from a certificate up to one that signed itself, both included; where there is none, the longest way
 * up that was found. Certificates that are valid at `now` (seconds) come first. Each is looked at once, so that a file
 * full of cross-certificates costs no more than its square.
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

/** A certificate of the pool that has the issuer's name, and did not sign: for telling why a way ends. */
export const namesakeOfIssuer = (child: Candidate, pool: readonly Candidate[]): Candidate | undefined =>
  pool.find((one) => one !== child && isNamedAfter(child, one) && !hasSigned(one, child));
