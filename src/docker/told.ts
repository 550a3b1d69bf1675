import type { StandingChange } from '../agent/crl/hear-events.ts';

/** Revocations that events told of, and that no CRL is known to list. */
export interface Told {
  readonly learn: (change: StandingChange) => void;
  /** Forgets what a CRL of the authority from that time, seconds since the epoch, says itself. */
  readonly settle: (authority: string, thisUpdate: number) => void;
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
    settle: (authority, thisUpdate) => {
      for (const [key, change] of told) if (change.authority === authority && change.at + SKEW <= thisUpdate) told.delete(key);
    },
    has: (authority, serial) => told.has(keyOf(authority, serial)),
    changes: () => [...told.values()],
  };
}
