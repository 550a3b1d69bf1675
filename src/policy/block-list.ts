import { createHash } from 'node:crypto';
import type { PublicKey } from '../x509/public-key.ts';

/** A list of keys that must never be certified. None is included: the operator provides them. */
export interface BlockList {
  /** Shown to requesters of a certificate for such a key. */
  readonly name: string;
  has(key: PublicKey): boolean;
}

/**
 * RSA keys identified by the last 10 octets of the SHA-1 of `Modulus=<upper-case hex>\n`, as in Debian's `openssl-blacklist` packages, which
 * list the keys of CVE-2008-0166.
 * @param fingerprints 20 lower-case hex digits each
 */
export function debianBlockList(fingerprints: ReadonlySet<string>): BlockList {
  return {
    name: 'Debian weak keys (CVE-2008-0166)',
    has: (key) => key.modulus !== undefined && fingerprints.has(debianFingerprint(key.modulus)),
  };
}

/** Parses such a list: one fingerprint per line, comments after `#`. */
export function readDebianBlockList(text: string): Set<string> {
  return new Set(text.split('\n').map((line) => line.trim()).filter((line) => /^[0-9a-f]{20}$/.test(line)));
}

function debianFingerprint(modulus: Uint8Array): string {
  const text = `Modulus=${Buffer.from(modulus).toString('hex').toUpperCase()}\n`;
  return createHash('sha1').update(text).digest('hex').slice(20);
}
