import type { AuditEntry } from '../../audit/entry.ts';
import type { ChanceryClient } from '../../client/chancery-client.ts';

/** Lines asked for in one call. */
const PAGE = 500;

/** The audit log's lines after `after`, up to and with `last`, page by page. */
export async function* auditEntries(client: ChanceryClient, after: number, last: number): AsyncGenerator<readonly AuditEntry[]> {
  let at = after;
  while (at < last) {
    const { items } = await client.listAudit({ cursor: String(at), limit: Math.min(PAGE, last - at) });
    const end = items.at(-1)?.sequence;
    // A log that does not go on must not be asked for ever.
    if (end === undefined || end <= at) return;
    yield items;
    at = end;
  }
}
