import { type Static, Type } from 'typebox';
import { type Fault, Refused } from '../../errors.ts';
import type { App } from '../../http/app.ts';
import { checkedTtl, namesFaults } from '../../http/rest/body-faults.ts';
import { bearer, closed, DurationText, IdParameter, NameList, pageOf, pageQuery, PageView, problems, Time } from '../../http/rest/schemas.ts';
import { newCredential } from '../../identity/credential.ts';
import { requesterKey } from '../../identity/identity.ts';
import { sealSecret } from '../external-account.ts';
import { type EabKey, INDEX } from '../state/model.ts';
import { fresh, type Held, put } from '../state/records.ts';
import { isoTime } from '../../iso-time.ts';
import type { OperatorContext } from './operator-context.ts';

/** Seconds. */
const TTL = { usual: 7 * 86_400, most: 10 * 366 * 86_400 };
const SECRET_BYTES = 32;

const EabBody = Type.Object({
  authority: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'The only authority whose accounts it may bind (default: any)' })),
  uses: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000, description: 'Number of accounts it may bind (default: 1)' })),
  ttl: Type.Optional(DurationText),
  names: Type.Optional(Type.Intersect([NameList, Type.Unsafe<string[]>({ minItems: 1 })], { description: 'Preauthorized: names (patterns) for which its accounts need no challenge' })),
  note: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
}, closed);

export const EabKeyView = Type.Object({
  id: Type.String({ description: 'The key id (kid)' }),
  hmac: Type.Optional(Type.String({ description: 'The key itself in base64url: shown once, when it is created' })),
  authority: Type.Optional(Type.String()),
  uses: Type.Integer(),
  accounts: Type.Array(Type.String(), { description: 'Accounts it has bound' }),
  names: Type.Optional(Type.Array(Type.String())),
  note: Type.Optional(Type.String()),
  createdAt: Time,
  createdBy: Type.String(),
  expiresAt: Time,
  revokedAt: Type.Optional(Time),
}, { ...closed, $id: 'EabKey' });

/** `/v1/acme/eab-keys`: keys for external account binding (RFC 8555 7.3.4). */
export function eabKeyRoutes(app: App, { acme, authentication }: OperatorContext): void {
  const { records, clock, random, master, directories } = acme;
  const reply = { description: 'The key', content: { 'application/json': { schema: { $ref: 'EabKey#' } } } };

  app.post('/v1/acme/eab-keys', {
    schema: { operationId: 'createEabKey', summary: 'Create a key for external account binding', tags: ['acme'], security: bearer, body: EabBody, response: { 201: reply, ...problems(400, 401, 403) } },
  }, async (request, answer) => {
    const operator = await authentication.operator(request, 'token');
    const { authority, uses = 1, names, note, ...body } = request.body as Static<typeof EabBody>;
    const ttl = checked({ authority, names, ...body }, new Set(directories.keys()));
    const now = clock();
    const { id } = newCredential(random);
    const secret = Buffer.from(random(SECRET_BYTES));
    const key = fresh<EabKey>(id, {
      sealed: sealSecret(master, id, secret, random), uses, accounts: [], createdAt: now, createdBy: requesterKey(operator), expiresAt: now + ttl * 1000,
      ...(authority === undefined ? {} : { authority }), ...(names === undefined ? {} : { names }), ...(note === undefined ? {} : { note }),
    });
    const details = { uses, expiresAt: isoTime(key.value.expiresAt), ...(authority === undefined ? {} : { authority }), ...(names === undefined ? {} : { names }) };
    await records.write([put.eab(key)], [{ time: now, event: 'eab-key.created', actor: requesterKey(operator), subject: id, details }]);
    return answer.code(201).header('cache-control', 'no-store').send({ ...view(key), hmac: secret.toString('base64url') });
  });

  app.get('/v1/acme/eab-keys', {
    schema: { operationId: 'listEabKeys', summary: 'The keys for external account binding', tags: ['acme'], security: bearer, querystring: Type.Object(pageQuery, closed), response: { 200: PageView('EabKey#'), ...problems(400, 401, 403) } },
  }, async (request) => {
    await authentication.operator(request, 'token');
    const page = await records.list<EabKey>(INDEX.eab, pageOf(request.query as { limit?: string; cursor?: string }), true);
    return { ...page, items: page.items.map(view) };
  });

  app.delete('/v1/acme/eab-keys/:id', {
    schema: { operationId: 'revokeEabKey', summary: 'Revoke a key for external account binding', description: 'Accounts it has bound stay valid', tags: ['acme'], security: bearer, params: IdParameter, response: { 200: reply, ...problems(401, 403, 404) } },
  }, async (request) => {
    const operator = await authentication.operator(request, 'token');
    const { id } = request.params as { id: string };
    for (;;) {
      const found = await records.eab(id);
      if (found === undefined) throw new Refused('not-found', `There is no EAB key ${JSON.stringify(id)}.`);
      if (found.value.revokedAt !== undefined) return view(found);
      const now = clock();
      const revoked = { ...found, value: { ...found.value, revokedAt: now } };
      if (await records.write([put.eab(revoked)], [{ time: now, event: 'eab-key.revoked', actor: requesterKey(operator), subject: id }])) return view(revoked);
    }
  });
}

/** Checks what the schema cannot express. @returns seconds */
function checked({ authority, names = [], ttl: text }: Pick<Static<typeof EabBody>, 'ttl'> & { readonly authority: string | undefined; readonly names: readonly string[] | undefined }, authorities: ReadonlySet<string>): number {
  const faults: Fault[] = [];
  if (authority !== undefined && !authorities.has(authority)) faults.push({ code: 'authority-unknown', at: '/authority', detail: `there is no ACME for ${JSON.stringify(authority)}; expected one of ${[...authorities].join(', ')}` });
  const { ttl, faults: ttlFaults } = checkedTtl(text, TTL);
  faults.push(...namesFaults(names), ...ttlFaults);
  if (faults.length > 0) throw new Refused('body-invalid', `The EAB key is refused: ${faults.map(({ detail }) => detail).join('; ')}`, { faults });
  return ttl;
}

function view({ id, value: { sealed: _sealed, createdAt, expiresAt, revokedAt, ...rest } }: Held<EabKey>): object {
  return { id, ...rest, createdAt: isoTime(createdAt), expiresAt: isoTime(expiresAt), ...(revokedAt === undefined ? {} : { revokedAt: isoTime(revokedAt) }) };
}
