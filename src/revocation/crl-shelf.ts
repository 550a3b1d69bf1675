import type { CrlDocument, CrlHead, CrlStore } from '../store/crl-store.ts';
import type { Documents } from './crl-publisher.ts';
import { pemInSlices } from './large-pem.ts';

/** A published document as served by this process. */
export interface ShelvedCrl {
  readonly head: CrlHead;
  /** The bytes, if they are in memory. */
  readonly der: Buffer | undefined;
}

interface Shelved extends ShelvedCrl {
  der: Buffer | undefined;
  loading?: Promise<Buffer | undefined> | undefined;
  pem?: Promise<Buffer> | undefined;
}

/**
 * The published documents cached by this process: heads always, bytes once they are first requested. All processes serve the same bytes, which come
 * from the store; those that it published itself are cached at once.
 */
export class CrlShelf {
  readonly #store: CrlStore;
  readonly #authorities: readonly string[];
  readonly #shelves = new Map<string, { publications: number; documents: Map<CrlDocument, Shelved> }>();
  #looking: Promise<void> | undefined;
  #again = false;

  constructor(store: CrlStore, authorities: readonly string[]) {
    this.#store = store;
    this.#authorities = authorities;
  }

  /** The current document as of the last `look`. */
  get(authority: string, document: CrlDocument): ShelvedCrl | undefined {
    return this.#shelves.get(authority)?.documents.get(document);
  }

  /** The bytes of a document returned by `get`; undefined if it no longer exists. */
  async bytes(authority: string, document: CrlDocument): Promise<{ readonly head: CrlHead; readonly der: Buffer } | undefined> {
    for (;;) {
      const shelved = this.#shelves.get(authority)?.documents.get(document);
      if (shelved === undefined) return undefined;
      const der = shelved.der ?? await (shelved.loading ??= this.#load(authority, document, shelved));
      if (der !== undefined) return { head: shelved.head, der };
      await this.look();
    }
  }

  /** The same as PEM, encoded on first request, since that takes long for a large CRL. */
  async pem(authority: string, document: CrlDocument): Promise<{ readonly head: CrlHead; readonly pem: Buffer } | undefined> {
    const found = await this.bytes(authority, document);
    if (found === undefined) return undefined;
    const shelved = this.#shelves.get(authority)?.documents.get(document);
    if (shelved?.head.etag !== found.head.etag) return { head: found.head, pem: await pemInSlices('X509 CRL', found.der) };
    return { head: found.head, pem: await (shelved.pem ??= pemInSlices('X509 CRL', found.der)) };
  }

  /** Checks for changes; cheap if there are none. Calls during a check are combined into one more. @throws StoreUnavailable */
  look(): Promise<void> {
    if (this.#looking !== undefined) {
      this.#again = true;
      return this.#looking;
    }
    this.#looking = (async () => {
      try {
        do {
          this.#again = false;
          for (const authority of this.#authorities) await this.#lookAt(authority);
        } while (this.#again);
      } finally {
        this.#looking = undefined;
      }
    })();
    return this.#looking;
  }

  /** Adds what this process has published. */
  put(authority: string, documents: Documents): void {
    const shelf = this.#shelves.get(authority) ?? { publications: -1, documents: new Map<CrlDocument, Shelved>() };
    this.#shelves.set(authority, shelf);
    for (const [document, { der, ...head }] of documents) {
      const before = shelf.documents.get(document);
      if (before === undefined || before.head.number < head.number) shelf.documents.set(document, { head, der: Buffer.from(der.buffer, der.byteOffset, der.length) });
    }
  }

  async #lookAt(authority: string): Promise<void> {
    const { publications } = await this.#store.standing(authority);
    const before = this.#shelves.get(authority);
    if (before?.publications === publications || (publications === 0 && before === undefined)) return;
    const heads = await this.#store.heads(authority);
    const documents = new Map<CrlDocument, Shelved>();
    const last = this.#shelves.get(authority)?.documents;
    for (const [document, head] of heads) {
      const shelved = last?.get(document);
      // Numbers only increase: a head older than what this process published is outdated.
      documents.set(document, shelved !== undefined && shelved.head.number >= head.number ? shelved : { head, der: undefined });
    }
    this.#shelves.set(authority, { publications, documents });
  }

  async #load(authority: string, document: CrlDocument, shelved: Shelved): Promise<Buffer | undefined> {
    try {
      const current = await this.#store.current(authority, document);
      if (current?.etag !== shelved.head.etag) return undefined;
      shelved.der = Buffer.from(current.der.buffer, current.der.byteOffset, current.der.length);
      return shelved.der;
    } finally {
      shelved.loading = undefined;
    }
  }
}
