import type { StandingChange } from '../agent/crl/hear-events.ts';

/** Since when an authority's CRL that counts is, seconds since the epoch; undefined where there is none. */
export interface StandingCrl {
  readonly authority: string;
  readonly thisUpdate: number | undefined;
}

/** Revocations that events told of, and that no CRL is known to list. */
export interface Told {
  readonly learn: (change: StandingChange) => void;
  /**
   * Forgets what the CRLs say themselves. All authorities that are known are given: an event has a name, and where two have the same one (another
   * service's, or a former key's) only their CRLs together say what it told.
   */
  readonly settle: (standing: readonly StandingCrl[]) => void;
  /** @param serial lower-case hex */
  readonly has: (authority: string, serial: string) => boolean;
  /** The oldest first. */
  readonly changes: () => readonly StandingChange[];
}

/** More than so many are not remembered: the oldest go first, as they are listed first. */
const MOST = 100_000;
/** A CRL is taken to list what was revoked so many seconds before it: replicas have clocks of their own. */
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
