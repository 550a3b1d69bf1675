import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Config } from './config/config.ts';
import type { LeaseStore } from './store/store.ts';

export interface OneProcessOptions {
  readonly leases: LeaseStore;
  /** The lease's name. */
  readonly name: string;
  /** Milliseconds for which it is held: longer than the work takes. A minute by default. */
  readonly time?: number;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly isDue: () => Promise<boolean>;
  readonly make: () => Promise<void>;
}

const LEASE_TIME = 60_000;
const LEASE_LOOK = 100;

/**
 * The lease guarding a process's own files. A replica with a folder of its own does not wait for another one, which may have died holding
 * the lease; processes that share a folder share the lease.
 */
export const ownLease = (name: string, { data, runtime }: Pick<Config, 'data' | 'runtime'>): string =>
  (runtime === data ? name : `${name} at ${hostname()}:${runtime}`);

/** Runs `make` if it is due. Of several processes, one runs it; the others wait until nothing is due any more. */
export async function byOneProcess({ leases, name, time = LEASE_TIME, clock, isDue, make }: OneProcessOptions): Promise<void> {
  const holder = randomUUID();
  while (await isDue()) {
    if ((await leases.acquire(name, holder, clock(), time)) === undefined) {
      await new Promise((resolve) => setTimeout(resolve, LEASE_LOOK));
      continue;
    }
    try {
      if (await isDue()) await make();
      return;
    } finally {
      await leases.release(name, holder);
    }
  }
}
