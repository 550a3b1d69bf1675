import { parseLine } from '../../audit/chain.ts';
import type { AuditStore } from '../store.ts';
import type { Batches } from './batch.ts';
import type { Environment } from './environment.ts';
import { ordinal } from './keys.ts';
import { readTail } from './tail.ts';

/** The audit log. Lines that belong to a write go in with it; here they are read, and appended on their own. */
export function auditStore(environment: Environment, batches: Batches): AuditStore {
  return {
    list: ({ after, limit }) => environment.read((tables) =>
      Array.from(tables.audit.getRange({ start: ordinal(after + 1), limit }), ({ value }) => parseLine(value.toString()))),
    head: () => environment.read((tables) => readTail(tables).head),
    append: (drafts) => batches.submit(({ audit }) => audit(drafts)),
  };
}
