import type { KeyObject } from 'node:crypto';
import type { Linted } from '../../policy/lints.ts';
import type { SignatureAlgorithm } from '../../x509/algorithms.ts';

/**
 * An authority's key. Obligations of implementations:
 *
 * 1. It signs linted bytes only: the type says so, and there is no other access to the key.
 * 2. It returns a signature by `publicKey` over exactly those bytes, in the form used in certificates (ECDSA in DER). Where faults could go
 *    unnoticed (RSA, keys outside the process), it has verified the signature.
 * 3. It blocks the event loop no longer than an EC signature takes (20 us); anything slower returns a Promise.
 * 4. The private key does not appear in any error, log or enumerable property.
 */
export interface SigningKey {
  readonly publicKey: KeyObject;
  readonly algorithm: SignatureAlgorithm;
  /** True if the key is outside this process and counts its signatures: the intent is stored before it is asked to sign. */
  readonly outside: boolean;
  /** Returns the signature's octets. Throws or rejects with AuthorityError `signature-wrong` if it does not verify. */
  sign(linted: Linted): Uint8Array | Promise<Uint8Array>;
}
