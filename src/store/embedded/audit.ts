import { parseLine } from '../../audit/chain.ts';
import type { AuditStore } from '../store.ts';
import type { Batches } from './batch.ts';
import type { Environment, Reads } from './environment.ts';
import { ordinal, readOrdinal } from './keys.ts';
import { readTail } from './tail.ts';

/** The audit log. Lines that accompany a write are written with it; this reads them, and appends lines on their own. */
export function auditStore(environment: Environment, batches: Batches): AuditStore {
  return {
    list: ({ after, limit }) => environment.read((tables) => linesFrom(tables, after + 1, limit).map(parseLine)),
    head: () => environment.read((tables) => readTail(tables).head),
    append: (drafts) => batches.submit((transaction) => transaction.audit(drafts)),
  };
}

/** At most `limit` lines, starting with line number `first`. */
export function linesFrom(tables: Reads, first: number, limit: number): string[] {
  // The lines of one batch are one value, keyed by the first one's number: start with the value that contains `first`.
  const [start = ordinal(first)] = tables.audit.getKeys({ start: ordinal(first), end: ordinal(0), reverse: true, limit: 1 });
  const lines: string[] = [];
  for (const { key, value } of tables.audit.getRange({ start })) {
    if (lines.length >= limit) break;
    const some = value.toString().split('\n');
    lines.push(...some.slice(Math.max(0, first - readOrdinal(key))));
  }
  return lines.slice(0, limit);
}
