import type { FastifyRequest } from 'fastify';
import { Refused } from '../errors.ts';
import { type BearerReader, readerOf } from '../identity/bearer.ts';
import { identifyByClientCertificate } from '../identity/client-certificate.ts';
import { type Identity, mayAct, requesterKey, type Scope } from '../identity/identity.ts';
import type { RequestRecord } from '../issuance/request.ts';
import type { Store } from '../store/store.ts';
import { peerCertificate } from './peer-certificate.ts';
import { type RateLimit, rateLimit } from './rate-limit.ts';

export interface AuthenticationOptions {
  readonly store: Pick<Store, 'tokens' | 'apiKeys' | 'certificates'>;
  /** Kinds of bearer credentials that are taken. */
  readonly bearers: readonly BearerReader[];
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Calls a minute; 0 for no limit. */
  readonly perIdentity: number;
  readonly failuresPerAddress: number;
}

/** The holder of a client certificate with its record. */
export interface Holder {
  readonly identity: Identity;
  readonly record: RequestRecord;
}

/** Who asks, proved by what the call carries. Each throws Refused `unauthenticated`, `forbidden` or `rate-limited`. */
export interface Authentication {
  /** By the Authorization header where there is one, else by client certificate. */
  readonly identify: (request: FastifyRequest) => Promise<Identity>;
  /** The same, undefined where the call carries no credentials. Wrong ones are still refused. */
  readonly identifyIfAny: (request: FastifyRequest) => Promise<Identity | undefined>;
  /** By client certificate alone. */
  readonly holder: (request: FastifyRequest) => Promise<Holder>;
  /** An identity that may act with the scope. */
  readonly operator: (request: FastifyRequest, scope: Scope) => Promise<Identity>;
  /** Work for a caller without credentials, who proves something by the body: its refusals count as refused credentials do. */
  readonly attempt: <T>(request: FastifyRequest, work: () => Promise<T>) => Promise<T>;
}

/** RFC 6750 2.1. A token of an issuer that lists a person's groups has a few thousand characters. */
const BEARER = /^Bearer +([!-~]{1,12288})$/i;

export function authentication({ store, bearers, clock, perIdentity, failuresPerAddress }: AuthenticationOptions): Authentication {
  const calls = rateLimit(perIdentity);
  const failures = rateLimit(failuresPerAddress);

  const byHeader = (header: string, now: number): Promise<Identity> => {
    const [, credential] = BEARER.exec(header) ?? [];
    if (credential === undefined) throw new Refused('unauthenticated', 'The Authorization header is malformed; expected "Bearer <credential>".');
    const reader = readerOf(bearers, credential);
    if (reader === undefined) throw new Refused('unauthenticated', `The bearer credential is of no known kind; expected ${bearers.map(({ expected }) => expected).join(' or ')}.`);
    return reader.identify(credential, { tokens: store.tokens, apiKeys: store.apiKeys, now });
  };

  const byCertificate = async (request: FastifyRequest, now: number): Promise<Holder | undefined> => {
    const presented = peerCertificate(request);
    if (presented === undefined) return undefined;
    const record = await store.certificates.get(presented.serial);
    const identity = identifyByClientCertificate(presented.der, record, now);
    return record === undefined ? undefined : { identity, record };
  };

  /** Counts refused credentials for each address, and good calls for each identity. */
  const limited = async <T extends Identity | Holder | undefined>(request: FastifyRequest, attempt: (now: number) => Promise<T>): Promise<T> => {
    const now = clock();
    const locked = failures.wait(request.ip, now);
    if (locked > 0) throw tooMany('Too many refused credentials from this address.', locked);
    let found: T;
    try {
      found = await attempt(now);
    } catch (error) {
      if (error instanceof Refused && error.code === 'unauthenticated') failures.take(request.ip, now);
      throw error;
    }
    if (found !== undefined) takeCall(calls, 'identity' in found ? found.identity : found, now);
    return found;
  };

  const identifyIfAny = (request: FastifyRequest): Promise<Identity | undefined> =>
    limited<Identity | undefined>(request, async (now) => {
      const { authorization } = request.headers;
      return authorization === undefined ? (await byCertificate(request, now))?.identity : byHeader(authorization, now);
    });

  const identify = async (request: FastifyRequest): Promise<Identity> => {
    const identity = await identifyIfAny(request);
    if (identity === undefined) throw new Refused('unauthenticated', 'The call carries no credentials; expected an Authorization header or a client certificate.');
    return identity;
  };

  return {
    identify,
    identifyIfAny,
    holder: async (request) => {
      const holder = await limited(request, (now) => byCertificate(request, now));
      if (holder === undefined) throw new Refused('unauthenticated', 'This call needs a client certificate that was issued here.');
      return holder;
    },
    operator: async (request, scope) => {
      const identity = await identify(request);
      if (!mayAct(identity, scope)) throw new Refused('forbidden', `This call needs an operator with scope ${scope}.`);
      return identity;
    },
    attempt: async (request, work) => {
      const locked = failures.wait(request.ip, clock());
      if (locked > 0) throw tooMany('Too many refused attempts from this address.', locked);
      try {
        return await work();
      } catch (error) {
        if (error instanceof Refused && error.code !== 'unavailable') failures.take(request.ip, clock());
        throw error;
      }
    },
  };
}

function takeCall(calls: RateLimit, identity: Identity, now: number): void {
  if (identity.scopes.length > 0) return;
  const seconds = calls.take(requesterKey(identity), now);
  if (seconds > 0) throw tooMany('This identity calls too often.', seconds);
}

const tooMany = (detail: string, retryAfter: number): Refused => new Refused('rate-limited', detail, { retryAfter });
