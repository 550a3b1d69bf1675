import type { FastifyRequest } from 'fastify';
import { Refused } from '../../errors.ts';
import type { Identity } from '../../identity/identity.ts';
import { issue } from '../../issuance/issue.ts';
import { JsonError, parseStrictJson } from '../../strict-json.ts';
import { inputFor } from '../asked-input.ts';
import { type AuthKey, holderOf, onceOf, readAuthenticatedRequest } from '../auth-keys.ts';
import { certificateReply } from '../certificate-reply.ts';
import type { CfsslContext } from '../context.ts';
import { badCall } from '../refusal.ts';
import { readSignRequest } from '../sign-request.ts';

/** `authsign`: a certificate for the holder of a key, proved by a token over the request. A token yields one certificate, which it finds again. */
export async function authsign(context: CfsslContext, request: FastifyRequest): Promise<unknown> {
  const { keys, authentication, clock, issuance, limit } = context;
  const outer = readAuthenticatedRequest(request.body);
  if (keys.length === 0) throw badCall('no authentication provider');
  const key = await invalidTokensCounted(() => authentication.attempt(request, () => {
    const holder = holderOf(keys, outer);
    return holder === undefined ? Promise.reject(new Refused('unauthenticated', 'invalid token')) : Promise.resolve(holder);
  }));
  const wanted = readSignRequest(jsonOf(outer.request));
  const now = clock();
  limit(`key/${key.name}`, now);
  const input = inputFor(identityOf(key, onceOf(outer, now)), wanted, key, issuance);
  return certificateReply(context, await issue(issuance, input), wanted);
}

/** Refuses in cfssl's words, counting invalid tokens. */
async function invalidTokensCounted(attempt: () => Promise<AuthKey>): Promise<AuthKey> {
  try {
    return await attempt();
  } catch (error) {
    if (error instanceof Refused && error.code === 'unauthenticated') throw badCall('invalid token', error);
    throw error;
  }
}

const identityOf = ({ name, profiles, names, maxValidity }: AuthKey, once: NonNullable<Identity['grant']['once']>): Identity => ({
  kind: 'cfssl', name: `key/${name}`, proof: `a token by the key cfssl.keys.${name}`, scopes: [],
  grant: { profiles, names, once, ...(maxValidity === undefined ? {} : { maxValidity }) },
});

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return parseStrictJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    if (!(error instanceof JsonError || error instanceof TypeError)) throw error;
    throw badCall('Unable to parse authenticated sign request', error);
  }
}
