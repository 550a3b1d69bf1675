import { setTimeout as startTimer } from 'node:timers';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { EMPTY_CHAIN, link as chain, parseLine } from '../../audit/chain.ts';
import type { ChainHead } from '../../audit/chain.ts';
import type { AuditDraft, AuditEntry } from '../../audit/entry.ts';
import type { AuditStore } from '../store.ts';
import { decodeDraft } from './audit-lines.ts';
import { auditLines, bytesOf, listOf } from './engine.ts';
import type { Engine, WrittenLines } from './engine.ts';
import { KEYS, META, SEAL_EVERY } from './keys.ts';
import type { Reply } from './link/link.ts';

/** Stream entries per reply; each has up to 32 lines. */
const SLICE = 64;
/** Own lines processed at a time, which takes a millisecond. */
const OWN_SLICE = 500;
/** Upper bound of own lines remembered until they are sealed. */
const MOST_OWN = 20_000;
/** Milliseconds allowed for the last sealing when the store is closed. */
const CLOSE_WITHIN = 1000;
/** Milliseconds after a write within which its lines are sealed. */
const SEAL_WITHIN = 500;

/**
 * The audit log. The lines of a write are numbered in the same atomic step, but not yet hashed: Lua has no SHA-256, and a writer cannot know which
 * line another one has just written before its own. The hashes follow from the lines and their order, however, so any process can compute them.
 * Soon after each write, one process seals the log: it stores the newest hash, and every SEAL_EVERY-th permanently. A line changed after that no
 * longer matches the stored hash, and a removed one leaves a gap.
 */
export class AuditLog implements AuditStore {
  readonly #engine: Engine;
  readonly #own = new OwnLines();
  #timer: ReturnType<typeof startTimer> | undefined;
  #sealing: Promise<void> | undefined;
  #closed = false;

  constructor(engine: Engine) {
    this.#engine = engine;
    engine.onLines = (written) => {
      this.#own.add(written);
      this.#sealSoon();
    };
  }

  async append(drafts: readonly AuditDraft[]): Promise<void> {
    if (drafts.length > 0) await this.#engine.submit('audit', auditLines(drafts));
  }

  async list({ after, limit }: { readonly after: number; readonly limit: number }): Promise<readonly AuditEntry[]> {
    const seals = await this.#sealsFrom(after, limit);
    let head = seals.start;
    const entries: AuditEntry[] = [];
    for await (const lines of this.#lines(head.sequence, after + limit, false)) for (const { sequence, draft } of lines) {
      // Missing lines show as gaps in the numbers.
      const entry = parseLine(chain({ sequence: sequence - 1, hash: head.hash }, draft).line);
      // Sealed hashes take precedence: if the content yields another one, this line or an earlier one was changed.
      const hash = seals.hashes.get(sequence) ?? entry.hash;
      head = { sequence, hash };
      if (sequence > after) entries.push(hash === entry.hash ? entry : { ...entry, hash });
    }
    return entries;
  }

  async head(): Promise<ChainHead> {
    const { sealed, sequence, trusted } = await this.#standing();
    let head = sealed;
    for await (const lines of this.#lines(head.sequence, sequence, trusted)) for (const line of lines) head = next(head, line);
    return head;
  }

  /** Seals what is not sealed yet, provided that Redis responds. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    const late = new AbortController();
    const sealed = this.#sealing ?? (this.#timer === undefined ? undefined : this.seal().catch(() => undefined));
    await Promise.race([sealed, setTimeout(CLOSE_WITHIN, undefined, { signal: late.signal, ref: false }).catch(() => undefined)]);
    late.abort();
  }

  /** Stores the newest hash, and each SEAL_EVERY-th. Any process may do so at any time. */
  async seal(): Promise<void> {
    const { sealed, sequence, trusted } = await this.#standing();
    let seen = sealed.sequence === 0 ? '' : sealedText(sealed);
    let head = sealed;
    let seals: [number, Buffer][] = [];
    const store = async (): Promise<void> => {
      await this.#engine.submit('seal', seen, head.sequence, head.hash, seals);
      seen = sealedText(head);
      seals = [];
    };
    for await (const lines of this.#lines(sealed.sequence, sequence, trusted)) {
      for (const line of lines) {
        head = next(head, line);
        if (head.sequence % SEAL_EVERY === 0) seals.push([head.sequence, Buffer.from(head.hash, 'hex')]);
      }
      if (seals.length >= SEAL_EVERY) await store();
    }
    if (head.sequence > sealed.sequence) await store();
    this.#own.forget(head.sequence);
  }

  #sealSoon(): void {
    if (this.#closed || this.#timer !== undefined) return;
    // At a random time, so that usually one of several processes does it for all.
    this.#timer = startTimer(() => {
      this.#sealing = this.seal().catch(() => undefined).finally(() => {
        this.#timer = undefined;
        this.#sealing = undefined;
      });
    }, SEAL_WITHIN / 2 + Math.random() * SEAL_WITHIN / 2);
    this.#timer.unref();
  }

  /** `trusted`: the lines that this process remembers as its own are in the log. */
  async #standing(): Promise<{ readonly sealed: ChainHead; readonly sequence: number; readonly trusted: boolean }> {
    const { keys } = this.#engine;
    const [reply] = await this.#engine.read(['HMGET', keys.meta, META.sealed, META.sequence, META.link]);
    const [sealed, sequence, link] = listOf(reply).map((one) => bytesOf(one)?.toString());
    const [number = '', hash = EMPTY_CHAIN.hash] = sealed?.split(' ') ?? [];
    return { sealed: { sequence: Number(number), hash }, sequence: Number(sequence ?? 0), trusted: this.#own.knows(link) };
  }

  /** The last stored hash up to `after`, and those of the `limit` lines following it. */
  async #sealsFrom(after: number, limit: number): Promise<{ readonly start: ChainHead; readonly hashes: ReadonlyMap<number, string> }> {
    const key = this.#engine.keys.of(KEYS.seals);
    const most = Math.ceil(limit / SEAL_EVERY) + 1;
    const [[before, behind], { sealed }] = await Promise.all([
      this.#engine.read(
        ['XREVRANGE', key, String(after), '-', 'COUNT', 1],
        ['XRANGE', key, `${after + 1}`, `${after + limit + SEAL_EVERY}`, 'COUNT', most],
      ),
      this.#standing(),
    ]);
    const hashes = new Map([...listOf(before), ...listOf(behind)].map(readSeal));
    const [first] = listOf(before).map(readSeal);
    if (sealed.sequence > 0) hashes.set(sealed.sequence, sealed.hash);
    return { start: first === undefined ? EMPTY_CHAIN : { sequence: first[0], hash: first[1] }, hashes };
  }

  /** Yields the lines after `after`, up to `last`, in order and in portions; `trusted`: own lines need not be read. */
  async* #lines(after: number, last: number, trusted: boolean): AsyncGenerator<readonly Line[]> {
    const key = this.#engine.keys.of(KEYS.audit);
    let from = after + 1;
    while (from <= last) {
      const own = trusted ? this.#own.from(from, Math.min(last, from + OWN_SLICE - 1)) : [];
      if (own.length > 0) {
        yield own.map((line, at) => ({ sequence: from + at, draft: decodeDraft(line) }));
        from += own.length;
        // Yield, so that a long log does not hold up others.
        await setImmediate();
        continue;
      }
      const [reply] = await this.#engine.read(['XRANGE', key, `${from}`, '+', 'COUNT', Math.min(SLICE, last - from + 1)]);
      const slice = listOf(reply);
      if (slice.length === 0) return;
      const found: Line[] = [];
      for (const entry of slice) {
        const { sequence, lines } = readEntry(entry);
        for (const [at, line] of lines.entries()) {
          const number = sequence - lines.length + 1 + at;
          if (number >= from && number <= last) found.push({ sequence: number, draft: decodeDraft(line) });
        }
        from = sequence + 1;
      }
      yield found;
    }
  }
}

interface Line {
  readonly sequence: number;
  readonly draft: AuditDraft;
}

function readEntry(entry: Reply): { readonly sequence: number; readonly lines: readonly string[] } {
  const [id, fields] = listOf(entry);
  return { sequence: numberOf(id), lines: (bytesOf(listOf(fields)[1])?.toString() ?? '').split('\n') };
}

function readSeal(entry: Reply): [number, string] {
  const [id, fields] = listOf(entry);
  return [numberOf(id), bytesOf(listOf(fields)[1])?.toString('hex') ?? ''];
}

/** The part of a stream id before the hyphen. */
const numberOf = (id: Reply | undefined): number => Number(bytesOf(id)?.toString().split('-')[0]);

/** The head after a line; missing lines leave a gap in the numbers. */
const next = (head: ChainHead, { sequence, draft }: Line): ChainHead => chain({ sequence: sequence - 1, hash: head.hash }, draft).head;

const sealedText = ({ sequence, hash }: ChainHead): string => `${sequence} ${hash}`;

/**
 * Consecutive lines that this process wrote itself, and need not read again. After a failover the log may differ, with the same numbers standing for
 * other lines, so the links are remembered too.
 */
class OwnLines {
  #first = 1;
  #lines: string[] = [];
  #last = '';
  /** META.link after each batch, with the number of its last line. */
  readonly #links = new Map<string, number>();

  add({ before, linkBefore, linkAfter, lines }: WrittenLines): void {
    if (linkBefore !== this.#last || this.#lines.length > MOST_OWN) {
      this.#first = before + 1;
      this.#lines = [];
      this.#links.clear();
    }
    for (const line of lines) this.#lines.push(line);
    this.#last = linkAfter;
    this.#links.set(linkAfter, before + lines.length);
  }

  /** Whether a log with this link contains these lines, as far as it goes. */
  knows(link: string | undefined): boolean {
    return link !== undefined && this.#links.has(link);
  }

  /** The lines numbered `first` to `last`, as far as they are remembered. */
  from(first: number, last: number): readonly string[] {
    return first < this.#first ? [] : this.#lines.slice(first - this.#first, last - this.#first + 1);
  }

  /** Drops lines up to this number. */
  forget(sequence: number): void {
    const gone = Math.max(0, Math.min(this.#lines.length, sequence - this.#first + 1));
    this.#lines = this.#lines.slice(gone);
    this.#first += gone;
    for (const [link, last] of this.#links) if (last < sequence) this.#links.delete(link);
  }
}
