import type { FastifyRequest } from 'fastify';
import type { AcmeContext, Directory } from './context.ts';
import { decodeBase64Url } from '../base64url.ts';
import { type FlattenedJws, objectIn, parseFlattened } from './jws/flattened.ts';
import { type JwsKey, parseJwk, storedJwk } from './jws/jwk.ts';
import { algorithmOf, verifyJws } from './jws/verify.ts';
import { AcmeError, malformed, notFound, unauthorized } from './problem.ts';
import type { Account } from './state/model.ts';
import { type Held, isId } from './state/records.ts';
import { type Urls, urlsOf } from './urls.ts';

/** An authenticated POST: by whom, for exactly this URL, not replayed. */
export interface SignedRequest {
  readonly directory: Directory;
  readonly urls: Urls;
  readonly jws: FlattenedJws;
  readonly key: JwsKey;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export interface AccountRequest extends SignedRequest {
  readonly account: Held<Account>;
}

/** The key that may sign: the account's, identified by `kid`, or the one in the header (`jwk`), which may be anyone's (RFC 8555 6.2). */
type By = 'kid' | 'jwk' | 'either';

/** @throws AcmeError as `verified` does */
export async function byAccount(context: AcmeContext, request: FastifyRequest): Promise<AccountRequest> {
  const { account, ...rest } = await verified(context, request, 'kid');
  if (account === undefined) throw malformed('The request is by no account.');
  return { ...rest, account };
}

export const byKey = (context: AcmeContext, request: FastifyRequest): Promise<SignedRequest> => verified(context, request, 'jwk');

export const byAnyKey = (context: AcmeContext, request: FastifyRequest): Promise<SignedRequest & { readonly account?: Held<Account> }> => verified(context, request, 'either');

/**
 * The checks of RFC 8555 6.2 to 6.5, cheap ones first; a request with a valid signature uses up its nonce.
 * @throws AcmeError `malformed`, `badSignatureAlgorithm`, `unauthorized`, `badNonce`, `badPublicKey`, `accountDoesNotExist`
 */
async function verified(context: AcmeContext, request: FastifyRequest, by: By): Promise<SignedRequest & { readonly account?: Held<Account> }> {
  const { directory, urls, base } = directoryOf(context, request);
  const jws = parseFlattened(request.body);
  algorithmOf(jws);
  const { header } = jws;
  const { kid, jwk, url, nonce } = header;
  if ((kid === undefined) === (jwk === undefined)) throw malformed('Expected exactly one of kid and jwk in the protected header (RFC 8555 6.2).');
  if (by !== 'either' && header[by] === undefined) throw malformed(`This request names its key by ${by} (RFC 8555 6.2).`);
  if (url !== `${base}${request.url}`) throw unauthorized(`The JWS is for another URL than this one; its url is ${JSON.stringify(typeof url === 'string' ? url.slice(0, 256) : null)} (RFC 8555 6.4).`);
  if (nonce === undefined) throw badNonce('The request has no nonce.');
  if (typeof nonce !== 'string' || decodeBase64Url(nonce) === undefined) throw malformed('The nonce is not base64url (RFC 8555 6.5.2).');

  const account = kid === undefined ? undefined : await accountOf(context, directory, urls, kid);
  const key = account === undefined ? parseJwk(jwk) : storedJwk(account.value.jwk, account.value.thumbprint);
  verifyJws(jws, key);
  if (!await context.nonces.use(nonce)) throw badNonce('The nonce was not issued here, or was used before.');
  if (account !== undefined && account.value.status !== 'valid') throw unauthorized(`The account is ${account.value.status}.`, 401);
  return { directory, urls, jws, key, now: context.clock(), ...(account === undefined ? {} : { account }) };
}

/** The directory named in the path, and its URL as seen by the client. @throws AcmeError 404 */
export function directoryOf({ directories, baseUrl }: AcmeContext, request: FastifyRequest): { readonly directory: Directory; readonly urls: Urls; readonly base: string } {
  const { authority } = request.params as { authority: string };
  const directory = directories.get(authority);
  if (directory === undefined) throw notFound('directory');
  const base = baseUrl(request.headers.host);
  return { directory, urls: urlsOf(base, directory.name), base };
}

async function accountOf({ records }: AcmeContext, { name }: Directory, urls: Urls, kid: unknown): Promise<Held<Account>> {
  const start = urls.account('');
  const id = typeof kid === 'string' && kid.startsWith(start) ? kid.slice(start.length) : '';
  const account = isId(id) ? await records.account(id) : undefined;
  if (account?.value.authority !== name) throw new AcmeError('accountDoesNotExist', 'There is no such account.');
  return account;
}

const badNonce = (detail: string): AcmeError => new AcmeError('badNonce', detail);

/** The payload as a JSON object. @throws AcmeError `malformed` */
export const payloadOf = ({ jws }: Pick<SignedRequest, 'jws'>): Readonly<Record<string, unknown>> => objectIn(jws.payload, 'payload');

/** Whether it is a POST-as-GET (RFC 8555 6.3), with an empty payload. */
export const isGet = ({ jws }: Pick<SignedRequest, 'jws'>): boolean => jws.payload.length === 0;

/** @throws AcmeError `malformed` unless the request is a POST-as-GET */
export function onlyGet(signed: Pick<SignedRequest, 'jws'>): void {
  if (!isGet(signed)) throw malformed('This is read with POST-as-GET: the payload must be empty (RFC 8555 6.3).');
}
