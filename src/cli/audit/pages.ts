import type { AuditEntry } from '../../audit/entry.ts';
import type { ChanceryClient } from '../../client/chancery-client.ts';

/** Lines requested in one call. */
const PAGE = 500;

/** The lines of the audit log after `after`, up to and including `last`, page by page. */
export async function* auditEntries(client: ChanceryClient, after: number, last: number): AsyncGenerator<readonly AuditEntry[]> {
  let at = after;
  while (at < last) {
    const { items } = await client.listAudit({ cursor: String(at), limit: Math.min(PAGE, last - at) });
    const end = items.at(-1)?.sequence;
    // Stop if a faulty service repeats the same page.
    if (end === undefined || end <= at) return;
    yield items;
    at = end;
  }
}
