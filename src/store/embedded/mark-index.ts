import { setImmediate } from 'node:timers/promises';
import { entryMarks } from './catalogue.ts';
import type { Environment, Reads } from './environment.ts';
import { ordinal, readOrdinal } from './keys.ts';
import { decodeMarks } from './marks.ts';
import { readTail } from './tail.ts';

const LEAST_SLOTS = 1024;
/** Load factor of the hash table at which it doubles. */
const FULLEST = 0.6;
/** Entries followed at a time, before the event loop serves others. */
const SLICE = 1000;
/** Approximate number of entries per page of the file. */
const ENTRIES_A_PAGE = 20;

/**
 * An in-memory index of the marks, 20 to 40 octets each. An index on disk would touch a page at a random position for each request, and so
 * cost more than all its other writes together.
 *
 * The index is only a hint. A lookup reads the catalogue entry of each place it returns, so a place too many is harmless (from a write that
 * failed, or a request since swept). A place too few is not: before each use the index catches up with the catalogue, to which other
 * processes add as well.
 */
export class MarkIndex {
  #tags = new Uint32Array(LEAST_SLOTS);
  /** 0 marks a free slot. */
  #places = new Float64Array(LEAST_SLOTS);
  #taken = 0;
  #followed = 0;
  #generation = 0;
  #outgrown = false;

  /** Places of the entries that may bear the mark with this name; usually none. */
  find(name: Buffer): number[] {
    const tag = name.readUInt32BE(0);
    const found: number[] = [];
    for (let slot = this.#home(tag); this.#places[slot] !== 0; slot = this.#next(slot)) {
      if (this.#tags[slot] === tag) found.push(this.#places[slot] ?? 0);
    }
    return found;
  }

  add(name: Buffer, place: number): void {
    this.#put(name.readUInt32BE(0), place);
    if (this.#taken > this.#places.length * FULLEST) this.#double();
  }

  /** Adds the marks of at most `limit` entries not seen yet; returns true once all have been seen. */
  follow(tables: Reads, newest = readTail(tables).place, limit = Infinity): boolean {
    if (newest <= this.#followed) return true;
    let seen = 0;
    const range = { start: ordinal(this.#followed + 1), ...(limit === Infinity ? {} : { limit }) };
    for (const { key, value } of tables.catalogue.getRange(range)) {
      const place = readOrdinal(key);
      for (const { name } of decodeMarks(entryMarks(value))) this.add(name, place);
      this.#followed = place;
      seen += 1;
    }
    if (seen === limit) return false;
    // The newest entry may have been swept.
    this.#followed = newest;
    return true;
  }

  /** Identifies the index's contents, so that a batch can state later for which of them its own marks have become durable. */
  get generation(): number {
    return this.#generation;
  }

  /** Records that all marks up to this place were added to the index of this generation. */
  followed(place: number, generation: number): void {
    if (generation === this.#generation) this.#followed = Math.max(this.#followed, place);
  }

  /** Whether it has doubled since it was built, and may therefore contain many swept entries. */
  get outgrown(): boolean {
    return this.#outgrown;
  }

  /** Rebuilds the index from the catalogue at the size needed, unless most of it is still current. It remains usable meanwhile. */
  async renew(environment: Environment): Promise<void> {
    this.#outgrown = false;
    const entries = await environment.read(({ catalogue }) => (catalogue.getStats() as { entryCount: number }).entryCount);
    if (this.#followed > 0 && entries > this.#taken / 2) return;
    const fresh = new MarkIndex();
    const followSome = (tables: Reads): boolean => fresh.follow(tables, undefined, SLICE) && this.#become(fresh);
    while (!await environment.read(followSome, SLICE / ENTRIES_A_PAGE)) await setImmediate();
  }

  #become(fresh: MarkIndex): true {
    this.#tags = fresh.#tags;
    this.#places = fresh.#places;
    this.#taken = fresh.#taken;
    this.#followed = fresh.#followed;
    // Marks added by a batch in progress are not in it.
    this.#generation += 1;
    return true;
  }

  #home(tag: number): number {
    return tag & (this.#places.length - 1);
  }

  #next(slot: number): number {
    return (slot + 1) & (this.#places.length - 1);
  }

  #put(tag: number, place: number): void {
    let slot = this.#home(tag);
    for (; this.#places[slot] !== 0; slot = this.#next(slot)) {
      if (this.#tags[slot] === tag && this.#places[slot] === place) return;
    }
    this.#tags[slot] = tag;
    this.#places[slot] = place;
    this.#taken += 1;
  }

  #double(): void {
    const tags = this.#tags;
    const places = this.#places;
    this.#tags = new Uint32Array(tags.length * 2);
    this.#places = new Float64Array(places.length * 2);
    this.#taken = 0;
    this.#outgrown = true;
    for (const [slot, place] of places.entries()) if (place !== 0) this.#put(tags[slot] ?? 0, place);
  }
}
