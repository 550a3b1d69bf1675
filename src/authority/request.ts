import { type KeyObject, sign } from 'node:crypto';
import { signatureAlgorithmFor } from '../x509/algorithms.ts';
import { bitString, contextExplicit, integer, oid, sequence, set } from '../x509/der/writer.ts';
import { type DistinguishedName, encodeDistinguishedName } from '../x509/distinguished-name.ts';
import { OID } from '../x509/oids.ts';
import { signatureOptions } from '../x509/signature.ts';
import { type CaRights, rightsExtensions } from './ca-extensions.ts';
import type { KeyPair } from './keys/generate.ts';

/**
 * A PKCS #10 request, DER (RFC 2986 4), for a CA certificate of this key; its extension request (RFC 2985 5.4.2) says what
 * rights are asked for. It is signed before any certificate of the key exists, by the key pair and not by a SigningKey.
 */
export function authorityRequest({ privateKey, publicKey }: KeyPair, subject: DistinguishedName, rights: CaRights): Uint8Array {
  const algorithm = signatureAlgorithmFor(privateKey);
  const info = sequence(
    integer(0),
    encodeDistinguishedName(subject),
    spki(publicKey),
    contextExplicit(0, sequence(oid(OID.extensionRequest), set(sequence(...rightsExtensions(rights))))),
  );
  return sequence(info, algorithm.der, bitString(sign(algorithm.hash, info, { key: privateKey, ...signatureOptions(algorithm) })));
}

/** SubjectPublicKeyInfo, DER. */
export const spki = (key: KeyObject): Uint8Array => key.export({ type: 'spki', format: 'der' });
