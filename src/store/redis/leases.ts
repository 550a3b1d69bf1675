import { name } from '../name.ts';
import type { LeaseStore } from '../store.ts';
import type { Engine } from './engine.ts';

/** Leases. `now` and `ttl` in milliseconds. */
export const leaseStore = ({ submit }: Engine): LeaseStore => ({
  async acquire(lease, holder, now, ttl) {
    const fence = Number(await submit('acquire', name(lease), name(holder), now, ttl));
    return fence === 0 ? undefined : { name: lease, fence };
  },
  async release(lease, holder) {
    await submit('release', name(lease), name(holder));
  },
});
