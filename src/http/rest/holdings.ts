import { type Static, Type } from 'typebox';
import { type Held, type HeldThing, heldNow, type HoldingContext, releaseHolding } from '../../eligibility/holdings.ts';
import { Refused } from '../../errors.ts';
import type { App } from '../app.ts';
import type { Authentication } from '../authentication.ts';
import { secondsToIso } from './request-view.ts';
import { bearer, closed, problems, Time } from './schemas.ts';

export interface HoldingRoutes {
  readonly holdings: HoldingContext;
  readonly authentication: Authentication;
}

const Thing = {
  name: Type.Optional(Type.String({ minLength: 1, maxLength: 2048, description: 'A name in certificates' })),
  key: Type.Optional(Type.String({ pattern: '^[0-9A-Fa-f]{64}$', description: 'SHA-256 of a SubjectPublicKeyInfo, hex; instead of a name' })),
};
const ThingQuery = Type.Object(Thing, closed);
const ReleaseBody = Type.Object({ ...Thing, reason: Type.Optional(Type.String({ minLength: 1, maxLength: 1024 })) }, closed);

const HoldingView = Type.Object({
  ...Thing,
  owner: Type.Optional(Type.String({ description: '`kind:name`; absent if nobody owns it' })),
  certificates: Type.Array(Type.Object({ serial: Type.String(), until: Time }, closed), { description: 'The certificates by which it is owned' }),
}, { ...closed, $id: 'Holding', description: 'Ownership of a name or key, if `eligibility` includes `name-ownership` or `known-key`' });

/** `/v1/holdings`: who owns a name or key, and how an operator releases it. */
export function holdingRoutes(app: App, { holdings, authentication }: HoldingRoutes): void {
  app.addSchema(HoldingView);
  const reply = { description: 'Who owns it', content: { 'application/json': { schema: { $ref: 'Holding#' } } } };

  app.get('/v1/holdings', {
    schema: { operationId: 'getHolding', summary: 'Who owns a name or key', tags: ['certificates'], security: bearer, querystring: ThingQuery, response: { 200: reply, ...problems(400, 401, 403) } },
  }, async (request) => {
    await authentication.operator(request, 'read');
    const thing = thingOf(request.query as Static<typeof ThingQuery>, 'query-invalid');
    return view(thing, await heldNow(holdings, thing));
  });

  app.post('/v1/holdings/release', {
    schema: {
      operationId: 'releaseHolding', summary: 'Release a name or key',
      description: 'By an operator with scope approve. The next one to ask may have it; certificates for it stay valid. Returns who owned it',
      tags: ['certificates'],
      security: bearer, body: ReleaseBody, response: { 200: reply, ...problems(400, 401, 403, 404) },
    },
  }, async (request) => {
    const operator = await authentication.operator(request, 'approve');
    const { reason = 'no reason given', ...asked } = request.body as Static<typeof ReleaseBody>;
    const thing = thingOf(asked, 'body-invalid');
    return view(thing, await releaseHolding(holdings, thing, { operator, reason }));
  });
}

function thingOf({ name, key }: { readonly name?: string; readonly key?: string }, code: 'query-invalid' | 'body-invalid'): HeldThing {
  if (name !== undefined && key === undefined) return { name };
  if (key !== undefined && name === undefined) return { key };
  throw new Refused(code, 'Expected one of name and key.');
}

const view = (thing: HeldThing, { owner, by }: Held): object =>
  ({ ...thing, ...(owner === undefined ? {} : { owner }), certificates: by.map(([serial, until]) => ({ serial, until: secondsToIso(until) })) });
