/** Notifies listeners within this process that an authority may have news. */
export class Hints {
  readonly #listeners = new Set<(authority: string) => void>();

  give(authority: string): void {
    for (const listener of this.#listeners) listener(authority);
  }

  /** Returns the function that unsubscribes. */
  listen(listener: (authority: string) => void): () => void {
    const own = (authority: string): void => listener(authority);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }
}
