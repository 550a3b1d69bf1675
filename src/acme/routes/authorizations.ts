import type { FastifyReply, FastifyRequest } from 'fastify';
import { authorizationFor } from '../authorize.ts';
import type { AcmeContext } from '../context.ts';
import { readIdentifiers } from '../identifiers.ts';
import { AcmeError, malformed, notFound, unauthorized } from '../problem.ts';
import { type AccountRequest, byAccount, isGet, payloadOf } from '../signed-request.ts';
import { type Authorization, authorizationStatus, nameOf } from '../state/model.ts';
import { type Held, isId, put } from '../state/records.ts';
import { authorizationView, challengeView } from '../views.ts';

/** Retry-After: seconds after which to ask again. */
const WAITING = '1';

/** Milliseconds for which a response is delayed to include the result: most validations are faster, and most clients poll less often. */
const HELD = 1_000;

/** newAuthz (RFC 8555 7.4.1): pre-authorization. Not for wildcards. */
export async function newAuthz(context: AcmeContext, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const signed = await byAccount(context, request);
  const { directory, account, now, urls } = signed;
  const { identifier: given } = payloadOf(signed);
  const [identifier] = readIdentifiers(given === undefined ? undefined : [given], directory, directory.defaultProfile.profile);
  if (identifier === undefined) throw malformed('"identifier" is missing.');
  if (identifier.value.startsWith('*.')) throw new AcmeError('malformed', 'A wildcard cannot be authorized without an order (RFC 8555 7.4.1).');
  await context.limits.order(account.id, [identifier.value], now);
  const authorization = await authorizationFor(context, { directory, account, identifier, expires: now + context.settings.orderLifetime, now });
  if (authorization.version === 0) await context.records.write([put.authorization(authorization)]);
  await reply.code(201).header('location', urls.authorization(authorization.id)).send(authorizationView(authorization, urls, now));
}

/** An authorization resource (RFC 8555 7.5), and its deactivation (7.5.2). */
export async function authorization(context: AcmeContext, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const signed = await byAccount(context, request);
  const { id } = request.params as { readonly id: string };
  let found = await (isGet(signed) ? settled : own)(context, signed, id);
  if (!isGet(signed)) {
    if (payloadOf(signed)['status'] !== 'deactivated') throw malformed('Only the status of an authorization can be changed, to deactivated (RFC 8555 7.5.2).');
    found = await deactivated(context, found, signed.now);
  }
  if (found.value.status === 'pending' && found.value.due !== undefined) reply.header('retry-after', WAITING);
  await reply.send(authorizationView(found, signed.urls, signed.now));
}

async function deactivated({ records }: AcmeContext, found: Held<Authorization>, now: number): Promise<Held<Authorization>> {
  const status = authorizationStatus(found.value, now);
  if (status !== 'pending' && status !== 'valid') throw malformed(`The authorization is ${status}.`);
  const { due: _due, ...value } = found.value;
  const changed = { ...found, value: { ...value, status: 'deactivated' as const } };
  if (await records.write([put.authorization(changed)])) return changed;
  // A validation completed meanwhile.
  const again = await records.authorization(found.id);
  return again === undefined ? changed : deactivated({ records } as AcmeContext, again, now);
}

/** A challenge resource (RFC 8555 7.5.1): read or, with payload `{}`, answered, which triggers validation. */
export async function challenge(context: AcmeContext, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const signed = await byAccount(context, request);
  const { id, type } = request.params as { readonly id: string; readonly type: string };
  const { urls, now } = signed;
  const found = await (isGet(signed) ? settled : own)(context, signed, id);
  if (!found.value.challenges.some((one) => one.type === type)) throw notFound('challenge');
  if (!isGet(signed)) payloadOf(signed);
  const shown = isGet(signed) ? found : await answered(context, signed, found, type, now);
  const challengeNow = shown.value.challenges.find((one) => one.type === type);
  if (challengeNow === undefined) throw notFound('challenge');
  if (challengeNow.status === 'processing') reply.header('retry-after', WAITING);
  reply.header('link', [`<${urls.directory}>;rel="index"`, `<${urls.authorization(id)}>;rel="up"`]);
  await reply.send(challengeView(challengeNow, id, urls));
}

async function answered(context: AcmeContext, signed: AccountRequest, found: Held<Authorization>, type: string, now: number): Promise<Held<Authorization>> {
  const { account, key, urls } = signed;
  const status = authorizationStatus(found.value, now);
  // Answered before: return its state (RFC 8555 7.5.1 allows clients to repeat the request).
  if (found.value.challenges.some((one) => one.status === 'processing') || status === 'valid') return found;
  if (status !== 'pending') throw malformed(`The authorization is ${status}; it can only be answered while it is pending.`);
  await context.limits.validation(account.id, nameOf(found.value), now);
  const place = context.scheduler.place(now);
  const answer = (one: Authorization['challenges'][number]): Authorization['challenges'][number] => one.type !== type ? one
    : { ...one, status: 'processing', keyAuthorization: `${one.token}.${key.thumbprint}`, accountUri: urls.account(account.id) };
  const changed = { ...found, value: { ...found.value, due: place.due, challenges: found.value.challenges.map(answer) } };
  const written = context.records.write([put.authorization(changed)]);
  place.begin({ ...changed, version: changed.version + 1 }, written);
  if (await written) return changed;
  // Another request, or a deactivation, was faster.
  const again = await context.records.authorization(found.id);
  if (again === undefined) throw notFound('authorization');
  return answered(context, signed, again, type, now);
}

/** The authorization, after a short wait if its validation is in progress here. */
async function settled(context: AcmeContext, signed: AccountRequest, id: string): Promise<Held<Authorization>> {
  const ended = context.scheduler.underWay(id);
  if (ended !== undefined) {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, HELD);
    });
    await Promise.race([ended, late]);
    clearTimeout(timer);
  }
  return own(context, signed, id);
}

async function own({ records }: AcmeContext, { account }: AccountRequest, id: string): Promise<Held<Authorization>> {
  const found = isId(id) ? await records.authorization(id) : undefined;
  if (found === undefined) throw notFound('authorization');
  if (found.value.account !== account.id) throw unauthorized('This belongs to another account.');
  return found;
}
