import { sha256 } from '../digest.ts';
import type { Claim } from '../store/store.ts';
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
  /** When the thing made ends, seconds since the epoch: until then the key stands for it. */
  readonly expires: number;
}

/**
 * A credential for a creating call. With an Idempotency-Key it is derived from that key, so that a repeated call shows the
 * same secret again without the store ever having kept it.
 */
export function makeCredential({ random, master, actor, what, idempotencyKey, asked, expires }: MakeCredential): { readonly credential: Credential; readonly claim: Claim | undefined } {
  if (idempotencyKey === undefined) return { credential: newCredential(random), claim: undefined };
  const key = sha256(`${actor}\n${idempotencyKey}`);
  const fingerprint = sha256(JSON.stringify(asked));
  const credential = derivedCredential(master, `${what}/${key}/${fingerprint}`);
  const claim = { key: `idempotency/${what}/${key}`, fingerprint, expires, livesWithRequest: false };
  return { credential, claim };
}
