import type { SignatureAlgorithm } from '../x509/algorithms.ts';
import type { Certificate } from '../x509/certificate.ts';
import type { SigningKey } from './keys/signing-key.ts';

/** A CA certificate with its related data and, if this deployment holds it, its key. */
export interface Authority {
  /** For example `root` or `issuing`. */
  readonly name: string;
  readonly certificate: Certificate;
  readonly der: Uint8Array;
  /** Certificates from its issuer up, without the root. */
  readonly chain: readonly Uint8Array[];
  /** What is delivered along with a certificate that it signs: itself and its chain, without the root. */
  readonly leafChain: readonly Uint8Array[];
  /** The trust anchor, DER: the certificate itself if there is nothing above it. */
  readonly root: Uint8Array;
  /** SHA-256 of `root`, lower-case hex, as contained in enrolment tokens. */
  readonly rootDigest: string;
  /** The authority key identifier in its certificates and CRLs. */
  readonly subjectKeyId: Uint8Array;
  /** Absent if the key is elsewhere: an offline root, or an external CA. */
  readonly signingKey?: SigningKey;
  /** The algorithm its key signs with. */
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly canSign: boolean;
}

export type AuthorityMode = 'internal' | 'self-signed' | 'external';

/** An authority in the succession of issuing authorities, and when it starts to issue: seconds since the epoch, 0 for the first. */
export interface Reign {
  readonly name: string;
  readonly from: number;
}

/** The authorities of a deployment. */
export interface LoadedAuthorities {
  readonly mode: AuthorityMode;
  /** Signs certificates at present. */
  readonly issuing: Authority;
  /** Top of every chain; in `self-signed` mode the same object as `issuing`. */
  readonly root: Authority;
  /** The authorities that issue one after another, in order: `issuing` is one of them, followed by those to come. */
  readonly succession: readonly Reign[];
  /** Every authority, once each. */
  readonly all: readonly Authority[];
  /**
   * True if the root's key is deliberately not here, so that this service cannot publish the root's CRL. Always true in `external` mode, where the
   * operator of that CA publishes it.
   */
  readonly rootOffline: boolean;
}
