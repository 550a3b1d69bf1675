import { sign } from 'node:crypto';
import { signatureAlgorithmFor } from '../../x509/algorithms.ts';
import { bitString, contextExplicit, integer, oid, sequence, set } from '../../x509/der/writer.ts';
import { type DistinguishedName, encodeDistinguishedName } from '../../x509/distinguished-name.ts';
import { OID } from '../../x509/oids.ts';
import { keyInput } from '../../x509/signature.ts';
import type { KeyPair } from './generate.ts';

/**
 * A PKCS #10 certification request (RFC 2986 4), DER, signed with the key that it is for.
 * @param extensions encoded Extensions, placed in an extension request (RFC 2985 5.4.2)
 */
export function certificationRequest({ privateKey, publicKey }: KeyPair, subject: DistinguishedName, extensions: readonly Uint8Array[]): Uint8Array {
  const algorithm = signatureAlgorithmFor(privateKey);
  const attributes = extensions.length === 0 ? [] : [sequence(oid(OID.extensionRequest), set(sequence(...extensions)))];
  const info = sequence(
    integer(0),
    encodeDistinguishedName(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    contextExplicit(0, ...attributes),
  );
  return sequence(info, algorithm.der, bitString(sign(algorithm.hash, info, keyInput(privateKey, algorithm))));
}
