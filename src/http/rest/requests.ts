import type { FastifyReply, FastifyRequest } from 'fastify';
import { Refused } from '../../errors.ts';
import { type Identity, mayAct, requesterKey, type Scope } from '../../identity/identity.ts';
import type { IssuanceContext } from '../../issuance/context.ts';
import { approve, deny } from '../../issuance/decide.ts';
import type { IssueInput } from '../../issuance/input.ts';
import { dryRun, issue, refusal } from '../../issuance/issue.ts';
import type { RequestRecord } from '../../issuance/request.ts';
import { normaliseSerial } from '../../issuance/serial.ts';
import type { RequestFilter, RequestStore } from '../../store/store.ts';
import type { App } from '../app.ts';
import type { Authentication } from '../authentication.ts';
import { certificateReply, certificateType, sendCertificate, takesJson, waitingReply } from './certificate-reply.ts';
import { acceptCsrBodies, CSR_TYPES, csrBytes, validitySeconds } from './csr-body.ts';
import { idempotencyKey } from './idempotency-key.ts';
import { CsrBody, DecisionBody, ListQuery, RequestBody, RequestQuery } from './request-schemas.ts';
import { type ChainOf, millisecondsToIso, requestView, stepView } from './request-view.ts';
import { bearer, bodyMayBeAbsent, IdParameter, pageOf, PageView, problems, searchOf } from './schemas.ts';
import { waitPreference, waitWhile } from './wait.ts';

export interface RequestRoutes {
  readonly issuance: IssuanceContext;
  readonly store: RequestStore;
  readonly authentication: Authentication;
  readonly chainOf: ChainOf;
  /** Upper bound of `Prefer: wait`, seconds. */
  readonly longestWait: number;
}

const RETRY_AFTER_PENDING = 5;

/** `/v1/requests`: submits CSRs, and reports what becomes of them. */
export function requestRoutes(app: App, { issuance, store, authentication, chainOf, longestWait }: RequestRoutes): void {
  acceptCsrBodies(app);
  const { identify, issuing, operator } = authentication;
  const requestReply = certificateReply('The request', 'Request#');
  const decided = { description: 'The request', content: { 'application/json': { schema: { $ref: 'Request#' } } } };

  app.post('/v1/requests', {
    // The views are built member by member anyway, and V8 serializes them faster, with less garbage, than code compiled from the schema.
    serializerCompiler: () => JSON.stringify,
    schema: {
      operationId: 'createRequest', summary: 'Request a certificate', tags: ['requests'], security: bearer, querystring: RequestQuery,
      body: { content: { 'application/json': { schema: RequestBody }, ...Object.fromEntries(CSR_TYPES.map((type) => [type, { schema: CsrBody }])) } },
      response: {
        200: { description: 'Dry run: what the outcome would be', content: { 'application/json': { schema: { $ref: 'Outlook#' } } } },
        201: requestReply, 202: waitingReply('Request#'), ...problems(400, 401, 403, 406, 413, 415, 422),
      },
    },
  }, async (request, reply) => {
    const query = request.query as { profile?: string; validity?: string; dryRun?: string };
    if (query.dryRun === 'true') {
      const identity = await identify(request);
      certificateType(request);
      const { steps, ...outlook } = await dryRun(issuance, issueInput(request, identity, query));
      return reply.code(200).send({ dryRun: true, ...outlook, steps: steps.map(stepView) });
    }
    return issuing(request, async (identity, cached) => {
      const type = certificateType(request);
      return sendRequest(reply, await issue(issuance, { ...issueInput(request, identity, query), cached }), type, chainOf);
    });
  });

  app.get('/v1/requests/:id', {
    schema: {
      operationId: 'getRequest', summary: 'A request with its steps', description: '`Prefer: wait=30` holds the answer until the state changes', tags: ['requests'], security: bearer,
      params: IdParameter, response: { 200: requestReply, ...problems(401, 403, 404, 406) },
    },
  }, async (request, reply) => {
    const identity = await identify(request);
    const id = idOf(request);
    const seen = await store.get(id);
    // Do not reveal whether someone else's request exists.
    if (seen === undefined || !maySee(identity, seen, 'read')) throw new Refused('not-found', `There is no request ${JSON.stringify(id)} that you may see.`);
    const type = certificateType(request);
    const seconds = Math.min(waitPreference(request.headers['prefer']) ?? 0, longestWait);
    const record = seconds > 0 ? await waitWhile(() => store.get(id), seen, seconds, request) : seen;
    if (seconds > 0) reply.header('preference-applied', `wait=${seconds}`);
    if (record.state === 'pending' || record.state === 'approved') reply.header('retry-after', String(RETRY_AFTER_PENDING));
    reply.header('cache-control', 'no-store');
    if (type !== 'application/json' && record.certificate !== undefined) return sendCertificate(reply, type, record.certificate, chainOf(record.authority));
    if (!takesJson(request)) throw new Refused('not-acceptable', `The request is ${record.state}: there is no certificate to send as ${type}; expected Accept: application/json.`);
    return reply.send(requestView(record, chainOf));
  });

  app.get('/v1/requests', {
    schema: {
      operationId: 'listRequests', summary: 'Search the requests', tags: ['requests'], security: bearer, querystring: ListQuery,
      response: { 200: PageView('Request#'), ...problems(400, 401, 403) },
    },
  }, async (request) => {
    await operator(request, 'read');
    const { limit, cursor, since, ...filter } = request.query as { limit?: string; cursor?: string; since?: string } & Omit<RequestFilter, 'since'>;
    const page = await store.list({ ...searchOf(filter), ...(since === undefined ? {} : { since: timeOf(since) }) }, pageOf({ ...(limit && { limit }), ...(cursor && { cursor }) }));
    return { items: page.items.map((record) => requestView(record, chainOf)), ...(page.next === undefined ? {} : { next: page.next }) };
  });

  for (const [verb, decide, summary] of [['approve', approve, 'Let a waiting request go on'], ['deny', deny, 'Refuse a waiting request, for good']] as const) {
    app.post(`/v1/requests/:id/${verb}`, {
      preValidation: bodyMayBeAbsent,
      schema: {
        operationId: `${verb}Request`, summary, tags: ['requests'], security: bearer, params: IdParameter, body: DecisionBody,
        response: { 200: decided, ...problems(400, 401, 403, 404, 409) },
      },
    }, async (request) => {
      const identity = await operator(request, 'approve');
      const { reason } = request.body as { reason?: string };
      return requestView(await decide(issuance, { id: idOf(request), operator: identity, reason: reason ?? 'no reason given' }), chainOf);
    });
  }
}

function issueInput(request: FastifyRequest, identity: Identity, query: { profile?: string; validity?: string }): IssueInput {
  const key = idempotencyKey(request);
  if (request.body instanceof Uint8Array) {
    return { identity, csr: csrBytes(request.body), profile: query.profile, validity: validitySeconds(query.validity), idempotencyKey: key };
  }
  const body = request.body as RequestBody;
  for (const member of ['profile', 'validity'] as const) {
    if (body[member] !== undefined && query[member] !== undefined && body[member] !== query[member]) {
      throw new Refused('query-invalid', `${member} differs between body and query; expected it in one of the two.`);
    }
  }
  return {
    identity, csr: csrBytes(body.csr), profile: body.profile ?? query.profile, names: body.names,
    validity: validitySeconds(body.validity ?? query.validity), metadata: body.metadata, idempotencyKey: key,
  };
}

/** 201 with the certificate, or 202 if a step waits, in the requested type. */
export function sendRequest(reply: FastifyReply, record: RequestRecord, type: ReturnType<typeof certificateType>, chainOf: ChainOf): FastifyReply {
  // A retry may find its first request denied by an operator since.
  if (record.state === 'denied' || record.state === 'failed') throw refusal(record);
  reply.header('location', `/v1/requests/${record.id}`).header('cache-control', 'no-store');
  if (record.certificate === undefined) {
    reply.code(202).header('retry-after', String(RETRY_AFTER_PENDING));
    // To curl, 202 is success: an empty body is better than JSON written to the certificate's file.
    return takesJson(reply.request) ? reply.send(requestView(record, chainOf)) : reply.send();
  }
  reply.code(201);
  return type === 'application/json' ? reply.send(requestView(record, chainOf)) : sendCertificate(reply, type, record.certificate, chainOf(record.authority));
}

const maySee = (identity: Identity, record: RequestRecord, scope: Scope): boolean =>
  mayAct(identity, scope) || requesterKey(identity) === requesterKey(record.requester);

/** The id of a request is its serial, accepted in any common notation. */
function idOf(request: FastifyRequest): string {
  const { id } = request.params as { id: string };
  return normaliseSerial(id) ?? id;
}

/** @throws Refused `query-invalid` */
function timeOf(text: string): number {
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new Refused('query-invalid', `"since" is not a time; expected for example ${millisecondsToIso(0)}.`);
  return time;
}
