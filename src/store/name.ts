import { hash } from 'node:crypto';

const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * 32 octets that stand for any text: whatever comes from outside is a key, or part of one, only in this form, so that no name can be too
 * long, run into its neighbour or mean anything. The lengths keep ('ab', 'c') and ('a', 'bc') apart.
 *
 * Every store uses the same names, in particular for claims, token uses and quotas, whose own texts it need not keep: so its content can
 * be moved to another store (`transfer.ts`).
 */
export function name(...parts: readonly string[]): Buffer {
  const text = parts.length === 1 ? parts[0] ?? '' : parts.map((part) => `${part.length}:${part}`).join('');
  // One call for text is twice as fast as an object of class Hash, or a digest as a Buffer.
  if (!LONE_SURROGATE.test(text)) return Buffer.from(hash('sha256', text, 'binary'), 'binary');
  // In UTF-8 they would all become the same. As JSON they stay apart, and by another digest apart from all other texts.
  return Buffer.from(hash('sha512-256', JSON.stringify(text), 'binary'), 'binary');
}

/** A claim on a request. */
export const claimName = (key: string): Buffer => name('claim', key);

/** The use of a token by a CSR. */
export const useName = ({ id, csrDigest }: { readonly id: string; readonly csrDigest: string }): Buffer => name('use', id, csrDigest);

/** A claim on a token or API key. */
export const credentialClaimName = (of: 'token' | 'api-key', key: string): Buffer => name(of, key);

export const quotaName = (key: string): Buffer => name(key);
