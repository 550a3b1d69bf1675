import type { FastifyReply, FastifyRequest } from 'fastify';
import { authorizationFor } from '../authorize.ts';
import type { AcmeContext } from '../context.ts';
import { readIdentifiers } from '../identifiers.ts';
import { openStanding, type OrderStanding, statusOfOrder } from '../order-status.ts';
import { recovered } from '../finalize.ts';
import { datesOf, profileOf, replacesOf } from '../order-wishes.ts';
import { AcmeError, notFound, unauthorized } from '../problem.ts';
import { type AccountRequest, byAccount, onlyGet, payloadOf } from '../signed-request.ts';
import type { Order } from '../state/model.ts';
import { ACCOUNT_LIFETIME, fresh, type Held, isId, newId, put } from '../state/records.ts';
import { orderView } from '../views.ts';

/** newOrder (RFC 8555 7.4): creates the order and the authorizations that it still needs, in one step. */
export async function newOrder(context: AcmeContext, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const signed = await byAccount(context, request);
  const { directory, account, now } = signed;
  const payload = payloadOf(signed);
  const issuing = profileOf(directory, payload);
  const identifiers = readIdentifiers(payload['identifiers'], directory, issuing.profile);
  const dates = datesOf(payload, issuing, now);
  const replaces = await replacesOf(context, account, payload, identifiers);
  await context.limits.order(account.id, identifiers.map(({ value }) => value), now);

  const expires = now + context.settings.orderLifetime;
  const authorizations = await Promise.all(identifiers.map((identifier) => authorizationFor(context, { directory, account, identifier, expires, now })));
  const order = fresh<Order>(newId(now, context.random), {
    authority: directory.name, account: account.id, status: 'open', identifiers, authorizations: authorizations.map(({ id }) => id), createdAt: now,
    // RFC 8555 7.1.3: an order must not outlive the authorizations it depends on.
    expires: Math.min(expires, ...authorizations.map(({ value }) => value.expires)),
    profile: issuing.profile.name, profileAsked: payload['profile'] !== undefined, ...dates, ...(replaces === undefined ? {} : { replaces }),
  });
  const made = authorizations.filter(({ version }) => version === 0);
  const stored = await context.records.write([put.order(order), ...made.map(put.authorization)]);
  if (!stored) throw new AcmeError('serverInternal', 'The order could not be stored; send it again.', { status: 503, retryAfter: 1 });
  await keepAccount(context, signed);
  await send(reply.code(201), openStanding(order, authorizations, now), signed);
}

/** Extends the lifetime of an account in use. */
async function keepAccount({ records }: AcmeContext, { account, directory, now }: AccountRequest): Promise<void> {
  if (now < account.value.createdAt + ACCOUNT_LIFETIME / 4) return;
  const known = await records.accountOfKey(directory.name, account.value.thumbprint);
  if (known.account?.id === account.id) await records.write([put.account(account, now), put.key(account, known.version, now)]);
}

/** An order resource (RFC 8555 7.1.3, 7.4). */
export async function order(context: AcmeContext, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const signed = await byAccount(context, request);
  onlyGet(signed);
  const found = await ownOrder(context, signed, request);
  const standing = await statusOfOrder(context, found, signed.now);
  // If the response, or the last write, of a finalize was lost, the certificate exists nevertheless.
  await send(reply, standing.status === 'ready' ? await recovered(context, found, standing) : standing, signed);
}

/** @throws AcmeError 404, `unauthorized` */
export async function ownOrder({ records }: AcmeContext, { account }: AccountRequest, request: FastifyRequest): Promise<Held<Order>> {
  const { id } = request.params as { readonly id: string };
  const found = isId(id) ? await records.order(id) : undefined;
  if (found === undefined) throw notFound('order');
  if (found.value.account !== account.id) throw unauthorized('This belongs to another account.');
  return found;
}

/** Retry-After: seconds after which to ask again, as someone other than the client has to act. */
const WAITING = 1;
const WAITING_FOR_PEOPLE = 30;

export async function send(reply: FastifyReply, standing: OrderStanding, { urls }: AccountRequest): Promise<void> {
  if (standing.status === 'pending' || standing.status === 'processing') reply.header('retry-after', String(standing.status === 'pending' ? WAITING : WAITING_FOR_PEOPLE));
  await reply.header('location', urls.order(standing.order.id)).send(orderView(standing.order, standing, urls));
}
