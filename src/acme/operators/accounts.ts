import { Type } from 'typebox';
import { Refused } from '../../errors.ts';
import type { App } from '../../http/app.ts';
import { bearer, bodyMayBeAbsent, closed, IdParameter, pageOf, pageQuery, PageView, problems, Time } from '../../http/rest/schemas.ts';
import { requesterKey } from '../../identity/identity.ts';
import { type Account, INDEX } from '../state/model.ts';
import { type Held, isId, put } from '../state/records.ts';
import { isoTime } from '../../iso-time.ts';
import type { OperatorContext } from './operator-context.ts';

export const AcmeAccountView = Type.Object({
  id: Type.String(),
  authority: Type.String(),
  status: Type.String({ description: 'valid, deactivated (by its holder) or revoked (by an operator)' }),
  contact: Type.Array(Type.String()),
  thumbprint: Type.String({ description: 'Thumbprint of its key (RFC 7638)' }),
  eab: Type.Optional(Type.String({ description: 'Key id of its external account binding' })),
  preauthorized: Type.Optional(Type.Array(Type.String())),
  createdAt: Time,
  termsAgreedAt: Type.Optional(Time),
}, { ...closed, $id: 'AcmeAccount' });

/** `/v1/acme/accounts`: for operators. */
export function accountRoutes(app: App, { acme: { records, clock }, authentication }: OperatorContext): void {
  const reply = { description: 'The account', content: { 'application/json': { schema: { $ref: 'AcmeAccount#' } } } };
  const find = async (id: string): Promise<Held<Account>> => {
    const found = isId(id) ? await records.account(id) : undefined;
    if (found === undefined) throw new Refused('not-found', `There is no ACME account ${JSON.stringify(id)}.`);
    return found;
  };

  app.get('/v1/acme/accounts', {
    schema: { operationId: 'listAcmeAccounts', summary: 'ACME accounts, newest first', tags: ['acme'], security: bearer, querystring: Type.Object(pageQuery, closed), response: { 200: PageView('AcmeAccount#'), ...problems(400, 401, 403) } },
  }, async (request) => {
    await authentication.operator(request, 'read');
    const page = await records.list<Account>(INDEX.accounts, pageOf(request.query as { limit?: string; cursor?: string }), true);
    return { ...page, items: page.items.map(view) };
  });

  app.get('/v1/acme/accounts/:id', {
    schema: { operationId: 'getAcmeAccount', summary: 'An ACME account', tags: ['acme'], security: bearer, params: IdParameter, response: { 200: reply, ...problems(401, 403, 404) } },
  }, async (request) => {
    await authentication.operator(request, 'read');
    return view(await find((request.params as { id: string }).id));
  });

  app.post('/v1/acme/accounts/:id/revoke', {
    schema: { operationId: 'revokeAcmeAccount', summary: 'Revoke an ACME account', description: 'It can do nothing any more, and cannot be created again with its key; its certificates stay valid', tags: ['acme'], security: bearer, params: IdParameter, body: Type.Object({}, closed), response: { 200: reply, ...problems(400, 401, 403, 404) } },
    preValidation: bodyMayBeAbsent,
  }, async (request) => {
    const operator = await authentication.operator(request, 'revoke');
    for (;;) {
      const found = await find((request.params as { id: string }).id);
      if (found.value.status !== 'valid') return view(found);
      const now = clock();
      const revoked = { ...found, value: { ...found.value, status: 'revoked' as const } };
      if (await records.write([put.account(revoked, now)], [{ time: now, event: 'acme-account.deactivated', actor: requesterKey(operator), subject: found.id, details: { authority: found.value.authority } }])) return view(revoked);
    }
  });
}

function view({ id, value: { authority, status, contact, thumbprint, eab, preauthorized, createdAt, termsAgreedAt } }: Held<Account>): object {
  return {
    id, authority, status, contact, thumbprint, createdAt: isoTime(createdAt),
    ...(eab === undefined ? {} : { eab }), ...(preauthorized === undefined ? {} : { preauthorized }),
    ...(termsAgreedAt === undefined ? {} : { termsAgreedAt: isoTime(termsAgreedAt) }),
  };
}
