import type { KeyObject } from 'node:crypto';
import type { Linted } from '../../policy/lints.ts';
import type { SignatureAlgorithm } from '../../x509/algorithms.ts';

/**
 * The key of an authority. Whoever implements it owes:
 *
 * 1. It signs linted bytes only: the type says so, and no other way to the key is offered.
 * 2. What it returns is a signature by `publicKey` over exactly those bytes, in the form that the certificate carries
 *    (ECDSA in DER). Where a fault could go unseen (RSA, a key outside the process) it has verified that.
 * 3. It holds up the event loop for no longer than an EC signature takes (20 us); what takes longer is a Promise.
 * 4. The private key is in no error, log or property that can be listed.
 */
export interface SigningKey {
  readonly publicKey: KeyObject;
  readonly algorithm: SignatureAlgorithm;
  /** True where the key lies outside this process and counts its own signatures: the intent is stored before it is asked. */
  readonly outside: boolean;
  /** The signature's octets. Throws or rejects with AuthorityError `signature-wrong` where it does not verify. */
  sign(linted: Linted): Uint8Array | Promise<Uint8Array>;
}
