/** A least-recently-used cache of bounded size. */
export interface LatestUsed<V> {
  readonly get: (key: string) => V | undefined;
  readonly set: (key: string, value: V) => void;
  readonly delete: (key: string) => void;
  readonly clear: () => void;
  readonly size: () => number;
}

/** @param most capacity; 0 disables the cache */
export function latestUsed<V>(most: number): LatestUsed<V> {
  // A Map preserves insertion order: the first key is the least recently used.
  const kept = new Map<string, V>();
  return {
    get: (key) => {
      const value = kept.get(key);
      if (value === undefined) return undefined;
      kept.delete(key);
      kept.set(key, value);
      return value;
    },
    set: (key, value) => {
      kept.delete(key);
      kept.set(key, value);
      if (kept.size > most) kept.delete(kept.keys().next().value as string);
    },
    delete: (key) => void kept.delete(key),
    clear: () => kept.clear(),
    size: () => kept.size,
  };
}
