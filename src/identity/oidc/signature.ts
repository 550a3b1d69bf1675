import { compactVerify, errors } from 'jose';
import { Refused } from '../../errors.ts';
import { type Algorithm, isAlgorithm } from './algorithms.ts';
import { keysFor } from './key-set.ts';
import { KeysUnavailable, type KeySource } from './key-source.ts';
import { RefusedToken, shown } from './refused-token.ts';
import type { UnverifiedToken } from './token.ts';

/** Whose signatures are accepted. */
export interface Signers {
  /** The issuer's name in the configuration. */
  readonly name: string;
  readonly algorithms: readonly Algorithm[];
  readonly keys: KeySource;
}

/**
 * Resolves if the token was signed with a key of the issuer, by an accepted algorithm that the key is for. Only keys from the key source are used:
 * the token selects one, and has no other influence.
 * @throws RefusedToken `algorithm`, `key`, `signature`; Refused `unavailable`
 */
export async function verifySignature({ text, alg, kid }: Pick<UnverifiedToken, 'text' | 'alg' | 'kid'>, { name, algorithms, keys }: Signers): Promise<void> {
  if (!isAlgorithm(alg) || !algorithms.includes(alg)) {
    throw new RefusedToken('algorithm', `it is signed by ${alg === undefined ? 'no algorithm' : shown(alg)}; expected ${algorithms.join(', ')}`, 'alg');
  }
  const [key, another] = await keysOf(name, keys, kid, alg);
  const named = kid === undefined ? `names no key ("kid"), and issuer ${name}` : `is signed with key ${shown(kid)}, and issuer ${name}`;
  if (key === undefined) throw new RefusedToken('key', `it ${named} has none for ${alg}; a new one is seen within 10 s`, 'kid');
  // OpenID Connect Core 10.1: if there are several keys, the token must say which one.
  if (another !== undefined) throw new RefusedToken('key', `it ${named} has several for ${alg}`, 'kid');
  try {
    await compactVerify(text, key.key, { algorithms: [alg] });
  } catch (error) {
    // Other errors than a wrong signature are faults of the token as well; jose's messages are not passed on.
    if (!(error instanceof errors.JOSEError)) throw error;
    throw new RefusedToken('signature', `its signature is not one of issuer ${name}`);
  }
}

async function keysOf(name: string, source: KeySource, kid: string | undefined, alg: Algorithm): ReturnType<KeySource['keys']> {
  try {
    return keysFor(await source.keys((keys) => keysFor(keys, kid, alg).length > 0), kid, alg);
  } catch (error) {
    if (!(error instanceof KeysUnavailable)) throw error;
    throw new Refused('unavailable', `The keys of issuer ${name} are not available now, so its tokens cannot be checked; try again.`, { retryAfter: error.wait, cause: error });
  }
}
