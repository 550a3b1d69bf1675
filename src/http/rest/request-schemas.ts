import { type Static, Type } from 'typebox';
import { closed, DurationText, NameList, oneOf, pageQuery, Requester, Step, Time } from './schemas.ts';

export const REQUEST_STATES = ['pending', 'approved', 'issued', 'denied', 'failed'] as const;

/** JSON body of `POST /v1/requests`. */
export const RequestBody = Type.Object({
  csr: Type.String({ minLength: 1, description: 'PKCS#10: PEM, or base64 of DER with or without line breaks' }),
  profile: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  names: Type.Optional(NameList),
  validity: Type.Optional(DurationText),
  metadata: Type.Optional(Type.Record(Type.String(), Type.String({ maxLength: 1024 }), {
    maxProperties: 32, propertyNames: { minLength: 1, maxLength: 64 }, description: 'Kept with the request, never in the certificate',
  })),
}, closed);

export type RequestBody = Static<typeof RequestBody>;

/** Body that is the CSR itself: whatever the bytes are, the CSR parser decides. */
export const CsrBody = Type.Unsafe<Uint8Array>({ description: 'The CSR itself, DER, PEM or base64' });

export const RequestQuery = Type.Object({
  profile: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  validity: Type.Optional(DurationText),
  dryRun: Type.Optional(oneOf(['true', 'false'], '`true`: run every check, sign nothing, store nothing, tell the steps')),
}, closed);

export const RenewalQuery = Type.Object({ validity: Type.Optional(DurationText) }, closed);

export const RenewalBody = Type.Object({ csr: Type.String({ minLength: 1 }), validity: Type.Optional(DurationText) }, closed);

export const ListQuery = Type.Object({
  ...pageQuery,
  state: Type.Optional(oneOf(REQUEST_STATES)),
  profile: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  name: Type.Optional(Type.String({ minLength: 1, maxLength: 2048 })),
  requester: Type.Optional(Type.String({ minLength: 1, maxLength: 256, description: 'A requester\'s name, or `kind:name`' })),
  since: Type.Optional(Type.String({ minLength: 10, maxLength: 40, description: 'Created at or after this time (RFC 3339)' })),
}, closed);

export const RequestView = Type.Object({
  id: Type.String(),
  state: oneOf(REQUEST_STATES),
  profile: Type.String(),
  authority: Type.String(),
  requester: Requester,
  names: Type.Array(Type.String()),
  steps: Type.Array(Step),
  createdAt: Time,
  updatedAt: Time,
  metadata: Type.Optional(Type.Record(Type.String(), Type.String())),
  approvals: Type.Optional(Type.Object({ given: Type.Integer(), needed: Type.Integer() }, { ...closed, description: 'While it waits for more than one operator' })),
  serial: Type.Optional(Type.String()),
  certificate: Type.Optional(Type.String({ description: 'PEM' })),
  chain: Type.Optional(Type.Array(Type.String({ description: 'PEM, from the issuer up, without the root' }))),
  notBefore: Type.Optional(Time),
  notAfter: Type.Optional(Time),
  problem: Type.Optional(Type.Ref('Problem#')),
}, { ...closed, $id: 'Request', description: 'A certificate request, with every step' });

export const OutlookView = Type.Object({
  dryRun: Type.Literal(true),
  outcome: oneOf(['issued', 'pending', 'denied'], 'What would become of the request'),
  profile: Type.String(),
  authority: Type.String(),
  names: Type.Array(Type.String()),
  steps: Type.Array(Step),
}, { ...closed, $id: 'Outlook' });

export const DecisionBody = Type.Object({ reason: Type.Optional(Type.String({ minLength: 1, maxLength: 1024 })) }, closed);
