import type { FastifyRequest } from 'fastify';
import { Refused } from '../errors.ts';
import { type BearerReader, readerOf } from '../identity/bearer.ts';
import { identifyByClientCertificate } from '../identity/client-certificate.ts';
import { type Identity, mayAct, requesterKey, type Scope } from '../identity/identity.ts';
import { type CredentialSource, cachedRecords } from '../identity/cached-records.ts';
import type { CachedIdentity } from '../issuance/input.ts';
import type { RequestRecord } from '../issuance/request.ts';
import { peerCertificate } from './peer-certificate.ts';
import { type RateLimit, rateLimit } from './rate-limit.ts';

export interface AuthenticationOptions {
  readonly store: CredentialSource;
  /** Whether every store lookup is a network round trip. */
  readonly storeIsRemote: boolean;
  /** The kinds of bearer credentials accepted. */
  readonly bearers: readonly BearerReader[];
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Calls per minute; 0 for no limit. */
  readonly perIdentity: number;
  readonly failuresPerAddress: number;
}

/** The holder of a client certificate, with its record. */
export interface Holder {
  readonly identity: Identity;
  readonly record: RequestRecord;
}

/** Authenticates calls. Every method throws Refused `unauthenticated`, `forbidden` or `rate-limited`. */
export interface Authentication {
  /** By the Authorization header if present, otherwise by client certificate. */
  readonly identify: (request: FastifyRequest) => Promise<Identity>;
  /** The same; undefined if the call carries no credentials. Invalid ones are still refused. */
  readonly identifyIfAny: (request: FastifyRequest) => Promise<Identity | undefined>;
  /**
   * Runs `issue` for the requester, with a single round trip where store lookups are remote: the identity then comes from a credential record
   * cached by this process, on whose being unchanged the issuance is conditional (`cached`). A cached record never leads to a refusal: the record
   * is read afresh first.
   */
  readonly issuing: <T>(request: FastifyRequest, issue: (identity: Identity, cached?: CachedIdentity) => Promise<T>) => Promise<T>;
  /** The same for the holder of a client certificate. */
  readonly renewing: <T>(request: FastifyRequest, renew: (holder: Holder, cached?: CachedIdentity) => Promise<T>) => Promise<T>;
  /** By client certificate only. */
  readonly holder: (request: FastifyRequest) => Promise<Holder>;
  /** An identity that may act within the scope. */
  readonly operator: (request: FastifyRequest, scope: Scope) => Promise<Identity>;
  /** For callers without credentials who prove something in the body: refusals count like refused credentials. */
  readonly attempt: <T>(request: FastifyRequest, work: () => Promise<T>) => Promise<T>;
}

/** RFC 6750 2.1. An issuer's token that lists a person's groups has a few thousand characters. */
const BEARER = /^Bearer +([!-~]{1,12288})$/i;

export function authentication({ store, storeIsRemote, bearers, clock, perIdentity, failuresPerAddress }: AuthenticationOptions): Authentication {
  const calls = rateLimit(perIdentity);
  const failures = rateLimit(failuresPerAddress);
  const records = storeIsRemote ? cachedRecords(store, clock) : undefined;

  const byHeader = (source: CredentialSource, header: string, now: number): Promise<Identity> => {
    const credential = credentialIn(header);
    if (credential === undefined) throw new Refused('unauthenticated', 'The Authorization header is malformed; expected "Bearer <credential>".');
    const reader = readerOf(bearers, credential);
    if (reader === undefined) throw new Refused('unauthenticated', `The bearer credential is of an unknown kind; expected ${bearers.map(({ expected }) => expected).join(' or ')}.`);
    return reader.identify(credential, { tokens: source.tokens, apiKeys: source.apiKeys, now });
  };

  const byCertificate = async (source: CredentialSource, request: FastifyRequest, now: number): Promise<Holder | undefined> => {
    const presented = peerCertificate(request);
    if (presented === undefined) return undefined;
    const record = await source.certificates.get(presented.serial);
    const identity = identifyByClientCertificate(presented.der, record, now);
    return record === undefined ? undefined : { identity, record };
  };

  const byAny = async (source: CredentialSource, request: FastifyRequest, now: number): Promise<Identity | undefined> => {
    const { authorization } = request.headers;
    return authorization === undefined ? (await byCertificate(source, request, now))?.identity : byHeader(source, authorization, now);
  };

  /** Counts refused credentials per address. */
  const proving = async <T>(request: FastifyRequest, now: number, attempt: (now: number) => Promise<T>): Promise<T> => {
    const locked = failures.wait(request.ip, now);
    if (locked > 0) throw tooMany('Too many refused credentials from this address.', locked);
    try {
      return await attempt(now);
    } catch (error) {
      if (error instanceof Refused && error.code === 'unauthenticated') failures.take(request.ip, now);
      throw error;
    }
  };

  /** Also counts successful calls per identity. */
  const limited = async <T extends Identity | Holder | undefined>(request: FastifyRequest, attempt: (now: number) => Promise<T>): Promise<T> => {
    const now = clock();
    const found = await proving(request, now, attempt);
    if (found !== undefined) takeCall(calls, identityOf(found), now);
    return found;
  };

  const identifyIfAny = (request: FastifyRequest): Promise<Identity | undefined> =>
    limited(request, (now) => byAny(store, request, now));

  const identify = async (request: FastifyRequest): Promise<Identity> => given(await identifyIfAny(request));

  /** Whether a single record identifies the requester. */
  const byRecord = ({ headers: { authorization } }: FastifyRequest): boolean =>
    authorization === undefined || readerOf(bearers, credentialIn(authorization) ?? '')?.byRecord === true;

  /** Runs `work` for the requester as identified by the cached record, if there is one. */
  const withCachedIdentity = async <T extends Identity | Holder, R>(
    request: FastifyRequest, prove: (source: CredentialSource, now: number) => Promise<T>, work: (found: T, cached?: CachedIdentity) => Promise<R>,
  ): Promise<R> => {
    if (records === undefined || !byRecord(request)) return work(await limited(request, (now) => prove(store, now)));
    const now = clock();
    const known = failures.wait(request.ip, now) > 0 ? undefined : await prove(records.known, now).catch(unlessRefused);
    const credential = known === undefined ? undefined : identityOf(known).credential;
    if (known === undefined || credential === undefined) return work(await limited(request, (time) => prove(records.afresh, time)));
    let looked: Promise<T> | undefined;
    const afresh = (): Promise<T> => (looked ??= proving(request, now, (time) => prove(records.afresh, time)));
    try {
      takeCall(calls, identityOf(known), now);
      return await work(known, { credential, refresh: async () => identityOf(await afresh()) });
    } catch (error) {
      if (error instanceof Refused) await afresh();
      throw error;
    }
  };

  return {
    identify,
    identifyIfAny,
    issuing: (request, issue) => withCachedIdentity(request, async (source, now) => given(await byAny(source, request, now)), issue),
    renewing: (request, renew) => withCachedIdentity(request, async (source, now) => holding(await byCertificate(source, request, now)), renew),
    holder: async (request) => holding(await limited(request, (now) => byCertificate(store, request, now))),
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

const credentialIn = (header: string): string | undefined => BEARER.exec(header)?.[1];

const identityOf = (found: Identity | Holder): Identity => ('identity' in found ? found.identity : found);

function given(identity: Identity | undefined): Identity {
  if (identity === undefined) throw new Refused('unauthenticated', 'The call carries no credentials; expected an Authorization header or a client certificate.');
  return identity;
}

function holding(holder: Holder | undefined): Holder {
  if (holder === undefined) throw new Refused('unauthenticated', 'This call needs a client certificate that was issued here.');
  return holder;
}

function unlessRefused(error: unknown): undefined {
  if (!(error instanceof Refused)) throw error;
}

function takeCall(calls: RateLimit, identity: Identity, now: number): void {
  if (identity.scopes.length > 0) return;
  const seconds = calls.take(requesterKey(identity), now);
  if (seconds > 0) throw tooMany('Too many calls by this identity.', seconds);
}

const tooMany = (detail: string, retryAfter: number): Refused => new Refused('rate-limited', detail, { retryAfter });
