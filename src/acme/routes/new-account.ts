import type { FastifyReply, FastifyRequest } from 'fastify';
import { readContacts } from '../contacts.ts';
import type { AcmeContext } from '../context.ts';
import { type Binding, readBinding } from '../external-account.ts';
import { AcmeError, unauthorized } from '../problem.ts';
import { byKey, payloadOf, type SignedRequest } from '../signed-request.ts';
import type { Account } from '../state/model.ts';
import { fresh, type Held, newId, put } from '../state/records.ts';
import { accountView } from '../views.ts';

/** newAccount (RFC 8555 7.3): finds the account of the key, or creates it. */
export async function newAccount(context: AcmeContext, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const signed = await byKey(context, request);
  const payload = payloadOf(signed);
  const { account, created } = await findOrCreate(context, signed, payload, request.ip);
  if (account.value.status !== 'valid') throw unauthorized(`The account of this key is ${account.value.status}.`, 401);
  await reply.code(created ? 201 : 200).header('location', signed.urls.account(account.id)).send(accountView(account, signed.urls));
}

interface Found {
  readonly account: Held<Account>;
  readonly created: boolean;
}

/** Of two concurrent calls with the same key, one creates the account and the other finds it. */
async function findOrCreate(context: AcmeContext, signed: SignedRequest, payload: Readonly<Record<string, unknown>>, address: string): Promise<Found> {
  const { records } = context;
  for (;;) {
    const known = await records.accountOfKey(signed.directory.name, signed.key.thumbprint);
    if (known.account !== undefined) return { account: known.account, created: false };
    if (payload['onlyReturnExisting'] === true) throw new AcmeError('accountDoesNotExist', 'There is no account with this key.');
    const binding = await wanted(context, signed, payload);
    const account = fresh(newId(signed.now, context.random), accountFrom(context, signed, payload, binding));
    await context.limits.account(address, signed.now);
    const used = binding && put.eab({ ...binding.eab, value: { ...binding.eab.value, accounts: [...binding.eab.value.accounts, account.id] } });
    const details = { authority: signed.directory.name, thumbprint: signed.key.thumbprint, ...(binding === undefined ? {} : { eab: binding.eab.id }) };
    const audit = { time: signed.now, event: 'acme-account.created', actor: `acme:${account.id}`, subject: account.id, details } as const;
    const stored = await records.write([put.account(account, signed.now), put.key(account, known.version, signed.now), ...(used === undefined ? [] : [used])], [audit]);
    if (stored) return { account, created: true };
  }
}

async function wanted(context: AcmeContext, signed: SignedRequest, payload: Readonly<Record<string, unknown>>): Promise<Binding | undefined> {
  const { externalAccountBinding } = payload;
  if (externalAccountBinding !== undefined) return readBinding(context, signed, externalAccountBinding);
  if (signed.directory.externalAccount === 'required') throw new AcmeError('externalAccountRequired', 'An account here needs an external account binding: ask the operators for a key (chancery eab create).');
  return undefined;
}

function accountFrom({ settings }: AcmeContext, { directory, key, now }: SignedRequest, payload: Readonly<Record<string, unknown>>, binding: Binding | undefined): Account {
  const agreed = payload['termsOfServiceAgreed'] === true;
  if (settings.termsOfService !== undefined && !agreed) {
    throw new AcmeError('userActionRequired', `The terms of service must be agreed to: ${settings.termsOfService}`, { headers: { link: `<${settings.termsOfService}>;rel="terms-of-service"` } });
  }
  return {
    authority: directory.name, jwk: key.jwk, thumbprint: key.thumbprint, keyHash: key.keyHash, status: 'valid', contact: readContacts(payload['contact']), createdAt: now,
    ...(agreed ? { termsAgreedAt: now } : {}),
    ...(binding === undefined ? {} : { eab: binding.eab.id, sponsor: binding.eab.value.createdBy, binding: binding.jws, ...(binding.eab.value.names === undefined ? {} : { preauthorized: binding.eab.value.names }) }),
  };
}
