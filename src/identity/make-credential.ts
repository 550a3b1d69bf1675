import { sha256 } from '../digest.ts';
import type { Claim } from '../store/store.ts';
import { Refused } from '../errors.ts';
import { type Credential, derivedCredential, newCredential, type RandomBytes } from './credential.ts';

export interface MakeCredential {
  readonly random: RandomBytes;
  /** A secret of the deployment that the store does not know. */
  readonly master: Uint8Array;
  /** Who makes it, and what is made: one key of theirs stands for one thing. */
  readonly actor: string;
  readonly what: 'token' | 'api-key';
  readonly idempotencyKey: string | undefined;
  /** What was asked for; the same key with something else is a conflict. */
  readonly asked: unknown;
  /** When it is made, milliseconds since the epoch. */
  readonly now: number;
  /** When the thing made ends, seconds since the epoch: until then the key stands for it. */
  readonly expires: number;
}

export interface Made {
  readonly credential: Credential;
  readonly claim: Claim | undefined;
  /** The credential of the record that an earlier call stored under the same key. @throws Refused `idempotency-key-reused` where it cannot be derived any more */
  readonly again: (stored: { readonly id: string; readonly createdAt: number }) => Credential;
}

/**
 * A credential for a creating call. With an Idempotency-Key it is derived from that key and the time, so that a repeated call,
 * which finds the first one's record, shows the same secret again without the store ever having kept it. After the end of the
 * first, the key yields another one.
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
      if (credential.id !== id) throw new Refused('idempotency-key-reused', `The Idempotency-Key made ${id} before, which cannot be shown again: secret.key was another one then. Use another key.`);
      return credential;
    },
  };
}
