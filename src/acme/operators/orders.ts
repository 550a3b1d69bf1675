import { Type } from 'typebox';
import { Refused } from '../../errors.ts';
import type { App } from '../../http/app.ts';
import { bearer, closed, IdParameter, pageOf, pageQuery, PageView, problems, Time } from '../../http/rest/schemas.ts';
import { statusOfOrder } from '../order-status.ts';
import { authorizationStatus, INDEX, nameOf, type Order } from '../state/model.ts';
import { type Held, isId } from '../state/records.ts';
import { isoTime } from '../../iso-time.ts';
import type { OperatorContext } from './operator-context.ts';

export const AcmeOrderView = Type.Object({
  id: Type.String(),
  authority: Type.String(),
  account: Type.String(),
  status: Type.String(),
  identifiers: Type.Array(Type.Object({ type: Type.String(), value: Type.String() }, closed)),
  profile: Type.String(),
  createdAt: Time,
  expiresAt: Time,
  serial: Type.Optional(Type.String()),
  problem: Type.Optional(Type.String()),
  authorizations: Type.Optional(Type.Array(Type.Object({
    id: Type.String(), name: Type.String(), status: Type.String(), expiresAt: Time,
    challenges: Type.Array(Type.Object({ type: Type.String(), status: Type.String(), attempts: Type.Optional(Type.Integer()), problem: Type.Optional(Type.String()) }, closed)),
  }, closed))),
}, { ...closed, $id: 'AcmeOrder' });

/** `/v1/acme/orders`: for operators who want to know why someone has no certificate. */
export function orderRoutes(app: App, { acme, authentication }: OperatorContext): void {
  const { records, clock } = acme;
  const reply = { description: 'The order', content: { 'application/json': { schema: { $ref: 'AcmeOrder#' } } } };
  const query = Type.Object({ ...pageQuery, account: Type.Optional(Type.String({ pattern: '^[0-9a-f]{32}$', description: 'Only orders of this account' })) }, closed);

  app.get('/v1/acme/orders', {
    schema: { operationId: 'listAcmeOrders', summary: 'ACME orders, newest first', tags: ['acme'], security: bearer, querystring: query, response: { 200: PageView('AcmeOrder#'), ...problems(400, 401, 403) } },
  }, async (request) => {
    await authentication.operator(request, 'read');
    const { account, ...page } = request.query as { account?: string; limit?: string; cursor?: string };
    const found = await records.list<Order>(account === undefined ? INDEX.orders : INDEX.ordersOf(account), pageOf(page), true);
    return { ...found, items: await Promise.all(found.items.map((order) => view(order))) };
  });

  app.get('/v1/acme/orders/:id', {
    schema: { operationId: 'getAcmeOrder', summary: 'An ACME order with its authorizations', tags: ['acme'], security: bearer, params: IdParameter, response: { 200: reply, ...problems(401, 403, 404) } },
  }, async (request) => {
    await authentication.operator(request, 'read');
    const { id } = request.params as { id: string };
    const order = isId(id) ? await records.order(id) : undefined;
    if (order === undefined) throw new Refused('not-found', `There is no ACME order ${JSON.stringify(id)}.`);
    return { ...await view(order), authorizations: await authorizationsOf(order) };
  });

  async function view(order: Held<Order>): Promise<object> {
    const { authority, account, identifiers, profile, createdAt, expires, request } = order.value;
    const { status, error } = await statusOfOrder(acme, order, clock());
    return {
      id: order.id, authority, account, status, identifiers, profile, createdAt: isoTime(createdAt), expiresAt: isoTime(expires),
      ...(request === undefined ? {} : { serial: request }), ...(error === undefined ? {} : { problem: error.detail }),
    };
  }

  async function authorizationsOf({ value }: Held<Order>): Promise<object[]> {
    const found = await records.authorizations(value.authorizations);
    return found.flatMap((one) => (one === undefined ? [] : [{
      id: one.id, name: nameOf(one.value), status: authorizationStatus(one.value, clock()), expiresAt: isoTime(one.value.expires),
      challenges: one.value.challenges.map(({ type, status, attempts, error }) => ({ type, status, ...(attempts === undefined ? {} : { attempts }), ...(error === undefined ? {} : { problem: error.detail }) })),
    }]));
  }
}
