import type { KeyObject } from 'node:crypto';
import { DerReader } from './der/reader.ts';
import { walkElement } from './der/walk.ts';
import { equalBytes, contextExplicit, integer, nullValue, oid, sequence } from './der/writer.ts';
import { X509Error } from './errors.ts';
import { OID, oidName } from './oids.ts';

export type KeyType = 'P-256' | 'P-384' | 'P-521' | 'Ed25519' | 'RSA';
/** The family of a key, to which a signature algorithm belongs. */
type KeyKind = 'EC' | 'Ed25519' | 'RSA';
type HashName = 'sha256' | 'sha384' | 'sha512';

export interface SignatureAlgorithm {
  readonly id: string;
  readonly oid: string;
  /** The complete AlgorithmIdentifier, DER. */
  readonly der: Uint8Array;
  /** Hash name for node:crypto; null if the algorithm includes hashing. */
  readonly hash: HashName | null;
  readonly keyKind: KeyKind;
  /** RSASSA-PSS only: salt length in octets, equal to the hash length (RFC 4055 3.1). */
  readonly pssSaltLength?: number;
}

const HASHES: Readonly<Record<HashName, { readonly oid: string; readonly octets: number }>> = {
  sha256: { oid: OID.sha256, octets: 32 },
  sha384: { oid: OID.sha384, octets: 48 },
  sha512: { oid: OID.sha512, octets: 64 },
};

/** RFC 5758 3.2: no parameters. */
const ecdsa = (id: string, algorithm: string, hash: HashName): SignatureAlgorithm =>
  ({ id, oid: algorithm, der: sequence(oid(algorithm)), hash, keyKind: 'EC' });

/** RFC 4055 5: NULL parameters. */
const pkcs1 = (id: string, algorithm: string, hash: HashName): SignatureAlgorithm =>
  ({ id, oid: algorithm, der: sequence(oid(algorithm), nullValue()), hash, keyKind: 'RSA' });

/** RFC 4055 3.1, in the only form that Baseline Requirements 7.1.3.2.1 allow: MGF1 with the same hash, salt as long as the hash. */
function pss(id: string, hash: HashName): SignatureAlgorithm {
  const { oid: hashOid, octets } = HASHES[hash];
  const hashIdentifier = sequence(oid(hashOid), nullValue());
  const parameters = sequence(
    contextExplicit(0, hashIdentifier),
    contextExplicit(1, sequence(oid(OID.mgf1), hashIdentifier)),
    contextExplicit(2, integer(octets)),
  );
  return { id, oid: OID.rsassaPss, der: sequence(oid(OID.rsassaPss), parameters), hash, keyKind: 'RSA', pssSaltLength: octets };
}

/** All algorithms that Chancery signs with or verifies. SHA-1 and MD5 are absent and therefore refused. */
export const SIGNATURE_ALGORITHMS: readonly SignatureAlgorithm[] = [
  ecdsa('ecdsa-with-SHA256', OID.ecdsaWithSha256, 'sha256'),
  ecdsa('ecdsa-with-SHA384', OID.ecdsaWithSha384, 'sha384'),
  ecdsa('ecdsa-with-SHA512', OID.ecdsaWithSha512, 'sha512'),
  // RFC 8410 3: no parameters.
  { id: 'Ed25519', oid: OID.ed25519, der: sequence(oid(OID.ed25519)), hash: null, keyKind: 'Ed25519' },
  pkcs1('sha256WithRSAEncryption', OID.sha256WithRsaEncryption, 'sha256'),
  pkcs1('sha384WithRSAEncryption', OID.sha384WithRsaEncryption, 'sha384'),
  pkcs1('sha512WithRSAEncryption', OID.sha512WithRsaEncryption, 'sha512'),
  pss('RSASSA-PSS-SHA256', 'sha256'),
  pss('RSASSA-PSS-SHA384', 'sha384'),
  pss('RSASSA-PSS-SHA512', 'sha512'),
];

const BY_ID: ReadonlyMap<string, SignatureAlgorithm> = new Map(SIGNATURE_ALGORITHMS.map((algorithm) => [algorithm.id, algorithm]));

/** The algorithm our own keys sign with, by node:crypto's name of the curve or key type. */
const FOR_OWN_KEY: Readonly<Record<string, string>> = {
  prime256v1: 'ecdsa-with-SHA256',
  secp384r1: 'ecdsa-with-SHA384',
  secp521r1: 'ecdsa-with-SHA512',
  ed25519: 'Ed25519',
  rsa: 'sha256WithRSAEncryption',
};

export const KEY_KINDS: Readonly<Record<KeyType, KeyKind>> = { 'P-256': 'EC', 'P-384': 'EC', 'P-521': 'EC', Ed25519: 'Ed25519', RSA: 'RSA' };

/** The algorithm for signing with one of our own keys, private or public. Throws `unsupported-key`. */
export function signatureAlgorithmFor(key: KeyObject): SignatureAlgorithm {
  const name = key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType ?? key.type;
  const algorithm = BY_ID.get(FOR_OWN_KEY[name] ?? '');
  if (algorithm === undefined) throw new X509Error('unsupported-key', `a key of type ${name} cannot sign here`);
  return algorithm;
}

/** Reads an AlgorithmIdentifier that must match an entry of the table octet for octet, parameters included. */
export function readSignatureAlgorithm(reader: DerReader, what: string): SignatureAlgorithm {
  const identifier = reader.element(0x30, what);
  for (const algorithm of SIGNATURE_ALGORITHMS) if (equalBytes(algorithm.der, identifier)) return algorithm;
  return explain(identifier, what);
}

/** Throws an error that explains why an identifier is not in the table. */
function explain(identifier: Uint8Array, what: string): never {
  const inside = new DerReader(identifier).sequence(what);
  const found = inside.oid(what);
  if (!inside.atEnd) walkElement(inside, `parameters of ${what}`);
  inside.finish(what);
  const known = SIGNATURE_ALGORITHMS.filter((algorithm) => algorithm.oid === found);
  if (known.length > 0) {
    throw new X509Error('bad-algorithm-parameters', `${what} is ${oidName(found)} with parameters other than those of ${known.map(({ id }) => id).join(', ')}`);
  }
  throw new X509Error('unsupported-algorithm', `${what} is ${oidName(found)}; expected ${SIGNATURE_ALGORITHMS.map(({ id }) => id).join(', ')}`);
}
