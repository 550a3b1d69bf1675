import { checkRevokedEntry } from './crl-entry.ts';
import { REVOCATION_REASONS, type RevocationReason } from './revocation-reason.ts';
import { encodeSerial } from './serial.ts';

/** One change of a serial's standing, with its entry encoded. */
export interface LoggedEntry {
  /** Higher than that of every entry before. */
  readonly revision: number;
  /** Lower-case hex. */
  readonly serial: string;
  /** The certificate's last second, since the epoch. */
  readonly notAfter: number;
  /** removeFromCRL: the certificate is good again; the entry is for deltas. */
  readonly reason: RevocationReason;
  readonly der: Uint8Array;
}

/** What a CRL is to list: everything that is revoked, unless it may be left out. */
export interface Listing {
  /**
   * The last CRL of the same scope. What it listed, and was issued after the end of, may be left out (RFC 5280 3.3).
   * Absent: nothing is left out.
   */
  readonly previous?: { readonly thisUpdate: number; readonly revision: number } | undefined;
  /** Of a delta: only what changed after this revision, and also what was released since then (RFC 5280 5.2.4). */
  readonly since?: number;
}

let select: (parts: readonly Uint8Array[], count: number, reasons: ReadonlySet<RevocationReason>) => EntrySelection;

/** Entries as they lie in a log, each of which was checked: nothing outside this file can make one. */
export class EntrySelection {
  static {
    select = (parts, count, reasons) => new EntrySelection(parts, count, reasons);
  }

  /** Views of the log, to be used before it changes. */
  readonly parts: readonly Uint8Array[];
  readonly count: number;
  /** Those that any of them has, and perhaps some more; removeFromCRL only where it is there. */
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

/** All of several selections. */
export const joinSelections = (all: readonly EntrySelection[]): EntrySelection =>
  select(all.flatMap(({ parts }) => parts), all.reduce((sum, { count }) => sum + count, 0), new Set(all.flatMap(({ reasons }) => [...reasons])));

const LIVE = 0;
const RELEASED = 1;
const GONE = 2;

/** Entries that are gone, beyond which the log is written anew: this many, and a quarter of all. */
const FEW = 64;

const REASONS = Object.keys(REVOCATION_REASONS) as RevocationReason[];

/**
 * Encoded CRL entries in the order of their revisions, one behind the other, so that a CRL is made of them by copying long runs, and a
 * delta is the end of it. It holds the latest entry of each serial. All is in typed arrays: a million entries are no million objects.
 */
export class EntryLog {
  #bytes = Buffer.allocUnsafeSlow(1024);
  #ends = new Uint32Array(16);
  #revisions = new Float64Array(16);
  #notAfters = new Float64Array(16);
  #states = new Uint8Array(16);
  #length = 0;
  /** Open addressing by the serial's octets: one more than the place of its latest entry; 0 where there is none. */
  #slots = new Int32Array(32);
  /** Live entries by the code of their reason. */
  readonly #byReason = new Int32Array(16);
  #live = 0;
  #gone = 0;
  /** No live entry's certificate ends before this. */
  #firstEnd = Infinity;

  /** Certificates that are revoked. */
  get count(): number {
    return this.#live;
  }

  /** The revision of the last change, 0 before the first. */
  get revision(): number {
    return this.#length === 0 ? 0 : this.#revisions[this.#length - 1]!;
  }

  /** Adds the latest change of a serial. @throws X509Error where the entry is not what is said of it */
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

  /** The entries that a CRL lists. */
  select({ previous, since }: Listing): EntrySelection {
    const delta = since !== undefined;
    const from = delta ? this.#firstAfter(since) : 0;
    const reasons = new Set(REASONS.filter((reason) => this.#byReason[REVOCATION_REASONS[reason]]! > 0));
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

  /** Serials of which `test` says, by revision, end and whether it is a release, that they can go. */
  *find(test: (revision: number, notAfter: number, released: boolean) => boolean): Generator<string> {
    for (let at = 0; at < this.#length; at += 1) {
      const state = this.#states[at];
      if (state !== GONE && test(this.#revisions[at]!, this.#notAfters[at]!, state === RELEASED)) yield this.#serial(at);
    }
  }

  /** Forgets the entry of a serial (lower-case hex). */
  forget(serial: string): void {
    const place = this.#slots[this.#slotOf(Buffer.concat([Buffer.alloc(2), encodeSerial(serial)]), 0)]! - 1;
    if (place < 0) return;
    this.#remove(place);
    if (this.#gone > FEW && this.#gone * 4 > this.#length) this.#rewrite();
  }

  /** Whether a live entry's certificate may have ended before a time, or a release is there: worth a `find`. */
  hasDue(before: number): boolean {
    return this.#firstEnd < before || this.#live + this.#gone < this.#length;
  }

  #isListed(at: number, previous: Listing['previous']): boolean {
    return previous === undefined || this.#notAfters[at]! >= previous.thisUpdate || this.#revisions[at]! > previous.revision;
  }

  #start(at: number): number {
    return at === 0 ? 0 : this.#ends[at - 1]!;
  }

  /** The first place with a revision above. */
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

  /** Where the serial of the entry that begins at `start` is, or would be. */
  #slotOf(der: Uint8Array, start: number): number {
    const octets = der[start + 3]!;
    const mask = this.#slots.length - 1;
    // FNV-1a: a serial's end is random, but not of every certificate that somebody may have revoked here.
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

  /** As `checkRevokedEntry` left it: the last octet, where the entry has extensions. */
  #reasonCode(at: number): number {
    const start = this.#start(at);
    const date = start + 4 + this.#bytes[start + 3]!;
    const extensions = date + 2 + this.#bytes[date + 1]!;
    return extensions === this.#start(at + 1) ? 0 : this.#bytes[this.#start(at + 1) - 1]!;
  }

  /** Writes the log anew without what is gone, and makes room for as many serials again. */
  #rewrite(): void {
    const before = { bytes: this.#bytes, ends: this.#ends, revisions: this.#revisions, notAfters: this.#notAfters, states: this.#states, length: this.#length };
    const kept = this.#length - this.#gone;
    const room = Math.max(16, 2 ** Math.ceil(Math.log2(kept * 2 + 1)));
    this.#slots = new Int32Array(room * 2);
    this.#gone = 0;
    this.#firstEnd = Infinity;
    if (kept === before.length) {
      // Nothing moves.
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
