import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { SshError, SshReader } from './wire.ts';

/** A public key in SSH encoding (RFC 4253 6.6, RFC 5656 3.1, RFC 8709 4). */
export interface SshPublicKey {
  readonly type: string;
  /** The complete encoding: keys are equal if and only if these are. */
  readonly blob: Buffer;
  readonly key: KeyObject;
}

const LEAST_RSA_OCTETS = 256;
const MOST_RSA_OCTETS = 1024;
const MOST_EXPONENT_OCTETS = 8;

const base64url = (octets: Uint8Array): string => Buffer.from(octets).toString('base64url');

/**
 * Readers of the key fields that follow the type. DSA is omitted, and so are security keys, whose signatures have a different form: both are
 * refused.
 */
const READERS: Readonly<Record<string, (reader: SshReader) => Parameters<typeof createPublicKey>[0]>> = {
  'ssh-ed25519': (reader) => ({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x: base64url(fixed(reader, 32, 'the Ed25519 key')) } }),
  'ecdsa-sha2-nistp256': (reader) => readEc(reader, 'nistp256', 'P-256', 65),
  'ecdsa-sha2-nistp384': (reader) => readEc(reader, 'nistp384', 'P-384', 97),
  'ecdsa-sha2-nistp521': (reader) => readEc(reader, 'nistp521', 'P-521', 133),
  'ssh-rsa': (reader) => {
    const [exponent, modulus] = [reader.positive('the exponent'), reader.positive('the modulus')];
    if (modulus.length < LEAST_RSA_OCTETS || modulus.length > MOST_RSA_OCTETS || exponent.length > MOST_EXPONENT_OCTETS) {
      throw new SshError(`the RSA key has ${modulus.length * 8} bits; 2048 to 8192 are accepted`);
    }
    return { format: 'jwk', key: { kty: 'RSA', e: base64url(exponent), n: base64url(modulus) } };
  },
};

function fixed(reader: SshReader, octets: number, what: string): Buffer {
  const content = reader.string(what);
  if (content.length !== octets) throw new SshError(`${what} has ${content.length} octets; expected ${octets}`);
  return content;
}

function readEc(reader: SshReader, name: string, crv: string, octets: number): Parameters<typeof createPublicKey>[0] {
  if (reader.text('the curve') !== name) throw new SshError('the curve is not the one of the key\'s type');
  const point = fixed(reader, octets, 'the point');
  if (point[0] !== 0x04) throw new SshError('the point is not written uncompressed');
  const middle = (octets + 1) / 2;
  return { format: 'jwk', key: { kty: 'EC', crv, x: base64url(point.subarray(1, middle)), y: base64url(point.subarray(middle)) } };
}

export const KEY_TYPES: readonly string[] = Object.keys(READERS);

/** Reads the key fields that follow the type, and returns the key re-encoded on its own. */
export function readKeyFields(reader: SshReader, type: string): SshPublicKey {
  const read = Object.hasOwn(READERS, type) ? READERS[type] : undefined;
  if (read === undefined) throw new SshError(`the key is of type ${JSON.stringify(type.slice(0, 64))}; expected ${KEY_TYPES.join(', ')}`);
  const start = reader.offset;
  const input = read(reader);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(type.length);
  const blob = Buffer.concat([length, Buffer.from(type), reader.bytes.subarray(start, reader.offset)]);
  try {
    return { type, blob, key: createPublicKey(input) };
  } catch (cause) {
    throw new SshError('the key cannot be used: its value is wrong', { cause });
  }
}

/** Parses a key blob, allowing no trailing bytes. Throws SshError. */
export function parsePublicKey(blob: Uint8Array): SshPublicKey {
  const reader = new SshReader(blob);
  const key = readKeyFields(reader, reader.text('the key\'s type'));
  reader.finish('the key');
  return key;
}

/** As displayed by `ssh-keygen -l`. */
export const fingerprintOf = ({ blob }: SshPublicKey): string => `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;

/** Signature algorithm -> its key type and hash. `ssh-rsa`, which uses SHA-1, is omitted. */
const ALGORITHMS: Readonly<Record<string, { readonly type: string; readonly hash: string | null }>> = {
  'ssh-ed25519': { type: 'ssh-ed25519', hash: null },
  'ecdsa-sha2-nistp256': { type: 'ecdsa-sha2-nistp256', hash: 'sha256' },
  'ecdsa-sha2-nistp384': { type: 'ecdsa-sha2-nistp384', hash: 'sha384' },
  'ecdsa-sha2-nistp521': { type: 'ecdsa-sha2-nistp521', hash: 'sha512' },
  'rsa-sha2-256': { type: 'ssh-rsa', hash: 'sha256' },
  'rsa-sha2-512': { type: 'ssh-rsa', hash: 'sha512' },
};

/**
 * Whether a signature blob (RFC 4253 6.6, RFC 8332 3, RFC 5656 3.1.2) over these bytes was made with this key. Throws SshError if it is
 * malformed.
 */
export function isSignedBy({ type, key }: SshPublicKey, data: Uint8Array, blob: Uint8Array): boolean {
  const reader = new SshReader(blob);
  const name = reader.text('the signature\'s algorithm');
  const algorithm = Object.hasOwn(ALGORITHMS, name) ? ALGORITHMS[name] : undefined;
  if (algorithm?.type !== type) throw new SshError(`a signature by ${JSON.stringify(name.slice(0, 64))} is not accepted from a key of type ${type}`);
  const signature = reader.string('the signature');
  reader.finish('the signature');
  const { namedCurve } = key.asymmetricKeyDetails ?? {};
  if (namedCurve === undefined) return verify(algorithm.hash, data, key, signature);
  return verify(algorithm.hash, data, { key, dsaEncoding: 'ieee-p1363' }, pairOf(signature, COORDINATES[namedCurve] ?? 0));
}

const COORDINATES: Readonly<Record<string, number>> = { prime256v1: 32, secp384r1: 48, secp521r1: 66 };

/** r and s concatenated, each as long as a coordinate. */
function pairOf(signature: Buffer, octets: number): Buffer {
  const reader = new SshReader(signature);
  const pair = Buffer.alloc(2 * octets);
  for (const [index, name] of ['r', 's'].entries()) {
    const number = reader.positive(name);
    if (number.length > octets) throw new SshError(`${name} is longer than the curve's order`);
    pair.set(number, (index + 1) * octets - number.length);
  }
  reader.finish('the signature');
  return pair;
}
