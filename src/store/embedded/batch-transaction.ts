import { link } from '../../audit/chain.ts';
import type { ChainHead } from '../../audit/chain.ts';
import type { AuditDraft } from '../../audit/entry.ts';
import { EndRuns } from './ends.ts';
import type { Reads, Tables } from './environment.ts';
import { META, ordinal } from './keys.ts';
import type { TableName } from './keys.ts';
import type { MarkIndex } from './mark-index.ts';
import type { Mark } from './marks.ts';
import { encodeTail } from './tail.ts';
import type { Tail } from './tail.ts';

/** An operation's view of the store, which also collects its writes. */
export interface Transaction {
  /** Reads see the writes of earlier operations, but not those of this one. */
  readonly tables: Reads;
  put(table: TableName, key: Buffer, value: Buffer): void;
  remove(table: TableName, key: Buffer): void;
  audit(drafts: readonly AuditDraft[]): void;
  /** The log's head, including the lines of earlier operations. */
  readonly head: ChainHead;
  /** The next place in order of arrival; reused if the operation writes nothing. */
  place(): number;
  /** Places whose catalogue entries may bear a mark, including those of earlier operations. */
  marked(name: Buffer): readonly number[];
  /** Records that the catalogue entry at a place, among the writes, bears these marks. */
  mark(marks: readonly Mark[], place: number): void;
  /** Records when the life of the request at a place is over: milliseconds since the epoch. */
  ends(end: number, place: number): void;
}

/** Reads, decides, and collects its writes. Synchronous. An exception goes to the caller, and nothing of the operation is written. */
export type Operation<T> = (transaction: Transaction) => T;

/** The result of an operation. */
export type Ending = { readonly result: unknown } | { readonly error: unknown };

interface Write {
  readonly table: TableName;
  readonly key: Buffer;
  /** Undefined means removal. */
  readonly value: Buffer | undefined;
}

/** Log lines stored in one value. */
const LINES_MOST = 64;

/**
 * The operations of one batch, in sequence. What each appends to a table, log lines and end times, is collected and written once for the
 * whole batch.
 */
export class BatchTransaction implements Transaction {
  readonly tables: Tables;
  readonly #index: MarkIndex;
  readonly #before: Tail;
  readonly #lines: string[] = [];
  readonly #ends = new EndRuns();
  #tail: Tail;
  #place = 0;
  #writes: Write[] = [];
  #drafts: AuditDraft[] = [];
  #marks: { readonly marks: readonly Mark[]; readonly place: number }[] = [];
  #ended: { readonly end: number; readonly place: number }[] = [];

  constructor(tables: Tables, tail: Tail, index: MarkIndex) {
    this.tables = tables;
    this.#before = tail;
    this.#tail = tail;
    this.#index = index;
  }

  put(table: TableName, key: Buffer, value: Buffer): void {
    this.#writes.push({ table, key, value });
  }

  remove(table: TableName, key: Buffer): void {
    this.#writes.push({ table, key, value: undefined });
  }

  audit(drafts: readonly AuditDraft[]): void {
    this.#drafts.push(...drafts);
  }

  get head(): ChainHead {
    return this.#tail.head;
  }

  place(): number {
    return (this.#place += 1);
  }

  marked(name: Buffer): readonly number[] {
    return this.#index.find(name);
  }

  mark(marks: readonly Mark[], place: number): void {
    this.#marks.push({ marks, place });
  }

  ends(end: number, place: number): void {
    this.#ended.push({ end, place });
  }

  /**
   * Runs one operation, then applies its writes.
   * @throws what LMDB throws; its transaction is then marked as failed and will not be committed
   */
  perform(operation: Operation<unknown>): Ending {
    this.#place = this.#tail.place;
    this.#writes = [];
    this.#drafts = [];
    this.#marks = [];
    this.#ended = [];
    let result: unknown;
    try {
      result = operation(this);
    } catch (error) {
      return { error };
    }
    if (this.#writes.length > 0 || this.#drafts.length > 0) this.#write();
    return { result };
  }

  /** Writes what was collected. @returns the store's new tail @throws as `perform` */
  finish(): Tail {
    for (let from = 0; from < this.#lines.length; from += LINES_MOST) {
      void this.tables.audit.put(ordinal(this.#before.head.sequence + 1 + from), Buffer.from(this.#lines.slice(from, from + LINES_MOST).join('\n')));
    }
    for (const { key, value } of this.#ends.entries()) void this.tables.ends.put(key, value);
    if (this.#tail !== this.#before) void this.tables.meta.put(META.tail, encodeTail(this.#tail));
    return this.#tail;
  }

  #write(): void {
    for (const { table, key, value } of this.#writes) {
      // Within a transaction these take effect at once; their promises concern its commit, which `Environment.write` awaits.
      if (value === undefined) void this.tables[table].remove(key);
      else void this.tables[table].put(key, value);
    }
    let { head } = this.#tail;
    for (const draft of this.#drafts) {
      const linked = link(head, draft);
      head = linked.head;
      this.#lines.push(linked.line);
    }
    for (const { marks, place } of this.#marks) for (const { name } of marks) this.#index.add(name, place);
    for (const { end, place } of this.#ended) this.#ends.add(end, place);
    this.#tail = { place: this.#place, head };
  }
}
