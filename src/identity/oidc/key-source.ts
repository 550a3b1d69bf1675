import type { KeySet } from './key-set.ts';

/** Source of an issuer's keys. */
export interface KeySource {
  /**
   * Keys in which `enough` finds what it needs; if it finds nothing, the most recent ones.
   * @throws KeysUnavailable if there are none that may still be used, or if checking for newer ones failed
   */
  readonly keys: (enough: (keys: KeySet) => boolean) => Promise<KeySet>;
}

/** The issuer's keys are unavailable. `message` says why; `wait` is the number of seconds after which to retry. */
export class KeysUnavailable extends Error {
  override readonly name = 'KeysUnavailable';
  readonly wait: number;

  constructor(message: string, wait: number, options?: ErrorOptions) {
    super(message, options);
    this.wait = wait;
  }
}

/** Keys given in the configuration. */
export const fixedKeys = (keys: KeySet): KeySource => ({ keys: () => Promise.resolve(keys) });

export interface FetchedKeysOptions {
  /** Fetches the keys in bounded time. Throws an Error that says why it failed. */
  readonly fetch: () => Promise<KeySet>;
  /** Age in milliseconds at which keys are fetched again before use. */
  readonly refresh: number;
  /** Age in milliseconds up to which keys are used while they cannot be fetched. */
  readonly keep: number;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Called with the outcome of each fetch. */
  readonly fetched: (error?: Error) => void;
}

/** Minimum time between two requests to an issuer, whatever the tokens contain: milliseconds. */
const COOLDOWN = 10_000;

/**
 * Keys fetched from the issuer. Concurrent callers share one fetch, and fetches are at least ten seconds apart, so that tokens with made-up key
 * ids cannot cause more. While the issuer does not respond, the last valid keys are used for a bounded time.
 */
export function fetchedKeys({ fetch, refresh, keep, clock, fetched }: FetchedKeysOptions): KeySource {
  let held: { readonly keys: KeySet; readonly at: number } | undefined;
  let failure: Error | undefined;
  let tried = -Infinity;
  let underWay: Promise<void> | undefined;

  const attempt = async (): Promise<void> => {
    const at = clock();
    tried = at;
    try {
      held = { keys: await fetch(), at };
      failure = undefined;
      fetched();
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
      fetched(failure);
    }
  };
  /** If the clock was set back, timestamps from the future count as old. */
  const age = (since: number): number => {
    const passed = clock() - since;
    return passed < 0 ? Infinity : passed;
  };
  const renewed = async (): Promise<void> => {
    if (underWay === undefined && age(tried) >= COOLDOWN) underWay = attempt().finally(() => (underWay = undefined));
    await underWay;
  };
  const usable = (): KeySet | undefined => (held !== undefined && age(held.at) <= keep ? held.keys : undefined);

  return {
    async keys(enough) {
      if (held !== undefined && age(held.at) < refresh && enough(held.keys)) return held.keys;
      await renewed();
      const keys = usable();
      // A key missing from outdated keys may be among newer ones, for which the token's holder is not to blame.
      if (keys !== undefined && (failure === undefined || enough(keys))) return keys;
      throw new KeysUnavailable(failure?.message ?? 'they are too old', Math.max(1, Math.ceil((COOLDOWN - age(tried)) / 1000)), { cause: failure });
    },
  };
}
