import { createHmac, timingSafeEqual } from 'node:crypto';
import type { RandomBytes } from '../identity/credential.ts';
import { NEVER } from '../store/objects.ts';
import type { ObjectChange, ObjectStore } from '../store/objects.ts';
import { decodeBase64Url } from '../base64url.ts';

/** Anti-replay nonces (RFC 8555 6.5): each good until it was used, once. */
export interface Nonces {
  readonly issue: () => string;
  /** True for one caller alone. */
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
 * Nonces of a process that is alone with its store: a number, and a bit for each that was used. They end with the process, after which
 * clients are given new ones; the oldest of very many ends when its bit is needed.
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

/** Milliseconds in which a nonce of several processes must be used: so long its use is remembered. */
const LIFETIME = 2 * 3_600_000;
const TIME_BYTES = 6;
const KIND = 'acme-nonce';
const SALT = { kind: 'acme-nonce-salt', id: 'salt' } as const;
const SALT_BYTES = 16;

/**
 * The key of a store's nonces: of the deployment's secret, and of something that stays in this store. Backups do not hold which nonces were
 * used; so what was issued before is good for nothing in a store that was restored or moved to, and cannot be used there once more.
 */
export async function nonceKeyOf(objects: Pick<ObjectStore, 'get' | 'write'>, master: Uint8Array, random: RandomBytes): Promise<Uint8Array> {
  for (;;) {
    const found = await objects.get(SALT.kind, SALT.id);
    if (found !== undefined) return createHmac('sha256', master).update(`acme-nonce ${JSON.stringify(found.value)}`).digest();
    const value = Buffer.from(random(SALT_BYTES)).toString('hex');
    // Where another process was faster, its salt is found next.
    await objects.write([{ ...SALT, expected: 0, put: { value, expires: NEVER, indexes: [], momentary: true } }], []);
  }
}

/**
 * Nonces that any process with the same key takes: a time and random octets under a MAC; that one was used is written into the store.
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
      // The mark outlives the nonce, so that no sweep brings it back.
      const mark: ObjectChange = { kind: KIND, id: body.toString('hex'), expected: 0, put: { value: null, expires: ends + 60_000, indexes: [], momentary: true } };
      return (await objects.write([mark], [])).outcome === 'stored';
    },
  };
}

/** The same, but some good nonces are refused (and so used up): clients must try again (RFC 8555 6.5). For tests. @param share 0 to 1 */
export const unreliable = (nonces: Nonces, share: number, chance: () => number): Nonces =>
  (share === 0 ? nonces : { issue: nonces.issue, use: async (nonce) => await nonces.use(nonce) && chance() >= share });
