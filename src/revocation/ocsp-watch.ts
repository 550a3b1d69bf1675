import type { CrlStore } from '../store/crl-store.ts';

export interface RevocationWatchOptions {
  readonly store: Pick<CrlStore, 'standing' | 'changes'>;
  /** The authority's name. */
  readonly authority: string;
  /** Serials whose standing is another one now; undefined: any may be. */
  readonly changed: (serials: readonly string[] | undefined) => void;
}

export interface RevocationWatch {
  /** Resolves when every change that was acknowledged before the call was told; rejects where the store does not answer. */
  readonly look: () => Promise<void>;
  /** True while what was told is at most a part of a second behind the store. */
  readonly isFresh: () => boolean;
}

/**
 * How old the last look may be, milliseconds, for what was kept to be given out. A revocation is in the answers of every process
 * within a second: this, and the time that one look takes.
 */
const FRESH = 800;
/** Changes that are looked through one by one; with more, whatever is kept is forgotten. */
const MOST_CHANGES = 1000;

/** Follows an authority's feed of revocations, from where it stands at the first look. */
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
      // The first look, or another store in the place of this one.
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
    // A look that is under way may have asked before the change: the callers that come meanwhile share the next one.
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
