import type { SignatureAlgorithm } from '../x509/algorithms.ts';
import type { Certificate } from '../x509/certificate.ts';
import type { SigningKey } from './keys/signing-key.ts';

/** A CA certificate with what belongs to it and, where this deployment holds it, its key. */
export interface Authority {
  /** `root`, `issuing`. */
  readonly name: string;
  readonly certificate: Certificate;
  readonly der: Uint8Array;
  /** From its issuer up, the root left out. */
  readonly chain: readonly Uint8Array[];
  /** What goes out beside a certificate that it signs: itself and its chain, the root left out. */
  readonly leafChain: readonly Uint8Array[];
  /** The trust anchor, DER: the certificate itself where nothing is above it. */
  readonly root: Uint8Array;
  /** SHA-256 of `root`, lower-case hex: what enrolment tokens carry. */
  readonly rootDigest: string;
  /** What its certificates and CRLs carry as authority key identifier. */
  readonly subjectKeyId: Uint8Array;
  /** Absent where the key is elsewhere: a root taken offline, or somebody else's. */
  readonly signingKey?: SigningKey;
  /** What its key signs with. */
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly canSign: boolean;
}

export type AuthorityMode = 'internal' | 'self-signed' | 'external';

/** An authority that issues, has issued, or will, and since when: seconds since the epoch, 0 for the first. */
export interface Reign {
  readonly name: string;
  readonly from: number;
}

/** The authorities of one deployment. */
export interface LoadedAuthorities {
  readonly mode: AuthorityMode;
  /** Signs certificates. */
  readonly issuing: Authority;
  /** Top of every chain; in mode `self-signed` the same object as `issuing`. */
  readonly root: Authority;
  /** Those that issue one after the other, in order: `issuing` is one of them, and after it come those that will. */
  readonly succession: readonly Reign[];
  /** Each of them once. */
  readonly all: readonly Authority[];
  /**
   * True where the root's key is not here, by intent: then the root's CRL cannot be published by this service. In mode
   * `external` it is always so, and whoever runs that CA publishes it.
   */
  readonly rootOffline: boolean;
}
