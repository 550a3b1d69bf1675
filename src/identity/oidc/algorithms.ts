/** The only kind of key that an algorithm works with (RFC 7518 3.1, RFC 8037 3.1); no other key is ever used to verify it. */
export interface KeyKind {
  readonly kty: 'RSA' | 'EC' | 'OKP';
  readonly crv?: string;
}

/** All supported algorithms: neither `none` nor symmetric ones, so that a public key cannot pass for a secret (RFC 8725 2.1). */
export const ALGORITHMS = {
  RS256: { kty: 'RSA' },
  RS384: { kty: 'RSA' },
  RS512: { kty: 'RSA' },
  PS256: { kty: 'RSA' },
  PS384: { kty: 'RSA' },
  PS512: { kty: 'RSA' },
  ES256: { kty: 'EC', crv: 'P-256' },
  ES384: { kty: 'EC', crv: 'P-384' },
  ES512: { kty: 'EC', crv: 'P-521' },
  EdDSA: { kty: 'OKP', crv: 'Ed25519' },
} as const satisfies Readonly<Record<string, KeyKind>>;

export type Algorithm = keyof typeof ALGORITHMS;

export const isAlgorithm = (text: unknown): text is Algorithm => typeof text === 'string' && Object.hasOwn(ALGORITHMS, text);
