import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AcmeContext } from '../context.ts';
import { objectIn, parseFlattened } from '../jws/flattened.ts';
import { type JwsKey, parseJwk } from '../jws/jwk.ts';
import { verifyJws } from '../jws/verify.ts';
import { AcmeError, malformed } from '../problem.ts';
import { type AccountRequest, byAccount } from '../signed-request.ts';
import { put } from '../state/records.ts';
import { accountView } from '../views.ts';

/** Account key rollover (RFC 8555 7.3.5), requested by the old key and, in an inner JWS, by the new one. */
export async function keyChange(context: AcmeContext, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const signed = await byAccount(context, request);
  const key = newKeyOf(signed);
  const { account, directory, urls, now } = signed;
  const { records } = context;
  const taken = await records.accountOfKey(directory.name, key.thumbprint);
  if (taken.account !== undefined) throw inUse(urls.account(taken.account.id));
  const changed = { ...account, value: { ...account.value, jwk: key.jwk, thumbprint: key.thumbprint, keyHash: key.keyHash } };
  const audit = { time: now, event: 'acme-account.changed', actor: `acme:${account.id}`, subject: account.id, details: { authority: directory.name, thumbprint: key.thumbprint } } as const;
  // The mapping from the old key to this account becomes void, since the account now has another key.
  const stored = await records.write([put.account(changed, now), put.key(changed, taken.version, now)], [audit]);
  if (!stored) {
    const { account: faster } = await records.accountOfKey(directory.name, key.thumbprint);
    throw faster === undefined ? malformed('The account was changed by another request in the meantime; send this one again.') : inUse(urls.account(faster.id));
  }
  await reply.header('location', urls.account(account.id)).send(accountView(changed, urls));
}

/** The new key, from the inner JWS. @throws AcmeError `malformed`, `badPublicKey`, `badSignatureAlgorithm` */
function newKeyOf({ jws, urls, account, key }: AccountRequest): JwsKey {
  const inner = parseFlattened(objectIn(jws.payload, 'payload'));
  const { jwk, kid, url, nonce } = inner.header;
  if (jwk === undefined || kid !== undefined) throw malformed('The inner JWS must name the new key by jwk (RFC 8555 7.3.5).');
  if (nonce !== undefined) throw malformed('The inner JWS has a nonce, which it must not (RFC 8555 7.3.5).');
  if (url !== jws.header['url']) throw malformed('The url of the inner JWS is not that of the outer one (RFC 8555 7.3.5).');
  const fresh = parseJwk(jwk);
  verifyJws(inner, fresh);
  const { account: named, oldKey } = objectIn(inner.payload, 'payload of the inner JWS');
  if (named !== urls.account(account.id)) throw malformed('The inner JWS names another account than the outer one (RFC 8555 7.3.5).');
  if (parseJwk(oldKey).thumbprint !== key.thumbprint) throw malformed('The oldKey of the inner JWS is not the account\'s key (RFC 8555 7.3.5).');
  return fresh;
}

const inUse = (location: string): AcmeError => new AcmeError('malformed', 'The new key already belongs to an account.', { status: 409, headers: { location } });
