/** The constituents of a batch operation. */
export type Packable = string | Buffer | number | Bulk | readonly Packable[];

/** A large value, sent to Redis as an argument of its own: in Lua, creating a string takes a pass over all its octets each time. */
export interface Bulk {
  readonly bulk: Buffer;
  /** Where to write the next place (6 octets), if it is not known otherwise. */
  readonly placeAt?: number;
}

const LEAST_ROOM = 4096;

/**
 * Packs all operations of a batch into one MessagePack argument, which Lua in Redis reads with a single call (`cmsgpack.unpack`). A command with a thousand
 * arguments would cost client and server more than the work itself.
 *
 * @param place the last place assigned
 */
export function pack(value: Packable, place = 0): Packed {
  const packer = new Packer(place, usual);
  packer.add(value);
  const bytes = packer.bytes();
  // Batches are mostly of similar size.
  usual = Math.max(LEAST_ROOM, Math.ceil((usual + bytes.length * 1.5) / 2));
  return { bytes, bulks: packer.bulks };
}

let usual = LEAST_ROOM;

export interface Packed {
  readonly bytes: Buffer;
  /** Bulk values, which `bytes` refers to by number, starting from 1. */
  readonly bulks: readonly Buffer[];
}

class Packer {
  readonly bulks: Buffer[] = [];
  #place: number;
  #bytes: Buffer;
  #at = 0;

  constructor(place: number, room: number) {
    this.#place = place;
    this.#bytes = Buffer.allocUnsafe(room);
  }

  add(value: Packable): void {
    if (typeof value === 'number') this.#number(value);
    else if (typeof value === 'string') this.#text(value);
    else if (Buffer.isBuffer(value)) this.#octets(value);
    else if ('bulk' in value) this.#bulk(value);
    else {
      this.#room(5);
      this.#head(0xdd, value.length);
      for (const item of value) this.add(item);
    }
  }

  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  #bulk({ bulk, placeAt }: Bulk): void {
    if (placeAt !== undefined) bulk.writeUIntBE(this.#place += 1, placeAt, 6);
    this.#number(this.bulks.push(bulk));
  }

  #number(value: number): void {
    this.#room(9);
    if (Number.isInteger(value) && value >= 0 && value < 128) {
      this.#bytes[this.#at] = value;
      this.#at += 1;
      return;
    }
    this.#bytes[this.#at] = 0xcb;
    this.#at = this.#bytes.writeDoubleBE(value, this.#at + 1);
  }

  #text(value: string): void {
    // A UTF-16 code unit takes at most three octets.
    this.#room(5 + value.length * 3);
    const length = this.#bytes.write(value, this.#at + 5);
    this.#head(0xdb, length);
    this.#at += length;
  }

  #octets(value: Buffer): void {
    this.#room(5 + value.length);
    this.#head(0xdb, value.length);
    value.copy(this.#bytes, this.#at);
    this.#at += value.length;
  }

  #head(kind: number, length: number): void {
    this.#bytes[this.#at] = kind;
    this.#at = this.#bytes.writeUInt32BE(length, this.#at + 1);
  }

  #room(more: number): void {
    if (this.#at + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at + more));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}
