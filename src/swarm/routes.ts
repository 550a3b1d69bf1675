import { type Static, Type } from 'typebox';
import { parseDuration } from '../config/duration.ts';
import { Refused } from '../errors.ts';
import type { App } from '../http/app.ts';
import type { Authentication } from '../http/authentication.ts';
import { bearer, bodyMayBeAbsent, closed, DurationText, pageOf, pageQuery, PageView, problems, Time } from '../http/rest/schemas.ts';
import { requesterKey } from '../identity/identity.ts';
import { isoTime } from '../iso-time.ts';
import type { Registrations } from './registrations.ts';
import { readRoot } from './read-root.ts';
import { CLUSTER_ID, type Swarm } from './swarm.ts';

export interface SwarmRoutes {
  readonly registrations: Registrations;
  readonly authentication: Authentication;
  readonly ownKeys: ReadonlySet<string>;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

const GRACE_DEFAULT = '1h';
const HOUR = 3600;
/** A grace window covers the time during which an operator is watching. */
const GRACE_MOST = 7 * 24 * HOUR;

const ClusterId = Type.String({ pattern: CLUSTER_ID.source, description: 'The swarm\'s id: `docker info -f \'{{.Swarm.Cluster.ID}}\'`' });
const ClusterParameter = Type.Object({ clusterId: ClusterId }, closed);
const RegisterBody = Type.Object({
  clusterId: ClusterId,
  root: Type.String({ minLength: 1, maxLength: 65_536, description: 'The swarm\'s own root, PEM: `docker swarm ca`' }),
}, closed);
const UnregisterQuery = Type.Object({ root: Type.Optional(Type.String({ pattern: '^[0-9a-f]{64}$', description: 'SHA-256 of one root (default: all roots)' })) }, closed);
const GraceBody = Type.Object({ for: Type.Optional(DurationText) }, closed);

export const SwarmView = Type.Object({
  clusterId: Type.String(),
  roots: Type.Array(Type.Object({ digest: Type.String({ description: 'SHA-256 of the certificate' }), subject: Type.String(), notAfter: Time, addedAt: Time, addedBy: Type.String() }, closed)),
  graceUntil: Type.Optional(Type.Unsafe<string>({ ...Time, description: 'Until then, managers with expired certificates are admitted too' })),
  graceBy: Type.Optional(Type.String()),
}, { ...closed, $id: 'Swarm' });

/** `/v1/swarms`: which roots vouch for the managers of which swarm. For operators, on deployments that serve swarms. */
export function swarmRoutes(app: App, { registrations, authentication, ownKeys, clock }: SwarmRoutes): void {
  app.addSchema(SwarmView);
  const reply = { description: 'The swarm', content: { 'application/json': { schema: { $ref: 'Swarm#' } } } };
  const tags = ['swarms'];
  const clusterOf = (params: unknown): string => (params as { clusterId: string }).clusterId;

  app.post('/v1/swarms', {
    schema: {
      operationId: 'registerSwarm', summary: 'Register a swarm\'s own root', tags, security: bearer, body: RegisterBody, response: { 200: reply, ...problems(400, 401, 403, 409) },
      description: 'From then on, managers of this one swarm are recognised by certificates of this root, so that they can request certificates from this service instead. By an operator with scope admin; registering the same root again changes nothing',
    },
  }, async (request) => {
    const operator = await authentication.operator(request, 'admin');
    const { clusterId, root } = request.body as Static<typeof RegisterBody>;
    const now = clock();
    return view(clusterId, await registrations.register(clusterId, readRoot(root, { ownKeys, now }), { actor: requesterKey(operator), now }), now);
  });

  app.get('/v1/swarms', {
    schema: {
      operationId: 'listSwarms', summary: 'The registered swarms', tags, security: bearer, querystring: Type.Object(pageQuery, closed),
      response: { 200: PageView('Swarm#'), ...problems(400, 401, 403) },
    },
  }, async (request) => {
    await authentication.operator(request, 'read');
    const { items, ...rest } = await registrations.list(pageOf(request.query as { limit?: string; cursor?: string }));
    return { items: items.map(({ clusterId, swarm }) => view(clusterId, swarm, clock())), ...rest };
  });

  app.get('/v1/swarms/:clusterId', {
    schema: { operationId: 'getSwarm', summary: 'A registered swarm', tags, security: bearer, params: ClusterParameter, response: { 200: reply, ...problems(401, 403, 404) } },
  }, async (request) => {
    await authentication.operator(request, 'read');
    const clusterId = clusterOf(request.params);
    const swarm = await registrations.get(clusterId);
    if (swarm === undefined) throw new Refused('not-found', `Nothing is registered for swarm ${clusterId}.`);
    return view(clusterId, swarm, clock());
  });

  app.delete('/v1/swarms/:clusterId', {
    schema: {
      operationId: 'unregisterSwarm', summary: 'Unregister the roots of a swarm', description: 'Takes effect at once, also on open connections. Managers with certificates of this service keep access',
      tags, security: bearer, params: ClusterParameter, querystring: UnregisterQuery, response: { 200: reply, ...problems(400, 401, 403, 404) },
    },
  }, async (request) => {
    const operator = await authentication.operator(request, 'admin');
    const { root } = request.query as Static<typeof UnregisterQuery>;
    const clusterId = clusterOf(request.params);
    return view(clusterId, await registrations.unregister(clusterId, root, { actor: requesterKey(operator), now: clock() }), clock());
  });

  app.post('/v1/swarms/:clusterId/grace', {
    preValidation: bodyMayBeAbsent,
    schema: {
      operationId: 'openSwarmGrace', summary: 'Admit managers with expired certificates, for a limited time',
      description: `A swarm whose managers' certificates have expired cannot renew them by itself. For this long (default: ${GRACE_DEFAULT}) they are admitted if nothing else is wrong with them`,
      tags, security: bearer, params: ClusterParameter, body: GraceBody, response: { 200: reply, ...problems(400, 401, 403) },
    },
  }, async (request) => {
    const operator = await authentication.operator(request, 'admin');
    const { for: text = GRACE_DEFAULT } = request.body as Static<typeof GraceBody>;
    const seconds = parseDuration(text) ?? 0;
    if (seconds < 1 || seconds > GRACE_MOST) throw new Refused('body-invalid', `"for" is ${text}; expected 1s to ${GRACE_MOST / 86_400}d.`, {
      faults: [{ code: 'for', detail: `expected 1s to ${GRACE_MOST / 86_400}d`, at: '/for' }],
    });
    const now = clock();
    const clusterId = clusterOf(request.params);
    return view(clusterId, await registrations.grace(clusterId, now + seconds * 1000, { actor: requesterKey(operator), now }), now);
  });

  app.delete('/v1/swarms/:clusterId/grace', {
    schema: { operationId: 'closeSwarmGrace', summary: 'Close the grace window of a swarm', tags, security: bearer, params: ClusterParameter, response: { 200: reply, ...problems(401, 403, 404) } },
  }, async (request) => {
    const operator = await authentication.operator(request, 'admin');
    const now = clock();
    const clusterId = clusterOf(request.params);
    return view(clusterId, await registrations.grace(clusterId, undefined, { actor: requesterKey(operator), now }), now);
  });
}


/** A grace window that has passed is left out. */
function view(clusterId: string, { roots, graceUntil, graceBy }: Swarm, now: number): object {
  return {
    clusterId,
    roots: roots.map(({ digest, subject, notAfter, addedAt, addedBy }) => ({ digest, subject, notAfter: isoTime(notAfter * 1000), addedAt: isoTime(addedAt), addedBy })),
    ...(graceUntil === undefined || graceUntil <= now ? {} : { graceUntil: isoTime(graceUntil), ...(graceBy === undefined ? {} : { graceBy }) }),
  };
}
