/** Tells within this process of which authority something is new. */
export class Hints {
  readonly #listeners = new Set<(authority: string) => void>();

  give(authority: string): void {
    for (const listener of this.#listeners) listener(authority);
  }

  /** Returns what ends it. */
  listen(listener: (authority: string) => void): () => void {
    const own = (authority: string): void => listener(authority);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }
}
