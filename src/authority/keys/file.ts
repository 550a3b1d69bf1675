import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import type { Linted } from '../../policy/lints.ts';
import { type SignatureAlgorithm, signatureAlgorithmFor } from '../../x509/algorithms.ts';
import { keyInput } from '../../x509/signature.ts';
import { refuse } from '../errors.ts';
import { LARGE, signLarge, verifyLarge } from './large.ts';
import type { SigningKey } from './signing-key.ts';

export interface FileSigningKeyOptions {
  /** Whether to verify signatures by EC and Ed25519 keys too; RSA signatures are always verified. */
  readonly verifySignatures?: boolean;
}

/**
 * A signing key whose private key is in this process, read from a file. EC and Ed25519 keys sign synchronously; RSA (0.7 to 5 ms) uses the thread
 * pool, and is always verified: a single faulty RSA signature reveals the key (Boneh, DeMillo, Lipton 1997).
 * Throws X509Error `unsupported-key`.
 */
export function fileSigningKey(privateKey: KeyObject, { verifySignatures = false }: FileSigningKeyOptions = {}): SigningKey {
  const algorithm = signatureAlgorithmFor(privateKey);
  const publicKey = createPublicKey(privateKey);
  const signer = keyInput(privateKey, algorithm);
  const verifier = keyInput(publicKey, algorithm);
  const checked = (bytes: Uint8Array, signature: Uint8Array): Uint8Array => {
    const good = verify(algorithm.hash, bytes, verifier, signature);
    if (!good) refuse('signature-wrong', `the ${algorithm.id} signature just made does not verify`);
    return signature;
  };
  const atOnce = verifySignatures
    ? ({ bytes }: Linted): Uint8Array => checked(bytes, sign(algorithm.hash, bytes, signer))
    : ({ bytes }: Linted): Uint8Array => sign(algorithm.hash, bytes, signer);
  const offTheLoop = async ({ bytes }: Linted): Promise<Uint8Array> => checked(bytes, await signInPool(algorithm, bytes, signer));
  const mostly = algorithm.keyKind === 'RSA' ? offTheLoop : atOnce;
  const large = async ({ bytes }: Linted): Promise<Uint8Array> => {
    const signature = await signLarge(algorithm, bytes, signer);
    const good = (algorithm.keyKind !== 'RSA' && !verifySignatures) || await verifyLarge(algorithm, bytes, verifier, signature);
    return good ? signature : refuse('signature-wrong', `the ${algorithm.id} signature just made does not verify`);
  };
  return { publicKey, algorithm, outside: false, sign: (linted) => (linted.bytes.length < LARGE ? mostly(linted) : large(linted)) };
}

function signInPool({ hash }: SignatureAlgorithm, bytes: Uint8Array, signer: Parameters<typeof sign>[2]): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    sign(hash, bytes, signer, (error, signature) => (error === null ? resolve(signature) : reject(error)));
  });
}
