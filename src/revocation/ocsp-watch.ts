import type { CrlStore } from '../store/crl-store.ts';

export interface RevocationWatchOptions {
  readonly store: Pick<CrlStore, 'standing' | 'changes'>;
  /** The authority's name. */
  readonly authority: string;
  /** Called with serials whose status has changed; undefined if any may have. */
  readonly changed: (serials: readonly string[] | undefined) => void;
}

export interface RevocationWatch {
  /** Resolves when every change acknowledged before the call has been reported; rejects if the store does not respond. */
  readonly look: () => Promise<void>;
  /** True while the reported changes are at most a fraction of a second behind the store. */
  readonly isFresh: () => boolean;
}

/**
 * Milliseconds since the last look up to which cached responses may be used. A revocation appears in the responses of every process within a second:
 * this, plus the duration of one look.
 */
const FRESH = 800;
/** Changes that are processed individually; if there are more, the cache is cleared. */
const MOST_CHANGES = 1000;

/** Follows an authority's revocation feed from its position at the first look. */
export function revocationWatch({ store, authority, changed }: RevocationWatchOptions): RevocationWatch {
  let seen: number | undefined;
  let lastLook = -Infinity;
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;

  const run = async (): Promise<void> => {
    const started = performance.now();
    const { revision } = await store.standing(authority);
    if (seen !== undefined && revision > seen) {
      const feed = await store.changes(authority, seen, MOST_CHANGES);
      const whole = !feed.restart && feed.changes.length < MOST_CHANGES;
      changed(whole ? feed.changes.map(({ serial }) => serial) : undefined);
      seen = whole ? feed.revision : Math.max(revision, feed.revision);
    } else if (seen === undefined || revision < seen) {
      // The first look, or the store has been replaced.
      changed(undefined);
      seen = revision;
    }
    lastLook = started;
  };
  const start = (): Promise<void> => {
    running = run().finally(() => (running = undefined));
    return running;
  };
  return {
    // A look in progress may have read the store before the change: callers arriving meanwhile share the next one.
    look: () => {
      if (running === undefined) return start();
      next ??= running.catch(() => undefined).then(() => {
        next = undefined;
        return start();
      });
      return next;
    },
    isFresh: () => performance.now() - lastLook <= FRESH,
  };
}
