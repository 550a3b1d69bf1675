import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { signatureAlgorithmFor } from '../../src/x509/algorithms.ts';
import { bitString, contextExplicit, ia5Bytes, integer, octetString, oid, sequence, set, contextPrimitive } from '../../src/x509/der/writer.ts';
import { type DistinguishedName, encodeDistinguishedName } from '../../src/x509/distinguished-name.ts';
import { OID } from '../../src/x509/oids.ts';
import { keyInput } from '../../src/x509/signature.ts';

const KEY = generateKeyPairSync('ec', { namedCurve: 'P-256' });

/** Parts of a CSR, each to be replaced by what the test is about. */
export interface CsrParts {
  readonly subject?: Uint8Array | DistinguishedName;
  /** Encoded Attributes, in the order given. */
  readonly attributes?: readonly Uint8Array[];
  readonly privateKey?: KeyObject;
  readonly publicKey?: Uint8Array;
  readonly version?: Uint8Array;
}

/** A CSR whose signature is right, whatever it is over. */
export function makeCsr({ subject = [], attributes = [], privateKey = KEY.privateKey, publicKey, version = integer(0) }: CsrParts = {}): Uint8Array {
  const tbs = sequence(
    version,
    subject instanceof Uint8Array ? subject : encodeDistinguishedName(subject as DistinguishedName),
    publicKey ?? KEY.publicKey.export({ format: 'der', type: 'spki' }),
    contextExplicit(0, ...attributes),
  );
  const algorithm = signatureAlgorithmFor(privateKey);
  return sequence(tbs, algorithm.der, bitString(sign(algorithm.hash, tbs, keyInput(privateKey, algorithm))));
}

export const attribute = (type: string, ...values: readonly Uint8Array[]): Uint8Array => sequence(oid(type), set(...values));

/** An extensionRequest with these encoded Extensions. */
export const extensionRequest = (...extensions: readonly Uint8Array[]): Uint8Array => attribute(OID.extensionRequest, sequence(...extensions));

/** A subjectAltName extension of encoded GeneralNames, good or not. */
export const rawSan = (...names: readonly Uint8Array[]): Uint8Array => sequence(oid(OID.subjectAltName), octetString(sequence(...names)));

export const dns = (name: string): Uint8Array => contextPrimitive(2, ia5Bytes(name));
