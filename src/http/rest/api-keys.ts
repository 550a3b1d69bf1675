import { type Static, Type } from 'typebox';
import { parseDuration } from '../../config/duration.ts';
import { Refused } from '../../errors.ts';
import { formatApiKey } from '../../identity/api-key.ts';
import { type RandomBytes, secretHash } from '../../identity/credential.ts';
import { requesterKey, SCOPES } from '../../identity/identity.ts';
import { makeCredential } from '../../identity/make-credential.ts';
import type { ApiKeyRecord, ApiKeyStore } from '../../store/store.ts';
import type { App } from '../app.ts';
import type { Authentication } from '../authentication.ts';
import { idempotencyKey } from './idempotency-key.ts';
import { millisecondsToIso } from './request-view.ts';
import { bearer, closed, DurationText, IdParameter, oneOf, pageOf, pageQuery, PageView, problems, Time } from './schemas.ts';

export interface ApiKeyRoutes {
  readonly store: ApiKeyStore;
  readonly authentication: Authentication;
  readonly random: RandomBytes;
  readonly master: Uint8Array;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/** Seconds for which an Idempotency-Key identifies an API key that never expires. */
const ENDLESS = 10 * 366 * 86_400;

const Scopes = Type.Array(oneOf(SCOPES), { minItems: 1, maxItems: SCOPES.length, uniqueItems: true });

const KeyBody = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 64, pattern: '^[A-Za-z0-9][A-Za-z0-9._@-]*$', description: 'Who uses it, as shown in logs and the audit log' }),
  scopes: Scopes,
  ttl: Type.Optional(DurationText),
}, closed);

export const ApiKeyView = Type.Object({
  id: Type.String(),
  key: Type.Optional(Type.String({ description: 'The key itself: shown once, when it is created' })),
  name: Type.String(),
  scopes: Scopes,
  createdAt: Time,
  createdBy: Type.String(),
  expiresAt: Type.Optional(Time),
  revokedAt: Type.Optional(Time),
}, { ...closed, $id: 'ApiKey' });

/** `/v1/api-keys`: credentials for operators' programs. */
export function apiKeyRoutes(app: App, { store, authentication, random, master, clock }: ApiKeyRoutes): void {
  const reply = { description: 'The API key', content: { 'application/json': { schema: { $ref: 'ApiKey#' } } } };

  app.post('/v1/api-keys', {
    schema: { operationId: 'createApiKey', summary: 'Create an API key', tags: ['api-keys'], security: bearer, body: KeyBody, response: { 201: reply, ...problems(400, 401, 403, 422) } },
  }, async (request, answer) => {
    const operator = await authentication.operator(request, 'admin');
    const body = request.body as Static<typeof KeyBody>;
    const ttl = body.ttl === undefined ? undefined : parseDuration(body.ttl);
    if (body.ttl !== undefined && (ttl === undefined || ttl < 1)) throw new Refused('body-invalid', `ttl ${JSON.stringify(body.ttl)} is not a duration of at least 1 s.`);
    const now = clock();
    const actor = requesterKey(operator);
    const { credential, claim, again } = makeCredential({
      random, master, actor, what: 'api-key', idempotencyKey: idempotencyKey(request), asked: body, now, expires: Math.ceil(now / 1000) + (ttl ?? ENDLESS),
    });
    const record: ApiKeyRecord = {
      id: credential.id, name: body.name, secretHash: secretHash(credential.secret), scopes: body.scopes, createdAt: now, createdBy: actor,
      ...(ttl === undefined ? {} : { expiresAt: now + ttl * 1000 }),
    };
    const stored = await store.create(record, claim, [{ time: now, event: 'api-key.created', actor, subject: record.id, details: { name: record.name, scopes: record.scopes } }], now);
    if (stored.outcome === 'conflict') throw new Refused('idempotency-key-reused', 'The Idempotency-Key was used before for another API key.');
    const [made, shown] = stored.outcome === 'exists' ? [stored.key, again(stored.key)] : [record, credential];
    return answer.code(201).header('cache-control', 'no-store').send({ ...keyView(made), key: formatApiKey(shown) });
  });

  app.get('/v1/api-keys', {
    schema: {
      operationId: 'listApiKeys', summary: 'The API keys', tags: ['api-keys'], security: bearer, querystring: Type.Object(pageQuery, closed),
      response: { 200: PageView('ApiKey#'), ...problems(400, 401, 403) },
    },
  }, async (request) => {
    await authentication.operator(request, 'admin');
    const page = await store.list(pageOf(request.query as { limit?: string; cursor?: string }));
    return { items: page.items.map(keyView), ...(page.next === undefined ? {} : { next: page.next }) };
  });

  app.delete('/v1/api-keys/:id', {
    schema: { operationId: 'revokeApiKey', summary: 'Revoke an API key', tags: ['api-keys'], security: bearer, params: IdParameter, response: { 200: reply, ...problems(401, 403, 404) } },
  }, async (request) => {
    const operator = await authentication.operator(request, 'admin');
    const { id } = request.params as { id: string };
    const now = clock();
    const key = await store.revoke(id, now, [{ time: now, event: 'api-key.revoked', actor: requesterKey(operator), subject: id }]);
    if (key === undefined) throw new Refused('not-found', `There is no API key ${JSON.stringify(id)}.`);
    return keyView(key);
  });
}

function keyView({ id, name, scopes, createdAt, createdBy, expiresAt, revokedAt }: ApiKeyRecord): object {
  return {
    id, name, scopes, createdBy, createdAt: millisecondsToIso(createdAt),
    ...(expiresAt === undefined ? {} : { expiresAt: millisecondsToIso(expiresAt) }),
    ...(revokedAt === undefined ? {} : { revokedAt: millisecondsToIso(revokedAt) }),
  };
}
