/** What an operation of a batch is made of. */
export type Packable = string | Buffer | number | Bulk | readonly Packable[];

/** Many octets, which go to Redis as an argument of their own. In Lua each string costs a pass over all its octets each time it is made. */
export interface Bulk {
  readonly bulk: Buffer;
  /** Where the next place is to be written into it, 6 octets, as long as nobody knows better. */
  readonly placeAt?: number;
}

const ROOM = 4096;

/**
 * One argument for all operations of a batch, as MessagePack, which Lua in Redis reads with one call (`cmsgpack.unpack`). A command of a
 * thousand arguments would cost the client and the server more than the work itself.
 *
 * @param place the last one that is taken
 */
export function pack(value: Packable, place = 0): Packed {
  const packer = new Packer(place);
  packer.add(value);
  return { bytes: packer.bytes(), bulks: packer.bulks };
}

export interface Packed {
  readonly bytes: Buffer;
  /** Where `bytes` has the number n, counted from 1, the value was the n-th of these. */
  readonly bulks: readonly Buffer[];
}

class Packer {
  readonly bulks: Buffer[] = [];
  #place: number;
  #bytes = Buffer.allocUnsafe(ROOM);
  #at = 0;

  constructor(place: number) {
    this.#place = place;
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
    // No UTF-16 unit needs more than three octets.
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
