import { checkRevokedEntry } from './crl-entry.ts';
import { ALL_REASONS, REVOCATION_REASONS, type RevocationReason } from './revocation-reason.ts';
import { encodeSerial } from './serial.ts';

/** The latest change of a serial's revocation status, with its CRL entry encoded. */
export interface LoggedEntry {
  /** Higher than that of every earlier entry. */
  readonly revision: number;
  /** Lower-case hex. */
  readonly serial: string;
  /** notAfter of the certificate, seconds since the epoch. */
  readonly notAfter: number;
  /** removeFromCRL means that the certificate is valid again; such an entry appears in delta CRLs only. */
  readonly reason: RevocationReason;
  readonly der: Uint8Array;
}

/** Selects the entries of one CRL: everything revoked, except what may be left out. */
export interface Listing {
  /**
   * The last CRL of the same scope. Certificates it listed may be left out if it was issued after they expired (RFC 5280 3.3).
   * If absent, nothing is left out.
   */
  readonly previous?: { readonly thisUpdate: number; readonly revision: number } | undefined;
  /** Delta CRLs: only changes after this revision, including releases (RFC 5280 5.2.4). */
  readonly since?: number;
}

let select: (parts: readonly Uint8Array[], count: number, reasons: ReadonlySet<RevocationReason>) => EntrySelection;

/** A run of entries in a log, each of which has been checked: only this file can create one. */
export class EntrySelection {
  static {
    select = (parts, count, reasons) => new EntrySelection(parts, count, reasons);
  }

  /** Views of the log's memory, to be used before the log changes. */
  readonly parts: readonly Uint8Array[];
  readonly count: number;
  /** A superset of the reasons that occur; it includes removeFromCRL only if that occurs. */
  readonly reasons: ReadonlySet<RevocationReason>;
  readonly #octets: number;

  private constructor(parts: readonly Uint8Array[], count: number, reasons: ReadonlySet<RevocationReason>) {
    this.parts = parts;
    this.count = count;
    this.reasons = reasons;
    this.#octets = parts.reduce((sum, { length }) => sum + length, 0);
  }

  get octets(): number {
    return this.#octets;
  }
}

/** Concatenates several selections. */
export const joinSelections = (all: readonly EntrySelection[]): EntrySelection =>
  select(all.flatMap(({ parts }) => parts), all.reduce((sum, { count }) => sum + count, 0), new Set(all.flatMap(({ reasons }) => [...reasons])));

const LIVE = 0;
const RELEASED = 1;
const GONE = 2;

/** The log is rewritten once more than this many entries, and more than a quarter of all, are gone. */
const FEW = 64;

/**
 * Encoded CRL entries in order of revision, stored contiguously: a CRL is assembled by copying long runs, and a delta CRL is the tail. Only
 * the latest entry of each serial is kept. Everything lives in typed arrays, so that a million entries are not a million objects.
 */
export class EntryLog {
  #bytes = Buffer.allocUnsafeSlow(1024);
  #ends = new Uint32Array(16);
  #revisions = new Float64Array(16);
  #notAfters = new Float64Array(16);
  #states = new Uint8Array(16);
  #length = 0;
  /** Open-addressing hash table keyed by serial: 1 + index of the latest entry; 0 for an empty slot. */
  #slots = new Int32Array(32);
  /** Number of live entries per reason code. */
  readonly #byReason = new Int32Array(16);
  #live = 0;
  #gone = 0;
  /** Lower bound of notAfter over the live entries. */
  #firstEnd = Infinity;

  /** Number of revoked certificates. */
  get count(): number {
    return this.#live;
  }

  /** Revision of the last change; 0 if there is none. */
  get revision(): number {
    return this.#length === 0 ? 0 : this.#revisions[this.#length - 1]!;
  }

  /** Records the latest change of a serial. @throws X509Error if the encoded entry does not match the other fields */
  put({ revision, serial, notAfter, reason, der }: LoggedEntry): void {
    checkRevokedEntry(der, serial, reason);
    if (revision <= this.revision) throw new RangeError(`revision ${revision} comes after ${this.revision}`);
    const slot = this.#slotOf(der, 0);
    const before = this.#slots[slot]! - 1;
    if (before >= 0) this.#remove(before);
    this.#append(revision, notAfter, reason === 'removeFromCRL' ? RELEASED : LIVE, der);
    this.#slots[slot] = this.#length;
    if (reason !== 'removeFromCRL') {
      this.#live += 1;
      this.#byReason[REVOCATION_REASONS[reason]]! += 1;
      this.#firstEnd = Math.min(this.#firstEnd, notAfter);
    }
    if (this.#length * 2 > this.#slots.length || (this.#gone > FEW && this.#gone * 4 > this.#length)) this.#rewrite();
  }

  /** Selects the entries of one CRL. */
  select({ previous, since }: Listing): EntrySelection {
    const delta = since !== undefined;
    const from = delta ? this.#firstAfter(since) : 0;
    const reasons = new Set(ALL_REASONS.filter((reason) => this.#byReason[REVOCATION_REASONS[reason]]! > 0));
    const everything = this.#live === this.#length && (previous === undefined || this.#firstEnd >= previous.thisUpdate);
    if (everything) return select(from === this.#length ? [] : [this.#bytes.subarray(this.#start(from), this.#start(this.#length))], this.#length - from, reasons);
    const parts: Uint8Array[] = [];
    let count = 0;
    let run = from;
    const close = (at: number): void => {
      if (at > run) parts.push(this.#bytes.subarray(this.#start(run), this.#start(at)));
      run = at + 1;
    };
    for (let at = from; at < this.#length; at += 1) {
      const state = this.#states[at];
      if (state === LIVE ? this.#isListed(at, previous) : state === RELEASED && delta) count += 1;
      else close(at);
      if (state === RELEASED && delta) reasons.add('removeFromCRL');
    }
    close(this.#length);
    return select(parts, count, reasons);
  }

  /** Yields the serials whose entries may be dropped according to `test`. */
  *find(test: (revision: number, notAfter: number, released: boolean) => boolean): Generator<string> {
    for (let at = 0; at < this.#length; at += 1) {
      const state = this.#states[at];
      if (state !== GONE && test(this.#revisions[at]!, this.#notAfters[at]!, state === RELEASED)) yield this.#serial(at);
    }
  }

  /** Drops the entry of a serial (lower-case hex). */
  forget(serial: string): void {
    const place = this.#slots[this.#slotOf(Buffer.concat([Buffer.alloc(2), encodeSerial(serial)]), 0)]! - 1;
    if (place < 0) return;
    this.#remove(place);
    if (this.#gone > FEW && this.#gone * 4 > this.#length) this.#rewrite();
  }

  /** Whether `find` is worth calling: a live entry's certificate may have expired before the given time, or there are releases. */
  hasDue(before: number): boolean {
    return this.#firstEnd < before || this.#live + this.#gone < this.#length;
  }

  #isListed(at: number, previous: Listing['previous']): boolean {
    return previous === undefined || this.#notAfters[at]! >= previous.thisUpdate || this.#revisions[at]! > previous.revision;
  }

  #start(at: number): number {
    return at === 0 ? 0 : this.#ends[at - 1]!;
  }

  /** Index of the first entry with a higher revision. */
  #firstAfter(revision: number): number {
    let [low, high] = [0, this.#length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#revisions[middle]! > revision) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #serial(at: number): string {
    const start = this.#start(at);
    const sign = this.#bytes[start + 4] === 0 ? 1 : 0;
    return this.#bytes.toString('hex', start + 4 + sign, start + 4 + this.#bytes[start + 3]!);
  }

  /** The slot that holds, or would hold, the serial of the entry starting at `start`. */
  #slotOf(der: Uint8Array, start: number): number {
    const octets = der[start + 3]!;
    const mask = this.#slots.length - 1;
    // FNV-1a over the whole serial: ours end in random octets, but imported certificates may have any serial.
    let digest = 0x811c9dc5;
    for (let i = 0; i < octets; i += 1) digest = Math.imul(digest ^ der[start + 4 + i]!, 0x01000193);
    for (let slot = (digest ^ (digest >>> 15)) & mask; ; slot = (slot + 1) & mask) {
      const place = this.#slots[slot]! - 1;
      if (place < 0 || this.#isSameSerial(place, der, start, octets)) return slot;
    }
  }

  #isSameSerial(place: number, der: Uint8Array, start: number, octets: number): boolean {
    const other = this.#start(place);
    for (let i = 3; i < 4 + octets; i += 1) if (this.#bytes[other + i] !== der[start + i]) return false;
    return true;
  }

  #append(revision: number, notAfter: number, state: number, der: Uint8Array): void {
    const at = this.#length;
    const start = this.#start(at);
    if (at === this.#ends.length) {
      this.#ends = grown(this.#ends, new Uint32Array(at * 2));
      this.#revisions = grown(this.#revisions, new Float64Array(at * 2));
      this.#notAfters = grown(this.#notAfters, new Float64Array(at * 2));
      this.#states = grown(this.#states, new Uint8Array(at * 2));
    }
    if (start + der.length > this.#bytes.length) this.#bytes = grown(this.#bytes, Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, start + der.length)));
    this.#bytes.set(der, start);
    this.#ends[at] = start + der.length;
    this.#revisions[at] = revision;
    this.#notAfters[at] = notAfter;
    this.#states[at] = state;
    this.#length = at + 1;
  }

  #remove(at: number): void {
    if (this.#states[at] === GONE) return;
    if (this.#states[at] === LIVE) {
      this.#live -= 1;
      this.#byReason[this.#reasonCode(at)]! -= 1;
    }
    this.#states[at] = GONE;
    this.#gone += 1;
  }

  /** The last octet of the extensions, if there are any; `checkRevokedEntry` has verified that. */
  #reasonCode(at: number): number {
    const start = this.#start(at);
    const date = start + 4 + this.#bytes[start + 3]!;
    const extensions = date + 2 + this.#bytes[date + 1]!;
    return extensions === this.#start(at + 1) ? 0 : this.#bytes[this.#start(at + 1) - 1]!;
  }

  /** Compacts the log, and leaves room to double the number of serials. */
  #rewrite(): void {
    const before = { bytes: this.#bytes, ends: this.#ends, revisions: this.#revisions, notAfters: this.#notAfters, states: this.#states, length: this.#length };
    const kept = this.#length - this.#gone;
    const room = Math.max(16, 2 ** Math.ceil(Math.log2(kept * 2 + 1)));
    this.#slots = new Int32Array(room * 2);
    this.#gone = 0;
    this.#firstEnd = Infinity;
    if (kept === before.length) {
      // Nothing was removed: only the hash table grows.
      for (let at = 0; at < kept; at += 1) this.#slots[this.#slotOf(this.#bytes, this.#start(at))] = at + 1;
    } else {
      this.#length = 0;
      this.#bytes = Buffer.allocUnsafeSlow(before.bytes.length);
      this.#ends = new Uint32Array(room);
      this.#revisions = new Float64Array(room);
      this.#notAfters = new Float64Array(room);
      this.#states = new Uint8Array(room);
      for (let at = 0, start = 0; at < before.length; start = before.ends[at]!, at += 1) {
        if (before.states[at] === GONE) continue;
        const der = before.bytes.subarray(start, before.ends[at]);
        const slot = this.#slotOf(der, 0);
        this.#append(before.revisions[at]!, before.notAfters[at]!, before.states[at]!, der);
        this.#slots[slot] = this.#length;
      }
    }
    for (let at = 0; at < this.#length; at += 1) if (this.#states[at] === LIVE) this.#firstEnd = Math.min(this.#firstEnd, this.#notAfters[at]!);
  }
}

function grown<T extends Uint8Array | Uint32Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
