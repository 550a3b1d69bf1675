import type { Keyspace } from './keys.ts';
import type { RedisLink } from './link/link.ts';

/** Notifies all processes that an authority may have news. Redis drops messages to processes that are not listening, so these are hints. */
export class Hints {
  readonly #link: RedisLink;
  readonly #channel: string;
  readonly #listeners = new Set<(authority: string) => void>();
  readonly #heardOf = new Set<string>();
  #stop: (() => void) | undefined;

  constructor(link: RedisLink, keys: Keyspace) {
    this.#link = link;
    this.#channel = `${keys.prefix}hints`;
  }

  give(authority: string): void {
    this.#tell(authority);
    // As JSON, which preserves text that is not valid UTF-8.
    this.#link.publish(this.#channel, JSON.stringify(authority));
  }

  /** Returns the function that unsubscribes. */
  listen(listener: (authority: string) => void): () => void {
    const own = (authority: string): void => listener(authority);
    this.#listeners.add(own);
    this.#stop ??= this.#link.subscribe(this.#channel, (message) => this.#hear(message));
    return () => {
      this.#listeners.delete(own);
      if (this.#listeners.size > 0) return;
      this.#stop?.();
      this.#stop = undefined;
    };
  }

  #hear(message: string | undefined): void {
    // Messages may have been lost, so anything may be new.
    if (message === undefined) for (const authority of this.#heardOf) this.#tell(authority);
    else this.#tell(JSON.parse(message) as string);
  }

  #tell(authority: string): void {
    this.#heardOf.add(authority);
    for (const listener of this.#listeners) listener(authority);
  }
}
