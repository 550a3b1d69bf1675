import { createHmac, timingSafeEqual } from 'node:crypto';
import { Refused } from '../../errors.ts';
import type { ObjectChange } from '../../store/objects.ts';
import type { RandomBytes } from '../credential.ts';

/** What the service said to a node that is about to prove itself: new, for one key, good once and for a short time. */
export interface Challenge {
  /** As it was sent: base64url. */
  readonly text: string;
  /** SHA-256 of the SubjectPublicKeyInfo that is to be certified, hex. */
  readonly keyHash: string;
  /** Milliseconds since the epoch. */
  readonly expires: number;
}

const TIME_BYTES = 6;
const RANDOM_BYTES = 16;
const KEY_BYTES = 32;
const BODY_BYTES = TIME_BYTES + RANDOM_BYTES + KEY_BYTES;
const TAG_BYTES = 16;
/** Characters of base64url. */
const TEXT = new RegExp(`^[A-Za-z0-9_-]{${Math.ceil(((BODY_BYTES + TAG_BYTES) * 4) / 3)}}$`);

const USED = 'attestation-challenge';

/** Challenges of a deployment: under a MAC, so that asking for one, which anybody may, leaves nothing in the store. Any process with the same secret takes them. */
export interface Challenges {
  readonly issue: (keyHash: string) => Challenge;
  /** One of ours that has not ended; whether it was used is not asked. @throws Refused `unauthenticated` */
  readonly read: (text: string) => Challenge;
  /** The change that marks it as used; its write is a conflict for all but the first. */
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
      // Also the spelling counts, for a use is remembered by it: base64url has bits to spare.
      const ours = bytes.length === BODY_BYTES + TAG_BYTES && bytes.toString('base64url') === text && timingSafeEqual(bytes.subarray(BODY_BYTES), tagOf(body));
      if (!ours) throw refused('The challenge is none of this service.');
      const expires = body.readUIntBE(0, TIME_BYTES);
      if (expires <= clock()) throw refused('The challenge has ended; ask for a new one.');
      return { text, keyHash: body.subarray(TIME_BYTES + RANDOM_BYTES).toString('hex'), expires };
    },
    use: ({ text, expires }) => ({ kind: USED, id: text, expected: 0, put: { value: true, expires, indexes: [], momentary: true } }),
  };
}

/** A challenge that somebody was faster with. */
export const challengeUsed = (): Refused => refused('The challenge was used before; ask for a new one.');

const refused = (detail: string): Refused => new Refused('unauthenticated', detail, { faults: [{ code: 'attestation-challenge', detail, at: '/challenge' }] });
