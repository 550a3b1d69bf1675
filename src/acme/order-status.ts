import { sha256 } from '../digest.ts';
import type { RequestRecord } from '../issuance/request.ts';
import type { AcmeContext } from './context.ts';
import { type AcmeProblem, problemIn } from './problem.ts';
import { type Authorization, authorizationStatus, nameOf, type Order } from './state/model.ts';
import { type Held, put } from './state/records.ts';

/** An order's state as presented to clients (RFC 8555 7.1.6). */
export interface OrderStanding {
  readonly status: 'pending' | 'ready' | 'processing' | 'valid' | 'invalid';
  readonly error: AcmeProblem | undefined;
  /** The order as it is now, settled if its request has completed meanwhile. */
  readonly order: Held<Order>;
  readonly authorizations: readonly (Held<Authorization> | undefined)[];
}

/** The state of an order. @param now milliseconds since the epoch */
export async function statusOfOrder(context: AcmeContext, order: Held<Order>, now: number): Promise<OrderStanding> {
  const { status, error, authorizations } = order.value;
  if (status === 'processing') return processing(context, order);
  return status === 'open' ? openStanding(order, await context.records.authorizations(authorizations), now) : { status, error, order, authorizations: [] };
}

/** The state of an open order with its authorizations. @param now milliseconds since the epoch */
export function openStanding(order: Held<Order>, authorizations: OrderStanding['authorizations'], now: number): OrderStanding {
  const as = (status: OrderStanding['status'], error?: AcmeProblem): OrderStanding => ({ status, error, order, authorizations });
  const statuses = authorizations.map((one) => (one === undefined ? 'expired' : authorizationStatus(one.value, now)));
  const lost = statuses.findIndex((status) => status !== 'valid' && status !== 'pending');
  if (lost >= 0) return as('invalid', lostProblem(authorizations[lost], statuses[lost] ?? ''));
  if (order.value.expires <= now) return as('invalid', problemIn('malformed', 'The order was not finalized in time.'));
  return as(statuses.includes('pending') ? 'pending' : 'ready');
}

function lostProblem(authorization: Held<Authorization> | undefined, status: string): AcmeProblem {
  const name = authorization === undefined ? 'a name' : nameOf(authorization.value);
  const error = authorization?.value.challenges.find((one) => one.status === 'invalid')?.error;
  return error ?? problemIn('unauthorized', `The authorization for ${name} is ${status}.`);
}

/** Checks whether the pending request has completed. */
async function processing(context: AcmeContext, order: Held<Order>): Promise<OrderStanding> {
  const record = order.value.request === undefined ? undefined : await context.store.requests.get(order.value.request);
  if (record === undefined || record.state === 'pending' || record.state === 'approved') return { status: 'processing', error: undefined, order, authorizations: [] };
  const settled = await settle(context, order, record);
  return { status: settled.value.status === 'valid' ? 'valid' : 'invalid', error: settled.value.error, order: settled, authorizations: [] };
}

/** Records the outcome of the order's request. Idempotent. */
export async function settle(context: AcmeContext, order: Held<Order>, record: RequestRecord): Promise<Held<Order>> {
  const settled = settledBy(order, record);
  const replaced = settled.value.status === 'valid' ? await replacedBy(context, settled) : undefined;
  const stored = replaced !== undefined && await context.records.write([put.order(settled), replaced]);
  // Another order may have replaced the same certificate at the same moment, which does not affect this one.
  if (!stored) await context.records.write([put.order(settled)]);
  return settled;
}

/** The order as determined by its request. */
function settledBy(order: Held<Order>, record: RequestRecord): Held<Order> {
  const value: Order = record.state === 'issued'
    ? { ...order.value, status: 'valid', request: record.id }
    : record.state === 'pending' || record.state === 'approved'
      ? { ...order.value, status: 'processing', request: record.id }
      : { ...order.value, status: 'invalid', request: record.id, error: problemIn('unauthorized', `The request was ${record.state}: ${record.refusal?.detail ?? 'an operator denied it'}`) };
  return { ...order, value };
}

/**
 * The same without waiting for the write, if no one depends on it: the certificate is durable together with its claim, through which an order that does
 * not know of it finds it (`recovered`). This does not record the replacement of a certificate.
 */
export async function settleSoon(context: AcmeContext, order: Held<Order>, record: RequestRecord): Promise<Held<Order>> {
  if (record.state !== 'issued' || order.value.replaces !== undefined) return settle(context, order, record);
  // If this fails, whoever asks for the order next writes it.
  settle(context, order, record).catch(() => undefined);
  return settledBy(order, record);
}

async function replacedBy({ store, records }: AcmeContext, { id, value }: Held<Order>): Promise<ReturnType<typeof put.replaced> | undefined> {
  const serial = value.replaces === undefined ? undefined : replacedSerial(value.replaces);
  if (serial === undefined || await records.isReplaced(serial)) return undefined;
  const record = await store.certificates.get(serial);
  return record && put.replaced(serial, id, (record.notAfter ?? 0) * 1000);
}

/** The serial, hex, in the renewal information identifier of a certificate (RFC 9773 4.1), without the octet that only keeps it positive. */
export function replacedSerial(certId: string): string | undefined {
  const [, serial = '', ...more] = certId.split('.');
  const hex = Buffer.from(serial, 'base64url').toString('hex').replace(/^00(?=[89a-f])/, '');
  return more.length > 0 || hex === '' ? undefined : hex;
}

/** The claim under which the issuance cycle stores the order's request (invariant: an order yields at most one certificate). */
export const orderClaim = (order: string): string => sha256(`acme-order ${order}`);
