import { createHmac, timingSafeEqual } from 'node:crypto';
import { Refused } from '../../errors.ts';
import type { ObjectChange } from '../../store/objects.ts';
import type { RandomBytes } from '../credential.ts';

/** A challenge for a node about to attest: random, for one key, valid once and for a short time. */
export interface Challenge {
  /** As sent: base64url. */
  readonly text: string;
  /** SHA-256 of the SubjectPublicKeyInfo to be certified, hex. */
  readonly keyHash: string;
  /** Milliseconds since the epoch. */
  readonly expires: number;
}

const TIME_BYTES = 6;
const RANDOM_BYTES = 16;
const KEY_BYTES = 32;
const BODY_BYTES = TIME_BYTES + RANDOM_BYTES + KEY_BYTES;
const TAG_BYTES = 16;
/** The form of a challenge in base64url. */
const TEXT = new RegExp(`^[A-Za-z0-9_-]{${Math.ceil(((BODY_BYTES + TAG_BYTES) * 4) / 3)}}$`);

const USED = 'attestation-challenge';

/**
 * Issues and checks challenges. They are authenticated by a MAC, so that issuing one, which anyone can request, stores nothing. All processes
 * with the same secret accept them.
 */
export interface Challenges {
  readonly issue: (keyHash: string) => Challenge;
  /** Checks that a challenge is ours and has not expired, but not whether it was used. @throws Refused `unauthenticated` */
  readonly read: (text: string) => Challenge;
  /** The change that marks it as used; writing it is a conflict for all but the first. */
  readonly use: (challenge: Challenge) => ObjectChange;
}

export interface ChallengeOptions {
  readonly master: Uint8Array;
  readonly random: RandomBytes;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Milliseconds. */
  readonly lifetime: number;
}

export function challenges({ master, random, clock, lifetime }: ChallengeOptions): Challenges {
  const key = createHmac('sha256', master).update(USED).digest();
  const tagOf = (body: Uint8Array): Buffer => createHmac('sha256', key).update(body).digest().subarray(0, TAG_BYTES);
  return {
    issue: (keyHash) => {
      const expires = clock() + lifetime;
      const body = Buffer.alloc(BODY_BYTES);
      body.writeUIntBE(expires, 0, TIME_BYTES);
      body.set(random(RANDOM_BYTES), TIME_BYTES);
      body.write(keyHash, TIME_BYTES + RANDOM_BYTES, 'hex');
      return { text: Buffer.concat([body, tagOf(body)]).toString('base64url'), keyHash, expires };
    },
    read: (text) => {
      const bytes = Buffer.from(TEXT.test(text) ? text : '', 'base64url');
      const body = bytes.subarray(0, BODY_BYTES);
      // The spelling matters too, as the record of its use depends on it: base64url has bits to spare.
      const ours = bytes.length === BODY_BYTES + TAG_BYTES && bytes.toString('base64url') === text && timingSafeEqual(bytes.subarray(BODY_BYTES), tagOf(body));
      if (!ours) throw refused('The challenge was not issued by this service.');
      const expires = body.readUIntBE(0, TIME_BYTES);
      if (expires <= clock()) throw refused('The challenge has expired; ask for a new one.');
      return { text, keyHash: body.subarray(TIME_BYTES + RANDOM_BYTES).toString('hex'), expires };
    },
    use: ({ text, expires }) => ({ kind: USED, id: text, expected: 0, put: { value: true, expires, indexes: [], momentary: true } }),
  };
}

/** Refuses a challenge that someone else used first. */
export const challengeUsed = (): Refused => refused('The challenge was used before; ask for a new one.');

const refused = (detail: string): Refused => new Refused('unauthenticated', detail, { faults: [{ code: 'attestation-challenge', detail, at: '/challenge' }] });
