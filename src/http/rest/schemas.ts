import { Type } from 'typebox';

/** Shared parts of schemas. All objects are closed: unknown members are refused, never dropped. */
export const closed = { additionalProperties: false } as const;

export const SerialParameter = Type.Object({
  serial: Type.String({ maxLength: 64, description: 'At most 40 hex digits, either case, with or without colons' }),
}, closed);

export const IdParameter = Type.Object({ id: Type.String({ minLength: 1, maxLength: 64 }) }, closed);

/** One of these texts, as `enum`: a union of constants would be tried branch by branch whenever a response is serialized. */
export const oneOf = <const T extends string>(values: readonly T[], description?: string) =>
  Type.Unsafe<T>({ type: 'string', enum: [...values], ...(description === undefined ? {} : { description }) });

export const Time = Type.String({ format: 'date-time', description: 'UTC, RFC 3339' });

export const DurationText = Type.String({ pattern: '^[0-9]{1,9}[smhdwy]?$', description: 'For example `90s`, `15m`, `12h`, `30d`; a plain number is seconds' });

export const NameList = Type.Array(Type.String({ minLength: 1, maxLength: 2048 }), { maxItems: 1000 });

/** Query parameters of every listing. Query values are strings: the service does not coerce types. */
export const pageQuery = {
  limit: Type.Optional(Type.String({ pattern: '^[1-9][0-9]{0,2}$', description: 'Items per page, 1 to 999 (default: 100)' })),
  cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 4096, description: '`next` of the previous page' })),
};

export const PAGE_DEFAULT = 100;

export const pageOf = ({ limit, cursor }: { readonly limit?: string; readonly cursor?: string }): { limit: number; cursor?: string } => ({
  limit: limit === undefined ? PAGE_DEFAULT : Number(limit),
  ...(cursor === undefined ? {} : { cursor }),
});

/** A search by name as the store knows it: for names at any depth the patterns of profiles and tokens write `**.`, which means the same here. */
export const searchOf = <T extends { readonly name?: string }>(filter: T): T =>
  (filter.name === undefined ? filter : { ...filter, name: filter.name.replace(/^\*\*\./, '*.') });

export const Problem = Type.Object({
  type: Type.String({ description: '`urn:chancery:error:<code>`' }),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String(),
  instance: Type.Optional(Type.String()),
  errors: Type.Optional(Type.Array(Type.Object({ code: Type.String(), detail: Type.String(), at: Type.Optional(Type.String()) }, closed))),
}, { ...closed, $id: 'Problem', description: 'RFC 9457, with every fault found' });

const problemContent = { description: 'A problem (RFC 9457)', content: { 'application/problem+json': { schema: Type.Ref('Problem#') } } };

/** Error responses of a route, for its `response` schema. */
export const problems = <S extends number>(...statuses: readonly S[]): Record<S | 429 | 503, typeof problemContent> =>
  Object.fromEntries([...statuses, 429, 503].map((status) => [status, problemContent])) as Record<S | 429 | 503, typeof problemContent>;

export const Step = Type.Object({
  name: Type.String(),
  outcome: oneOf(['passed', 'failed', 'waiting']),
  reason: Type.String(),
  time: Time,
}, closed);

export const Requester = Type.Object({ kind: Type.String(), name: Type.String() }, closed);

/** Names of the credential kinds in the OpenAPI document. */
export const bearer = [{ bearer: [] }, { clientCertificate: [] }];
export const clientCertificateOnly = [{ clientCertificate: [] }];
export const nobody = [];

/** A page of a listing, whose items have a schema of their own. */
export const PageView = (item: string) => ({
  description: 'A page; `next` is present while more may follow',
  content: { 'application/json': { schema: { type: 'object', additionalProperties: false, required: ['items'], properties: { items: { type: 'array', items: { $ref: item } }, next: { type: 'string' } } } } },
});

/** For routes whose body is optional. */
export const bodyMayBeAbsent = (request: { body: unknown }, _reply: unknown, done: () => void): void => {
  request.body ??= {};
  done();
};
