import type { StandingChange } from '../agent/crl/hear-events.ts';

/** The thisUpdate of an authority's CRL in force, in seconds since the epoch; undefined if there is none. */
export interface StandingCrl {
  readonly authority: string;
  readonly thisUpdate: number | undefined;
}

/** Revocations that were announced by events and are not known to be on any CRL. */
export interface Told {
  readonly learn: (change: StandingChange) => void;
  /**
   * Forgets what the CRLs now list. All known authorities must be given: an event carries a name, and where two authorities share it (another
   * service's, or a former key's) only all of their CRLs together cover what it announced.
   */
  readonly settle: (standing: readonly StandingCrl[]) => void;
  /** @param serial lower-case hex */
  readonly has: (authority: string, serial: string) => boolean;
  /** Oldest first. */
  readonly changes: () => readonly StandingChange[];
}

/** The most that are remembered: the oldest are dropped first, as they are listed first. */
const MOST = 100_000;
/** A CRL is taken to list what was revoked at least this many seconds before it: the clocks of replicas differ. */
const SKEW = 5;

export function toldRevocations(): Told {
  const told = new Map<string, StandingChange>();
  const keyOf = (authority: string, serial: string): string => `${serial} ${authority}`;
  return {
    learn: (change) => {
      const key = keyOf(change.authority, change.serial);
      told.delete(key);
      if (change.status === 'released') return;
      if (told.size >= MOST) told.delete(told.keys().next().value ?? '');
      told.set(key, change);
    },
    settle: (standing) => {
      const since = new Map<string, number>();
      for (const { authority, thisUpdate = -Infinity } of standing) since.set(authority, Math.min(thisUpdate, since.get(authority) ?? Infinity));
      for (const [key, { authority, at }] of told) if (at + SKEW <= (since.get(authority) ?? -Infinity)) told.delete(key);
    },
    has: (authority, serial) => told.has(keyOf(authority, serial)),
    changes: () => [...told.values()],
  };
}
