import { type KeyObject, verify } from 'node:crypto';
import { X509Error } from '../../x509/errors.ts';
import { decodeBase64, decodePem } from '../../x509/pem.ts';
import { importPublicKey } from '../../x509/public-key.ts';
import { type Attestor, messageOf, needed, unproved } from './attestor.ts';
import { readPresented, type Trust, trustedPath } from './certification-path.ts';
import { PathError } from './path-error.ts';
import { attestedBy } from './x509-attributes.ts';

/**
 * Proof by a certificate of another CA whose key signs the challenge: for nodes that reach the service through something that terminates TLS.
 * `chain`: PEM, leaf first; `signature`: base64, over the message sent with the challenge, using SHA-256 with ECDSA or RSA (PKCS #1), or Ed25519:
 * what `openssl dgst -sha256 -sign` and `openssl pkeyutl -sign -rawin` produce.
 */
export function x509popAttestor(trust: Trust): Attestor {
  return {
    kind: 'x509pop',
    demands: (challenge) => ({ message: messageOf('x509pop', challenge) }),
    attest: ({ proof, challenge, now }) => {
      try {
        const chain = readPresented(decodePem(needed('x509pop', proof, 'chain'), 'CERTIFICATE'));
        const path = trustedPath(chain, trust, now);
        const signature = decodeBase64(needed('x509pop', proof, 'signature'));
        // Only now, once the key is known to be trusted, is a verification worth its cost.
        if (!isSigned(importPublicKey(chain[0].publicKey), messageOf('x509pop', challenge), signature)) {
          throw unproved('x509pop', 'the signature is not over the message of this challenge, or not by the certificate\'s key');
        }
        return attestedBy(chain[0], path, 'its key has signed the challenge');
      } catch (error) {
        throw error instanceof PathError || error instanceof X509Error ? unproved('x509pop', error instanceof X509Error ? error.detail : error.message, error) : error;
      }
    },
  };
}

function isSigned(key: KeyObject, message: string, signature: Uint8Array): boolean {
  try {
    return verify(key.asymmetricKeyType === 'ed25519' ? null : 'sha256', Buffer.from(message), key, signature);
  } catch {
    // Not a signature in a form that OpenSSL accepts.
    return false;
  }
}
