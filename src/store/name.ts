import { hash } from 'node:crypto';

const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * 32 octets that represent any text. External text becomes a key, or part of one, only in this form, so that no name can be too long, run
 * into its neighbour or carry meaning. Length prefixes keep ('ab', 'c') and ('a', 'bc') apart.
 *
 * All stores use the same names, above all for claims, token uses and quotas, whose texts need not be kept: this allows content to be moved
 * between stores (`transfer.ts`).
 */
export function name(...parts: readonly string[]): Buffer {
  const text = parts.length === 1 ? parts[0] ?? '' : parts.map((part) => `${part.length}:${part}`).join('');
  // The one-shot call with text output is twice as fast as a Hash object or a Buffer result.
  if (!LONE_SURROGATE.test(text)) return Buffer.from(hash('sha256', text, 'binary'), 'binary');
  // UTF-8 would map all lone surrogates to the same octets. JSON keeps them apart, and a different digest separates them from other texts.
  return Buffer.from(hash('sha512-256', JSON.stringify(text), 'binary'), 'binary');
}

/** Names a claim on a request. */
export const claimName = (key: string): Buffer => name('claim', key);

/** Names the use of a token for a CSR. */
export const useName = ({ id, csrDigest }: { readonly id: string; readonly csrDigest: string }): Buffer => name('use', id, csrDigest);

/** Names a claim on a token or API key. */
export const credentialClaimName = (of: 'token' | 'api-key', key: string): Buffer => name(of, key);

export const quotaName = (key: string): Buffer => name(key);
