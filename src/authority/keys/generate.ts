import { generateKeyPair as generate, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

export const KEY_ALGORITHMS = ['P-256', 'P-384', 'P-521', 'Ed25519', 'RSA-2048', 'RSA-3072', 'RSA-4096'] as const;
export type KeyAlgorithm = (typeof KEY_ALGORITHMS)[number];

export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

const generateEc = promisify(generate) as (type: 'ec', options: { namedCurve: string }) => Promise<KeyPair>;
const generateEd25519 = promisify(generate) as (type: 'ed25519', options: object) => Promise<KeyPair>;
const generateRsa = promisify(generate) as (type: 'rsa', options: { modulusLength: number; publicExponent: number }) => Promise<KeyPair>;

const ec = (namedCurve: string) => () => generateEc('ec', { namedCurve });
/** 65537, the only exponent that this service certifies (FIPS 186-5 A.1.1 requires it to be odd and above 2^16). */
const rsa = (modulusLength: number) => () => generateRsa('rsa', { modulusLength, publicExponent: 65_537 });

const GENERATORS: Readonly<Record<KeyAlgorithm, () => Promise<KeyPair>>> = {
  'P-256': ec('prime256v1'),
  'P-384': ec('secp384r1'),
  'P-521': ec('secp521r1'),
  Ed25519: () => generateEd25519('ed25519', {}),
  'RSA-2048': rsa(2048),
  'RSA-3072': rsa(3072),
  'RSA-4096': rsa(4096),
};

/** Generates a key pair with OpenSSL, on the thread pool: RSA may take seconds, during which the event loop continues. */
export const generateKeyPair = (algorithm: KeyAlgorithm): Promise<KeyPair> => GENERATORS[algorithm]();
