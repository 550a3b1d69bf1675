/** Malformed SSH data. `message` is meant for people. */
export class SshError extends Error {
  override readonly name = 'SshError';
}

/** A strict cursor over the data types of RFC 4251 5. Throws SshError. */
export class SshReader {
  readonly bytes: Buffer;
  offset = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get atEnd(): boolean {
    return this.offset === this.bytes.length;
  }

  raw(length: number, what: string): Buffer {
    if (length > this.bytes.length - this.offset) throw new SshError(`${what} ends too early`);
    this.offset += length;
    return this.bytes.subarray(this.offset - length, this.offset);
  }

  uint32(what: string): number {
    return this.raw(4, what).readUInt32BE();
  }

  uint64(what: string): bigint {
    return this.raw(8, what).readBigUInt64BE();
  }

  string(what: string): Buffer {
    return this.raw(this.uint32(what), what);
  }

  /** A string of printable ASCII. */
  text(what: string): string {
    const octets = this.string(what);
    if (octets.some((octet) => octet < 0x20 || octet > 0x7e)) throw new SshError(`${what} is not plain text`);
    return octets.toString('latin1');
  }

  /** Magnitude of a positive mpint with minimal length. */
  positive(what: string): Buffer {
    const octets = this.string(what);
    const [first, second] = octets;
    if (first === undefined || first >= 0x80 || (first === 0 && (second === undefined || second < 0x80))) throw new SshError(`${what} is not a positive number in the fewest octets`);
    return first === 0 ? octets.subarray(1) : octets;
  }

  finish(what: string): void {
    if (!this.atEnd) throw new SshError(`${this.bytes.length - this.offset} octets follow the end of ${what}`);
  }
}

/** A string as defined in RFC 4251 5. */
export function sshString(content: Uint8Array | string): Buffer {
  const octets = Buffer.from(content as string);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(octets.length);
  return Buffer.concat([length, octets]);
}
