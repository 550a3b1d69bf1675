import { Type } from 'typebox';
import type { AuditStore } from '../../store/store.ts';
import { BadCursor } from '../../store/store.ts';
import type { App } from '../app.ts';
import type { Authentication } from '../authentication.ts';
import { bearer, closed, pageOf, pageQuery, problems } from './schemas.ts';

const AuditView = Type.Object({
  sequence: Type.Integer(),
  /** As hashed: a number, not the text of a date. */
  time: Type.Integer({ description: 'Milliseconds since the epoch' }),
  event: Type.String(),
  actor: Type.String(),
  subject: Type.String(),
  details: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  previous: Type.String({ description: 'The hash of the previous entry' }),
  hash: Type.String({ description: 'SHA-256 over the canonical JSON (members sorted, no spaces) of all other members, hex' }),
}, { ...closed, $id: 'AuditEntry' });

export const auditSchemas = [AuditView];

/** `/v1/audit`: the chained log, oldest first, exactly as hashed. */
export function auditRoutes(app: App, { store, authentication }: { readonly store: AuditStore; readonly authentication: Authentication }): void {
  app.get('/v1/audit', {
    schema: {
      operationId: 'listAuditEntries', summary: 'The audit log', description: '`chancery audit verify` checks the chain of the entries this call returns',
      tags: ['audit'], security: bearer, querystring: Type.Object(pageQuery, closed),
      response: {
        200: {
          description: 'A page, oldest first, with the newest entry\'s sequence number and hash',
          content: {
            'application/json': {
              schema: Type.Object({ items: Type.Array(Type.Ref('AuditEntry#')), head: Type.Object({ sequence: Type.Integer(), hash: Type.String() }, closed), next: Type.Optional(Type.String()) }, closed),
            },
          },
        },
        ...problems(400, 401, 403),
      },
    },
    // Entries are returned exactly as hashed: no serializer may reorder or drop a member.
    serializerCompiler: () => (page) => JSON.stringify(page),
  }, async (request) => {
    await authentication.operator(request, 'read');
    const { limit, cursor } = pageOf(request.query as { limit?: string; cursor?: string });
    const after = cursor === undefined ? 0 : Number(cursor);
    if (!Number.isSafeInteger(after) || after < 0) throw new BadCursor();
    const head = await store.head();
    const items = (await store.list({ after, limit })).filter(({ sequence }) => sequence <= head.sequence);
    const last = items.at(-1)?.sequence ?? head.sequence;
    return { items, head, ...(last < head.sequence ? { next: String(last) } : {}) };
  });
}
