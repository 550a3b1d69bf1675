import { createSign, createVerify, sign, verify } from 'node:crypto';
import { breather } from '../../breathe.ts';
import type { SignatureAlgorithm } from '../../x509/algorithms.ts';

/**
 * Octets from which bytes are hashed in slices: a third of a millisecond. A certificate has a thousandth of that, a CRL may have fifty times as
 * many.
 */
export const LARGE = 2 ** 19;

type SigningInput = Parameters<typeof sign>[2];
type VerifyingInput = Parameters<typeof verify>[2];

/** Signs large input without blocking the event loop: hashed in slices or, if the algorithm includes hashing (Ed25519), on the thread pool. */
export async function signLarge({ hash }: SignatureAlgorithm, bytes: Uint8Array, key: SigningInput): Promise<Uint8Array> {
  if (hash === null) {
    return new Promise((resolve, reject) => {
      sign(hash, bytes, key, (error, signature) => (error === null ? resolve(signature) : reject(error)));
    });
  }
  const signer = createSign(hash);
  await eachSlice(bytes, (slice) => signer.update(slice));
  return signer.sign(key);
}

/** The same for verification. */
export async function verifyLarge({ hash }: SignatureAlgorithm, bytes: Uint8Array, key: VerifyingInput, signature: Uint8Array): Promise<boolean> {
  if (hash === null) {
    return new Promise((resolve, reject) => {
      verify(hash, bytes, key, signature, (error, good) => (error === null ? resolve(good) : reject(error)));
    });
  }
  const verifier = createVerify(hash);
  await eachSlice(bytes, (slice) => verifier.update(slice));
  return verifier.verify(key, signature);
}

async function eachSlice(bytes: Uint8Array, update: (slice: Uint8Array) => void): Promise<void> {
  const breathe = breather();
  for (let from = 0; from < bytes.length; from += LARGE) {
    update(bytes.subarray(from, from + LARGE));
    await breathe();
  }
}
