import type { KeySet } from './key-set.ts';

/** Where the keys of an issuer come from. */
export interface KeySource {
  /**
   * The keys among which `enough` finds what it wants; where it finds nothing, the freshest that there are.
   * @throws KeysUnavailable where there are none that may still be used, or it cannot be found out whether there are newer ones
   */
  readonly keys: (enough: (keys: KeySet) => boolean) => Promise<KeySet>;
}

/** The issuer's keys could not be had. `message` says why; `wait` is when asking again makes sense, seconds. */
export class KeysUnavailable extends Error {
  override readonly name = 'KeysUnavailable';
  readonly wait: number;

  constructor(message: string, wait: number, options?: ErrorOptions) {
    super(message, options);
    this.wait = wait;
  }
}

/** Keys that the configuration has. */
export const fixedKeys = (keys: KeySet): KeySource => ({ keys: () => Promise.resolve(keys) });

export interface FetchedKeysOptions {
  /** Fetches them, in bounded time. Throws an Error that says why that failed. */
  readonly fetch: () => Promise<KeySet>;
  /** After so long they are fetched again before they are used, milliseconds. */
  readonly refresh: number;
  /** So long the last ones are used while they cannot be fetched, milliseconds. */
  readonly keep: number;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Told how each fetch ended. */
  readonly fetched: (error?: Error) => void;
}

/** The time between two calls to an issuer, whatever tokens say: milliseconds. */
const COOLDOWN = 10_000;

/**
 * Keys that are fetched from the issuer. All who wait share one fetch, and between two there are ten seconds at least: tokens with
 * made-up keys cause no more than that. While the issuer does not answer, the last good keys are used, for a bounded time.
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
  /** A clock that was set back makes old what is from the future. */
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
      // What is not among old keys may be among new ones: that is not for the token's holder to answer for.
      if (keys !== undefined && (failure === undefined || enough(keys))) return keys;
      throw new KeysUnavailable(failure?.message ?? 'they are too old', Math.max(1, Math.ceil((COOLDOWN - age(tried)) / 1000)), { cause: failure });
    },
  };
}
