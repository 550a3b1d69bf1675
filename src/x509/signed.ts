import { SIGNATURE_ALGORITHMS, type SignatureAlgorithm } from './algorithms.ts';
import { DerReader } from './der/reader.ts';
import { walkElement } from './der/walk.ts';
import { SEQUENCE } from './der/tags.ts';
import { bitString, equalBytes, sequence } from './der/writer.ts';
import { type DistinguishedName, readDistinguishedName } from './distinguished-name.ts';
import { X509Error } from './errors.ts';

/** The outer form shared by certificates and CRLs (RFC 5280 4.1.1, 5.1.1): signed part, algorithm, signature. */
export interface Signed {
  /** The signed element, and a cursor into it. */
  readonly tbs: Uint8Array;
  readonly body: DerReader;
  /** The AlgorithmIdentifier outside the signed part. */
  readonly algorithm: Uint8Array;
  readonly signature: Uint8Array;
}

/** Reads the outer form, allowing no trailing bytes. Throws an `X509Error`. */
export function readSigned(der: Uint8Array, what: string): Signed {
  const reader = new DerReader(der);
  const outer = reader.sequence(what);
  reader.finish(what);
  const start = outer.offset;
  const body = outer.sequence(`signed part of ${what}`);
  const tbs = der.subarray(start, outer.offset);
  const algorithm = outer.element(SEQUENCE, 'signatureAlgorithm');
  const signature = outer.bitString('signature');
  outer.finish(what);
  return { tbs, body, algorithm, signature };
}

/** Encodes the outer form from the signed element, the AlgorithmIdentifier and the signature's octets. */
export const assembleSigned = (tbs: Uint8Array, algorithm: Uint8Array, signature: Uint8Array): Uint8Array => sequence(tbs, algorithm, bitString(signature));

/** RFC 5280 4.1.1.2 and 5.1.1.2: the algorithms inside and outside the signed part must be equal. Throws `algorithm-mismatch`. */
export function checkSameAlgorithm(inside: Uint8Array, outside: Uint8Array): void {
  if (!equalBytes(inside, outside)) throw new X509Error('algorithm-mismatch', 'signatureAlgorithm is not the algorithm given in the signed part');
}

export interface ReadAlgorithm {
  readonly algorithm: Uint8Array;
  readonly signatureAlgorithm: SignatureAlgorithm | undefined;
}

/** Reads any well-formed AlgorithmIdentifier; `signatureAlgorithm` is set only if Chancery supports it. */
export function readAnyAlgorithm(body: DerReader): ReadAlgorithm {
  const algorithm = body.element(SEQUENCE, 'signature');
  const signatureAlgorithm = SIGNATURE_ALGORITHMS.find(({ der }) => equalBytes(der, algorithm));
  if (signatureAlgorithm === undefined) {
    const inside = new DerReader(algorithm).sequence('signature');
    inside.oid('algorithm');
    if (!inside.atEnd) walkElement(inside, 'algorithm parameters');
    inside.finish('signature');
  }
  return { algorithm, signatureAlgorithm };
}

export interface ReadName {
  readonly der: Uint8Array;
  readonly name: DistinguishedName;
}

/** Reads a Name, keeping its encoding. */
export function readName(body: DerReader, what: string): ReadName {
  const start = body.offset;
  const name = readDistinguishedName(body, what);
  return { der: body.bytes.subarray(start, body.offset), name };
}

let lastIssuer: ReadName = { der: new Uint8Array(), name: [] };

/** The same for an issuer's Name. Consecutive ones are mostly identical, so the last is cached. */
export function readIssuerName(body: DerReader): ReadName {
  const start = body.offset;
  const der = body.element(SEQUENCE, 'issuer');
  if (!equalBytes(der, lastIssuer.der)) {
    body.offset = start;
    lastIssuer = { der: der.slice(), name: readDistinguishedName(body, 'issuer') };
  }
  return { der, name: lastIssuer.name };
}
