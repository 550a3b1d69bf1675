import { CLOCKS_APART, type LeaseStore } from '../store.ts';
import type { Batches } from './batch.ts';
import { name } from '../name.ts';

/** A lease as stored. It is kept after its release, since its fence must never decrease. */
interface Held {
  readonly holder: string | null;
  readonly fence: number;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

const FREE: Held = { holder: null, fence: 0, until: 0 };

/** Leases. `now` and `ttl` in milliseconds. */
export function leaseStore(batches: Batches): LeaseStore {
  return {
    acquire: (lease, holder, now, ttl) => batches.submit((transaction) => {
      const key = name(lease);
      const bytes = transaction.tables.leases.getBinary(key);
      const held = bytes === undefined ? FREE : JSON.parse(bytes.toString()) as Held;
      const stands = held.holder !== null && held.until > now && held.until <= now + ttl + CLOCKS_APART;
      if (stands && held.holder !== holder) return undefined;
      // An expired lease gets a new fence even for its last holder: in the meantime it belonged to no one.
      const fence = stands ? held.fence : held.fence + 1;
      transaction.put('leases', key, Buffer.from(JSON.stringify({ holder, fence, until: now + ttl } satisfies Held)));
      return { name: lease, fence };
    }),

    release: (lease, holder) => batches.submit((transaction) => {
      const key = name(lease);
      const bytes = transaction.tables.leases.getBinary(key);
      if (bytes === undefined) return;
      const held = JSON.parse(bytes.toString()) as Held;
      if (held.holder === holder) transaction.put('leases', key, Buffer.from(JSON.stringify({ ...held, holder: null, until: 0 } satisfies Held)));
    }),
  };
}
