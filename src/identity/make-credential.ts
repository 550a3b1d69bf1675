import { sha256 } from '../digest.ts';
import type { Claim } from '../store/store.ts';
import { Refused } from '../errors.ts';
import { type Credential, derivedCredential, newCredential, type RandomBytes } from './credential.ts';

export interface MakeCredential {
  readonly random: RandomBytes;
  /** A secret of the deployment that is not in the store. */
  readonly master: Uint8Array;
  /** Who creates it, and what is created: an Idempotency-Key is scoped to both. */
  readonly actor: string;
  readonly what: 'token' | 'api-key';
  readonly idempotencyKey: string | undefined;
  /** The contents of the call; the same key with different contents is a conflict. */
  readonly asked: unknown;
  /** Time of creation, milliseconds since the epoch. */
  readonly now: number;
  /** When the thing created expires, seconds since the epoch: the key identifies it until then. */
  readonly expires: number;
}

export interface Made {
  readonly credential: Credential;
  readonly claim: Claim | undefined;
  /**
   * Re-derives the credential of a record stored by an earlier call with the same key.
   * @throws Refused `idempotency-key-reused` if that is no longer possible
   */
  readonly again: (stored: { readonly id: string; readonly createdAt: number }) => Credential;
}

/**
 * A credential for a creating call. With an Idempotency-Key it is derived from that key and the time, so that a repeated call, which finds the
 * first one's record, returns the same secret although the store never kept it. Once the first has expired, the key yields another one.
 */
export function makeCredential({ random, master, actor, what, idempotencyKey, asked, now, expires }: MakeCredential): Made {
  if (idempotencyKey === undefined) {
    const credential = newCredential(random);
    return { credential, claim: undefined, again: () => credential };
  }
  const key = sha256(`${actor}\n${idempotencyKey}`);
  const fingerprint = sha256(JSON.stringify(asked));
  const madeAt = (time: number): Credential => derivedCredential(master, `${what}/${key}/${fingerprint}/${time}`);
  const claim = { key: `idempotency/${what}/${key}`, fingerprint, expires, livesWithRequest: false };
  return {
    credential: madeAt(now),
    claim,
    again: ({ id, createdAt }) => {
      const credential = madeAt(createdAt);
      if (credential.id !== id) throw new Refused('idempotency-key-reused', `The Idempotency-Key created ${id} before, which cannot be shown again: secret.key was a different one then. Use another key.`);
      return credential;
    },
  };
}
