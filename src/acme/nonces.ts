import { createHmac, timingSafeEqual } from 'node:crypto';
import type { RandomBytes } from '../identity/credential.ts';
import { NEVER } from '../store/objects.ts';
import type { ObjectChange, ObjectStore } from '../store/objects.ts';
import { decodeBase64Url } from '../base64url.ts';

/** Anti-replay nonces (RFC 8555 6.5), each valid for a single use. */
export interface Nonces {
  readonly issue: () => string;
  /** True for exactly one caller. */
  readonly use: (nonce: string) => Promise<boolean>;
}

const TAG_BYTES = 12;
const BODY_BYTES = 16;

const tagOf = (key: Uint8Array, body: Uint8Array): Buffer => createHmac('sha256', key).update(body).digest().subarray(0, TAG_BYTES);
const seal = (key: Uint8Array, body: Uint8Array): string => Buffer.concat([body, tagOf(key, body)]).toString('base64url');

function open(key: Uint8Array, nonce: string): Buffer | undefined {
  const bytes = decodeBase64Url(nonce);
  if (bytes?.length !== BODY_BYTES + TAG_BYTES) return undefined;
  const body = bytes.subarray(0, BODY_BYTES);
  return timingSafeEqual(bytes.subarray(BODY_BYTES), tagOf(key, body)) ? body : undefined;
}

/** Nonces that one process remembers: one bit for each, 4 MiB. */
const REMEMBERED = 2 ** 25;
const START_BYTES = 10;
const COUNTER_BYTES = 6;

/**
 * Nonces of the only process using a store: a counter, with one bit per nonce for its use. They expire with the process, after which clients are given
 * new ones; the oldest of very many expires when its bit is needed.
 */
export function nonceCounter(random: RandomBytes): Nonces {
  const key = random(32);
  const start = Buffer.from(random(START_BYTES));
  const used = new Uint8Array(REMEMBERED / 8);
  let last = 0;
  return {
    issue: () => {
      last += 1;
      const at = last % REMEMBERED;
      used[at >>> 3] = (used[at >>> 3] ?? 0) & ~(1 << (at & 7));
      const body = Buffer.allocUnsafe(BODY_BYTES);
      start.copy(body);
      body.writeUIntBE(last, START_BYTES, COUNTER_BYTES);
      return seal(key, body);
    },
    use: (nonce) => {
      const number = open(key, nonce)?.readUIntBE(START_BYTES, COUNTER_BYTES);
      if (number === undefined || number <= last - REMEMBERED) return Promise.resolve(false);
      const at = number % REMEMBERED;
      const bit = 1 << (at & 7);
      if (((used[at >>> 3] ?? 0) & bit) !== 0) return Promise.resolve(false);
      used[at >>> 3] = (used[at >>> 3] ?? 0) | bit;
      return Promise.resolve(true);
    },
  };
}

/** Milliseconds for which a nonce shared by several processes is valid, and its use remembered. */
const LIFETIME = 2 * 3_600_000;
const TIME_BYTES = 6;
const KIND = 'acme-nonce';
const SALT = { kind: 'acme-nonce-salt', id: 'salt' } as const;
const SALT_BYTES = 16;

/**
 * The key for nonces of a store, derived from the deployment's secret and a salt that never leaves the store. Backups do not include used nonces, so
 * nonces issued before are worthless in a store that was restored or moved to, and cannot be used a second time there.
 */
export async function nonceKeyOf(objects: Pick<ObjectStore, 'get' | 'write'>, master: Uint8Array, random: RandomBytes): Promise<Uint8Array> {
  for (;;) {
    const found = await objects.get(SALT.kind, SALT.id);
    if (found !== undefined) return createHmac('sha256', master).update(`acme-nonce ${JSON.stringify(found.value)}`).digest();
    const value = Buffer.from(random(SALT_BYTES)).toString('hex');
    // If another process was faster, its salt is found next.
    await objects.write([{ ...SALT, expected: 0, put: { value, expires: NEVER, indexes: [], momentary: true } }], []);
  }
}

/**
 * Nonces accepted by any process with the same key: a time and random octets with a MAC. Their use is recorded in the store.
 * @param clock milliseconds since the epoch
 */
export function sharedNonces(objects: Pick<ObjectStore, 'write'>, key: Uint8Array, random: RandomBytes, clock: () => number): Nonces {
  return {
    issue: () => {
      const body = Buffer.allocUnsafe(BODY_BYTES);
      body.writeUIntBE(clock(), 0, TIME_BYTES);
      body.set(random(BODY_BYTES - TIME_BYTES), TIME_BYTES);
      return seal(key, body);
    },
    use: async (nonce) => {
      const body = open(key, nonce);
      if (body === undefined) return false;
      const ends = body.readUIntBE(0, TIME_BYTES) + LIFETIME;
      if (ends <= clock()) return false;
      // The record outlives the nonce, so that sweeping it does not make the nonce valid again.
      const mark: ObjectChange = { kind: KIND, id: body.toString('hex'), expected: 0, put: { value: null, expires: ends + 60_000, indexes: [], momentary: true } };
      return (await objects.write([mark], [])).outcome === 'stored';
    },
  };
}

/** The same, except that some valid nonces are refused (and used up), so that clients must retry (RFC 8555 6.5). For tests. @param share 0 to 1 */
export const unreliable = (nonces: Nonces, share: number, chance: () => number): Nonces =>
  (share === 0 ? nonces : { issue: nonces.issue, use: async (nonce) => await nonces.use(nonce) && chance() >= share });
