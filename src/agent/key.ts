import { createPrivateKey, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { KEY_ALGORITHMS, type KeyAlgorithm, type KeyPair } from '../authority/keys/generate.ts';
import { Failure } from '../client/failure.ts';

/** The key pair of a private key, PEM. `where` names it in messages. Throws Failure `file`. */
export function keyPairFrom(pem: string, where: string): KeyPair {
  try {
    const privateKey = createPrivateKey(pem);
    return { privateKey, publicKey: createPublicKey(privateKey) };
  } catch (error) {
    throw new Failure('file', `${where} holds no private key that can be used`, { advice: 'expected PEM, not encrypted', cause: error });
  }
}

/** Reads an existing key that is to be certified again. */
export function readKeyPair(path: string): KeyPair {
  const pair = keyPairFrom(readFileSync(path, 'latin1'), path);
  if (keyTypeOf(pair) === undefined) throw new Failure('file', `${path} holds a key of another kind`, { advice: `expected one of ${KEY_ALGORITHMS.join(', ')}` });
  return pair;
}

export const exportKey = ({ privateKey }: KeyPair): string => privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();

const CURVES: Readonly<Record<string, KeyAlgorithm>> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' };

/** Undefined for a key type that is not supported for certificates here. */
export function keyTypeOf({ publicKey }: KeyPair): KeyAlgorithm | undefined {
  const { namedCurve = '', modulusLength } = publicKey.asymmetricKeyDetails ?? {};
  switch (publicKey.asymmetricKeyType) {
    case 'ec': return CURVES[namedCurve];
    case 'rsa': return KEY_ALGORITHMS.find((algorithm) => algorithm === `RSA-${modulusLength}`);
    case 'ed25519': return 'Ed25519';
    default: return undefined;
  }
}
