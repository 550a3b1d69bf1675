import type { CrlDocument, CrlHead, CrlStore } from '../store/crl-store.ts';
import type { Documents } from './crl-publisher.ts';
import { pemInSlices } from './large-pem.ts';

/** A published document as this process gives it out. */
export interface ShelvedCrl {
  readonly head: CrlHead;
  /** The bytes, where they are in memory. */
  readonly der: Buffer | undefined;
}

interface Shelved extends ShelvedCrl {
  der: Buffer | undefined;
  loading?: Promise<Buffer | undefined> | undefined;
  pem?: Promise<Buffer> | undefined;
}

/**
 * The published documents in the memory of this process: heads at once, bytes when they are first asked for. Every process gives out the
 * same bytes, which come from the store; what it published itself it has already.
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

  /** What stands, as it was at the last look. */
  get(authority: string, document: CrlDocument): ShelvedCrl | undefined {
    return this.#shelves.get(authority)?.documents.get(document);
  }

  /** The bytes of a document that `get` gave; undefined where it was replaced meanwhile. */
  async bytes(authority: string, document: CrlDocument): Promise<{ readonly head: CrlHead; readonly der: Buffer } | undefined> {
    for (;;) {
      const shelved = this.#shelves.get(authority)?.documents.get(document);
      if (shelved === undefined) return undefined;
      const der = shelved.der ?? await (shelved.loading ??= this.#load(authority, document, shelved));
      if (der !== undefined) return { head: shelved.head, der };
      await this.look();
    }
  }

  /** The same as PEM, which is made when it is first asked for: a large CRL takes long to encode. */
  async pem(authority: string, document: CrlDocument): Promise<{ readonly head: CrlHead; readonly pem: Buffer } | undefined> {
    const found = await this.bytes(authority, document);
    if (found === undefined) return undefined;
    const shelved = this.#shelves.get(authority)?.documents.get(document);
    if (shelved?.head.etag !== found.head.etag) return { head: found.head, pem: await pemInSlices('X509 CRL', found.der) };
    return { head: found.head, pem: await (shelved.pem ??= pemInSlices('X509 CRL', found.der)) };
  }

  /** Finds out what is new. Cheap where nothing is. Looks that are asked for meanwhile become one. @throws StoreUnavailable */
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

  /** Takes what this process has published. */
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
      // Heads only go on: one that is older than what this process published is not news.
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
