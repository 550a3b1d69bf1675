import { type Static, Type } from 'typebox';
import { parseDuration } from '../../config/duration.ts';
import { type Fault, Refused } from '../../errors.ts';
import type { RandomBytes } from '../../identity/credential.ts';
import { secretHash } from '../../identity/credential.ts';
import { formatEnrolmentToken } from '../../identity/enrolment-token.ts';
import { requesterKey } from '../../identity/identity.ts';
import { makeCredential } from '../../identity/make-credential.ts';
import type { Profile } from '../../policy/profile.ts';
import type { TokenRecord, TokenStore } from '../../store/store.ts';
import { X509Error } from '../../x509/errors.ts';
import { textToName } from '../../x509/general-name.ts';
import type { App } from '../app.ts';
import type { Authentication } from '../authentication.ts';
import { checkedTtl, namesFaults } from './body-faults.ts';
import { idempotencyKey } from './idempotency-key.ts';
import { millisecondsToIso } from './request-view.ts';
import { bearer, closed, DurationText, IdParameter, NameList, pageOf, pageQuery, PageView, problems, Time } from './schemas.ts';

export interface TokenRoutes {
  readonly store: TokenStore;
  readonly authentication: Authentication;
  readonly profiles: ReadonlyMap<string, { readonly profile: Profile }>;
  readonly rootDigest: string;
  readonly random: RandomBytes;
  readonly master: Uint8Array;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/** Seconds. */
const TTL = { usual: 86_400, most: 366 * 86_400 };

const PROFILES_MOST = 8;
const ProfileName = Type.String({ minLength: 1, maxLength: 64 });

const TokenBody = Type.Object({
  profile: Type.Union([ProfileName, Type.Array(ProfileName, { minItems: 1, maxItems: PROFILES_MOST, uniqueItems: true })], {
    description: 'One, or a list, of which the holder names one with each request',
  }),
  names: Type.Intersect([NameList, Type.Unsafe<string[]>({ minItems: 1 })], { description: 'Names that certificates may have: exact, or patterns such as `*.example.com`, `10.0.0.0/8`, `*`' }),
  uses: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'Number of certificates it may yield (default: one for each profile)' })),
  ttl: Type.Optional(DurationText),
  maxValidity: Type.Optional(DurationText),
  note: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
}, closed);

type TokenBody = Static<typeof TokenBody>;

export const TokenView = Type.Object({
  id: Type.String(),
  token: Type.Optional(Type.String({ description: 'The token itself: shown once, when it is created' })),
  profile: Type.String({ description: 'The first of its profiles' }),
  profiles: Type.Array(Type.String()),
  names: Type.Array(Type.String()),
  uses: Type.Integer(),
  used: Type.Integer(),
  createdAt: Time,
  createdBy: Type.String(),
  expiresAt: Time,
  maxValidity: Type.Optional(Type.Integer({ description: 'Seconds' })),
  note: Type.Optional(Type.String()),
  revokedAt: Type.Optional(Time),
}, { ...closed, $id: 'Token' });

/** `/v1/tokens`: enrolment tokens. */
export function tokenRoutes(app: App, { store, authentication, profiles, rootDigest, random, master, clock }: TokenRoutes): void {
  const reply = { description: 'The token', content: { 'application/json': { schema: { $ref: 'Token#' } } } };

  app.post('/v1/tokens', {
    schema: { operationId: 'createToken', summary: 'Create an enrolment token', tags: ['tokens'], security: bearer, body: TokenBody, response: { 201: reply, ...problems(400, 401, 403, 422) } },
  }, async (request, answer) => {
    const operator = await authentication.operator(request, 'token');
    const body = request.body as TokenBody;
    const { wanted, ttl, maxValidity } = checkedToken(body, profiles);
    const now = clock();
    const expiresAt = now + ttl * 1000;
    const actor = requesterKey(operator);
    const { credential, claim, again } = makeCredential({
      random, master, actor, what: 'token', idempotencyKey: idempotencyKey(request), asked: body, now, expires: Math.ceil(expiresAt / 1000),
    });
    const record: TokenRecord = {
      id: credential.id, secretHash: secretHash(credential.secret), profile: wanted[0], names: body.names, uses: body.uses ?? wanted.length, used: 0,
      createdAt: now, expiresAt, createdBy: actor,
      ...(wanted.length === 1 ? {} : { profiles: wanted }), ...(maxValidity === undefined ? {} : { maxValidity }), ...(body.note === undefined ? {} : { note: body.note }),
    };
    const details = { profile: wanted.join(', '), names: record.names, uses: record.uses, expiresAt: millisecondsToIso(expiresAt) };
    const stored = await store.create(record, claim, [{ time: now, event: 'token.created', actor, subject: record.id, details }], now);
    if (stored.outcome === 'conflict') throw new Refused('idempotency-key-reused', 'The Idempotency-Key was used before for another token.');
    const [made, shown] = stored.outcome === 'exists' ? [stored.token, again(stored.token)] : [record, credential];
    return answer.code(201).header('location', `/v1/tokens/${made.id}`).header('cache-control', 'no-store')
      .send({ ...tokenView(made), token: formatEnrolmentToken(rootDigest, shown) });
  });

  app.get('/v1/tokens', {
    schema: {
      operationId: 'listTokens', summary: 'The enrolment tokens', tags: ['tokens'], security: bearer, querystring: Type.Object(pageQuery, closed),
      response: { 200: PageView('Token#'), ...problems(400, 401, 403) },
    },
  }, async (request) => {
    await authentication.operator(request, 'token');
    const page = await store.list(pageOf(request.query as { limit?: string; cursor?: string }));
    return { items: page.items.map(tokenView), ...(page.next === undefined ? {} : { next: page.next }) };
  });

  app.get('/v1/tokens/:id', {
    schema: { operationId: 'getToken', summary: 'An enrolment token', tags: ['tokens'], security: bearer, params: IdParameter, response: { 200: reply, ...problems(401, 403, 404) } },
  }, async (request) => {
    await authentication.operator(request, 'token');
    const { id } = request.params as { id: string };
    const token = await store.get(id);
    if (token === undefined) throw unknown(id);
    return tokenView(token);
  });

  app.delete('/v1/tokens/:id', {
    schema: {
      operationId: 'revokeToken', summary: 'Revoke an enrolment token', description: 'Certificates it yielded stay valid', tags: ['tokens'],
      security: bearer, params: IdParameter, response: { 200: reply, ...problems(401, 403, 404) },
    },
  }, async (request) => {
    const operator = await authentication.operator(request, 'token');
    const { id } = request.params as { id: string };
    const now = clock();
    const token = await store.revoke(id, now, [{ time: now, event: 'token.revoked', actor: requesterKey(operator), subject: id }]);
    if (token === undefined) throw unknown(id);
    return tokenView(token);
  });
}

/** Checks what the schema cannot express, and collects every fault. */
function checkedToken(
  { profile: asked, names, ttl: ttlText, maxValidity: maxText }: TokenBody, profiles: TokenRoutes['profiles'],
): { readonly wanted: readonly [string, ...string[]]; readonly ttl: number; readonly maxValidity: number | undefined } {
  const faults: Fault[] = [];
  const wanted = (typeof asked === 'string' ? [asked] : asked) as [string, ...string[]];
  for (const profile of wanted) {
    const found = profiles.get(profile)?.profile;
    if (found === undefined) faults.push({ code: 'profile-unknown', at: '/profile', detail: `there is no profile ${JSON.stringify(profile)}; expected one of ${[...profiles.keys()].join(', ')}` });
    else if (found.operatorsOnly) faults.push({ code: 'profile-operators-only', at: '/profile', detail: `profile ${profile} is reserved for operators; no enrolment token is made for it` });
  }
  faults.push(...namesFaults(names));
  if (faults.length === 0) faults.push(...uselessNames(names, wanted.flatMap((profile) => profiles.get(profile)?.profile ?? [])));
  const { ttl, faults: ttlFaults } = checkedTtl(ttlText, TTL);
  faults.push(...ttlFaults);
  const maxValidity = maxText === undefined ? undefined : (parseDuration(maxText) ?? 0);
  if (maxValidity !== undefined && maxValidity < 1) faults.push({ code: 'max-validity', at: '/maxValidity', detail: 'maxValidity is expected to be at least 1 s' });
  if (faults.length > 0) throw new Refused('body-invalid', `The token is refused: ${faults.map(({ detail }) => detail).join('; ')}`, { faults });
  return { wanted, ttl, maxValidity };
}

/** Exact names that none of the profiles allow, so that a typing error is found here rather than on the node. */
function uselessNames(names: readonly string[], profiles: readonly Profile[]): readonly Fault[] {
  const kinds = new Set(profiles.flatMap(({ nameKinds }) => [...nameKinds]));
  if (kinds.has('text')) return [];
  const which = `profile ${profiles.map(({ name }) => name).join(', ')}`;
  return names.flatMap((name, index) => {
    // Patterns and networks.
    if (name.includes('*') || (name.includes('/') && !name.includes('://'))) return [];
    const why = kindFault(name, kinds);
    return why === undefined ? [] : [{ code: 'name-kind', at: `/names/${index}`, detail: `${JSON.stringify(name)} cannot be a name of ${which}: ${why}` }];
  });
}

function kindFault(text: string, kinds: ReadonlySet<string>): string | undefined {
  try {
    const { kind } = textToName(text);
    return kinds.has(kind) ? undefined : `it is of kind ${kind}; expected ${[...kinds].join(', ')}`;
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
    return error.detail;
  }
}

function tokenView({ id, profile, profiles = [profile], names, uses, used, createdAt, createdBy, expiresAt, maxValidity, note, revokedAt }: TokenRecord): object {
  return {
    id, profile, profiles, names, uses, used, createdBy, createdAt: millisecondsToIso(createdAt), expiresAt: millisecondsToIso(expiresAt),
    ...(maxValidity === undefined ? {} : { maxValidity }),
    ...(note === undefined ? {} : { note }),
    ...(revokedAt === undefined ? {} : { revokedAt: millisecondsToIso(revokedAt) }),
  };
}

const unknown = (id: string): Refused => new Refused('not-found', `There is no enrolment token ${JSON.stringify(id)}.`);
