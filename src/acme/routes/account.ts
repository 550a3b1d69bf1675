import type { FastifyReply, FastifyRequest } from 'fastify';
import { readContacts } from '../contacts.ts';
import type { AcmeContext } from '../context.ts';
import { malformed, unauthorized } from '../problem.ts';
import { type AccountRequest, byAccount, isGet, onlyGet, payloadOf } from '../signed-request.ts';
import { statusOfOrder } from '../order-status.ts';
import { INDEX, type Order } from '../state/model.ts';
import { put } from '../state/records.ts';
import { accountView } from '../views.ts';

/** An account resource (RFC 8555 7.3.2, 7.3.3, 7.3.6): read, update contacts, deactivate. Other members of the payload are ignored. */
export async function account(context: AcmeContext, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const signed = await own(context, request);
  await reply.send(accountView({ ...signed.account, value: isGet(signed) ? signed.account.value : await changed(context, signed) }, signed.urls));
}

async function changed({ records }: AcmeContext, signed: AccountRequest): Promise<AccountRequest['account']['value']> {
  const { account, now } = signed;
  const payload = payloadOf(signed);
  const deactivated = payload['status'] === 'deactivated';
  const contact = payload['contact'] === undefined ? account.value.contact : readContacts(payload['contact']);
  if (!deactivated && payload['contact'] === undefined) return account.value;
  const value = { ...account.value, contact, ...(deactivated ? { status: 'deactivated' as const } : {}) };
  const audit = { time: now, event: deactivated ? 'acme-account.deactivated' : 'acme-account.changed', actor: `acme:${account.id}`, subject: account.id, details: { authority: value.authority } } as const;
  if (!await records.write([put.account({ ...account, value }, now)], [audit])) throw malformed('The account was changed by another request in the meantime; send this one again.');
  return value;
}

const PAGE = 50;

/** The orders list (RFC 8555 7.1.2.1), in pages; failed orders are omitted. */
export async function ordersOf(context: AcmeContext, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const signed = await own(context, request);
  onlyGet(signed);
  const { urls, account, now } = signed;
  const { cursor } = request.query as { readonly cursor?: unknown };
  const page = await context.records.list<Order>(INDEX.ordersOf(account.id), { limit: PAGE, ...(typeof cursor === 'string' ? { cursor } : {}) });
  const statuses = await Promise.all(page.items.map(async (order) => (await statusOfOrder(context, order, now)).status));
  const orders = page.items.filter((_, at) => statuses[at] !== 'invalid').map(({ id }) => urls.order(id));
  if (page.next !== undefined) reply.header('link', [`<${urls.directory}>;rel="index"`, `<${urls.orders(account.id)}?cursor=${page.next}>;rel="next"`]);
  await reply.send({ orders });
}

async function own(context: AcmeContext, request: FastifyRequest): Promise<AccountRequest> {
  const signed = await byAccount(context, request);
  if (signed.account.id !== (request.params as { readonly id: string }).id) throw unauthorized('This belongs to another account.');
  return signed;
}
