import { type Static, Type } from 'typebox';
import { parseDuration } from '../../config/duration.ts';
import { type Fault, Refused } from '../../errors.ts';
import { requesterKey } from '../../identity/identity.ts';
import type { RequestRecord } from '../../issuance/request.ts';
import { normaliseSerial } from '../../issuance/serial.ts';
import type { RenewalAdvice } from '../../renewal/advice.ts';
import { type Campaign, WITHIN } from '../../renewal/campaign.ts';
import type { Campaigns } from '../../renewal/campaigns.ts';
import type { CertificateStore } from '../../store/store.ts';
import type { App } from '../app.ts';
import type { Authentication } from '../authentication.ts';
import { idempotencyKey } from './idempotency-key.ts';
import { millisecondsToIso, secondsToIso } from './request-view.ts';
import { bearer, closed, DurationText, IdParameter, nobody, problems, SerialParameter, Time } from './schemas.ts';

export interface RenewalInfoRoutes {
  readonly store: Pick<CertificateStore, 'get'>;
  readonly adviceOn: (record: RequestRecord) => Promise<RenewalAdvice>;
  readonly campaigns: Campaigns;
  /** Names of existing authorities and profiles. */
  readonly known: { readonly authority: ReadonlySet<string>; readonly profile: ReadonlySet<string> };
  readonly authentication: Authentication;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/** Seconds for which a cache may keep the response: short compared with the interval at which nodes ask again. */
const FRESH = 60;

/** Milliseconds by which a call may be late. */
const LATE = 60_000;

const RenewalInfo = Type.Object({
  suggestedWindow: Type.Object({ start: Time, end: Time }, { ...closed, description: 'Renew at a random moment in this window; at once if it is over' }),
  explanation: Type.Optional(Type.String({ description: 'Why the certificate should be renewed early, in words' })),
}, { ...closed, $id: 'RenewalInfo' });

const scope = {
  authority: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'Only certificates of this authority' })),
  profile: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'Only certificates of this profile' })),
  requester: Type.Optional(Type.String({ minLength: 1, maxLength: 256, description: 'Only certificates of this requester: its name, or `kind:name`' })),
};

const CampaignBody = Type.Object({
  ...scope,
  all: Type.Optional(Type.Boolean({ description: 'True, if no other member selects certificates: all of them' })),
  within: DurationText,
  from: Type.Optional(Type.String({ minLength: 10, maxLength: 40, description: 'When it starts, RFC 3339 (default: now). Certificates requested until then are affected too' })),
  reason: Type.String({ minLength: 1, maxLength: 512, pattern: '^[^\\u0000-\\u001f\\u007f]*$', description: 'Shown to those who renew' }),
}, closed);

const CampaignView = Type.Object({
  id: Type.String(), ...scope, reason: Type.String(), startedAt: Time,
  endsAt: Type.String({ format: 'date-time', description: 'Renewals are spread until then; certificates that come later should be renewed at once' }),
  createdBy: Type.String(),
}, { ...closed, $id: 'RenewalCampaign' });

/** When to renew: `/v1/certificates/{serial}/renewal-info`, public, and `/v1/renewal-campaigns`, for operators who want a fleet renewed early. */
export function renewalInfoRoutes(app: App, { store, adviceOn, campaigns, known, authentication, clock }: RenewalInfoRoutes): void {
  for (const schema of [RenewalInfo, CampaignView]) app.addSchema(schema);
  const reply = { description: 'The campaign', content: { 'application/json': { schema: { $ref: 'RenewalCampaign#' } } } };

  app.get('/v1/certificates/:serial/renewal-info', {
    schema: {
      operationId: 'getRenewalInfo', summary: 'When to renew a certificate',
      description: 'Ask again after `Retry-After`: the answer changes if an operator has certificates renewed early. ACME clients are served the same (RFC 9773)',
      tags: ['certificates'], security: nobody, params: SerialParameter,
      response: { 200: { description: 'The time for its renewal', content: { 'application/json': { schema: { $ref: 'RenewalInfo#' } } } }, ...problems(404) },
    },
  }, async (request, answer) => {
    const serial = normaliseSerial((request.params as { serial: string }).serial);
    const record = serial === undefined ? undefined : await store.get(serial);
    if (record?.certificate === undefined) throw new Refused('not-found', 'No certificate with this serial was issued here.');
    const { start, end, explanation, askAgain } = await adviceOn(record);
    answer.header('retry-after', String(askAgain)).header('cache-control', `public, max-age=${FRESH}`);
    return { suggestedWindow: { start: secondsToIso(start), end: secondsToIso(end) }, ...(explanation === undefined ? {} : { explanation }) };
  });

  app.post('/v1/renewal-campaigns', {
    schema: {
      operationId: 'createRenewalCampaign', summary: 'Have certificates renewed soon', description: 'Affects certificates requested before it starts that match every member given; renewals are spread over `within`, each at its own moment. The campaign remains for 30 days after that. By an operator with scope admin',
      tags: ['certificates'], security: bearer, body: CampaignBody, response: { 201: reply, ...problems(400, 401, 403, 409, 422) },
    },
  }, async (request, answer) => {
    const operator = await authentication.operator(request, 'admin');
    const { all: _all, within, from, reason, ...chosen } = checked(request.body as Static<typeof CampaignBody>, known, clock());
    const campaign = await campaigns.begin({ scope: chosen, reason, within, from }, requesterKey(operator), idempotencyKey(request));
    return answer.code(201).send(view(campaign));
  });

  app.get('/v1/renewal-campaigns', {
    schema: {
      operationId: 'listRenewalCampaigns', summary: 'The current campaigns', tags: ['certificates'], security: bearer,
      response: { 200: { description: 'All of them, the newest first', content: { 'application/json': { schema: Type.Object({ items: Type.Array(Type.Ref('RenewalCampaign#')) }, closed) } } }, ...problems(401, 403) },
    },
  }, async (request) => {
    await authentication.operator(request, 'read');
    return { items: (await campaigns.standing()).map(view) };
  });

  app.delete('/v1/renewal-campaigns/:id', {
    schema: {
      operationId: 'endRenewalCampaign', summary: 'End a campaign',
      description: 'Certificates not renewed yet are renewed at their usual time. By an operator with scope admin', tags: ['certificates'], security: bearer,
      params: IdParameter, response: { 200: reply, ...problems(401, 403, 404) },
    },
  }, async (request) => {
    const operator = await authentication.operator(request, 'admin');
    const { id } = request.params as { id: string };
    const campaign = await campaigns.end(id, requesterKey(operator));
    if (campaign === undefined) throw new Refused('not-found', `There is no campaign ${JSON.stringify(id)}.`);
    return view(campaign);
  });
}

/** Checks what the schema cannot express; `within` in seconds, `from` in milliseconds since the epoch. @throws Refused `body-invalid` */
function checked(body: Static<typeof CampaignBody>, known: RenewalInfoRoutes['known'], now: number): Omit<Static<typeof CampaignBody>, 'within' | 'from'> & { readonly within: number; readonly from: number | undefined } {
  const faults: Fault[] = [];
  for (const part of ['authority', 'profile'] as const) {
    const name = body[part];
    if (name !== undefined && !known[part].has(name)) {
      faults.push({ code: `${part}-unknown`, at: `/${part}`, detail: `there is no ${part} ${JSON.stringify(name)}; expected one of ${[...known[part]].join(', ')}` });
    }
  }
  const chooses = [body.authority, body.profile, body.requester].some((part) => part !== undefined);
  // Selecting all certificates must be deliberate, not the result of an omitted member.
  if (chooses === (body.all === true)) faults.push({ code: 'scope', at: '/', detail: 'expected authority, profile or requester, or else all to be true' });
  const within = parseDuration(body.within) ?? 0;
  if (within < WITHIN.least || within > WITHIN.most) faults.push({ code: 'within', at: '/within', detail: `within is expected to be ${WITHIN.least} s to ${WITHIN.most / 86_400} d` });
  const from = body.from === undefined ? undefined : Date.parse(body.from);
  // A campaign in the past would exclude certificates issued since.
  if (from !== undefined && !(from >= now - LATE && from <= now + WITHIN.most * 1000)) {
    faults.push({ code: 'from', at: '/from', detail: `from is expected to be a time from now to ${WITHIN.most / 86_400} days ahead, such as 2030-01-31T00:00:00Z` });
  }
  if (faults.length > 0) throw new Refused('body-invalid', `The campaign is refused: ${faults.map(({ detail }) => detail).join('; ')}`, { faults });
  return { ...body, within, from };
}

const view = ({ id, scope: chosen, reason, startedAt, endsAt, createdBy }: Campaign): object =>
  ({ id, ...chosen, reason, startedAt: millisecondsToIso(startedAt), endsAt: millisecondsToIso(endsAt), createdBy });
