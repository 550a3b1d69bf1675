import { Type } from 'typebox';
import { Refused } from '../../errors.ts';
import type { RequestRecord } from '../../issuance/request.ts';
import { normaliseSerial } from '../../issuance/serial.ts';
import { revokeByProof } from '../../revocation/prove-compromise.ts';
import { release } from '../../revocation/release.ts';
import { type RevocationContext, revoke } from '../../revocation/revoke.ts';
import type { CertificateFilter, CertificateStore } from '../../store/store.ts';
import { encodePem } from '../../x509/pem.ts';
import { ASKABLE_REASONS, type RevocationReason } from '../../x509/revocation-reason.ts';
import type { App } from '../app.ts';
import type { Authentication } from '../authentication.ts';
import { certificateReply, certificateType, sendCertificate } from './certificate-reply.ts';
import { csrBytes } from './csr-body.ts';
import { type ChainOf, millisecondsToIso, secondsToIso } from './request-view.ts';
import { bearer, bodyMayBeAbsent, closed, nobody, oneOf, pageOf, pageQuery, PageView, problems, Requester, searchOf, SerialParameter, Time } from './schemas.ts';

export interface CertificateRoutes {
  readonly store: CertificateStore;
  readonly revocation: RevocationContext;
  readonly authentication: Authentication;
  readonly chainOf: ChainOf;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

export const CertificateView = Type.Object({
  serial: Type.String(),
  status: oneOf(['valid', 'revoked', 'expired']),
  profile: Type.String(),
  authority: Type.String(),
  names: Type.Array(Type.String()),
  notBefore: Time,
  notAfter: Time,
  issuedAt: Time,
  requester: Type.Optional(Requester),
  revocation: Type.Optional(Type.Object({ at: Time, reason: Type.String() }, closed)),
  certificate: Type.String({ description: 'PEM' }),
  chain: Type.Array(Type.String()),
}, { ...closed, $id: 'Certificate' });

const ListQuery = Type.Object({
  ...pageQuery,
  name: Type.Optional(Type.String({ minLength: 1, maxLength: 2048, description: 'A name in the certificate; `*.example.com` for all names below' })),
  profile: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  status: Type.Optional(oneOf(['valid', 'revoked', 'expired'])),
  expiresBefore: Type.Optional(Type.String({ minLength: 10, maxLength: 40, description: 'RFC 3339' })),
  requester: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
}, closed);

const RevokeBody = Type.Object({
  reason: Type.Optional(oneOf(ASKABLE_REASONS, 'RFC 5280 5.3.1, by name; certificateHold may be released')),
  proof: Type.Optional(Type.String({
    minLength: 1, maxLength: 65_536,
    description: 'A CSR, PEM, signed by the certificate\'s own key, with the common name `chancery revoke <serial>`. No credentials are needed then, and the reason is keyCompromise',
  })),
}, closed);

/** `/v1/certificates`: search, fetch, revoke, release. */
export function certificateRoutes(app: App, { store, revocation, authentication, chainOf, clock }: CertificateRoutes): void {
  const view = (record: RequestRecord, withRequester: boolean): object => certificateView(record, chainOf, clock(), withRequester);
  const reply = { description: 'The certificate', content: { 'application/json': { schema: { $ref: 'Certificate#' } } } };

  app.get('/v1/certificates', {
    schema: {
      operationId: 'listCertificates', summary: 'Search the certificates', tags: ['certificates'], security: bearer, querystring: ListQuery,
      response: { 200: PageView('Certificate#'), ...problems(400, 401, 403) },
    },
  }, async (request) => {
    await authentication.operator(request, 'read');
    const { limit, cursor, expiresBefore, ...filter } = request.query as { limit?: string; cursor?: string; expiresBefore?: string } & Omit<CertificateFilter, 'expiresBefore'>;
    const before = expiresBefore === undefined ? {} : { expiresBefore: secondsOf(expiresBefore) };
    const page = await store.list({ ...searchOf(filter), ...before }, pageOf({ ...(limit && { limit }), ...(cursor && { cursor }) }), Math.floor(clock() / 1000));
    return { items: page.items.map((record) => view(record, true)), ...(page.next === undefined ? {} : { next: page.next }) };
  });

  app.get('/v1/certificates/:serial', {
    schema: {
      operationId: 'getCertificate', summary: 'A certificate', description: 'JSON, or PEM or DER depending on `Accept`', tags: ['certificates'], security: nobody,
      params: SerialParameter, response: { 200: certificateReply('The certificate', 'Certificate#'), ...problems(404, 406) },
    },
  }, async (request, answer) => {
    const type = certificateType(request);
    const record = await recordOf(store, (request.params as { serial: string }).serial);
    answer.header('cache-control', 'no-cache');
    if (type === 'application/json' || record.certificate === undefined) return view(record, false);
    return sendCertificate(answer, type, record.certificate, chainOf(record.authority));
  });

  app.post('/v1/certificates/:serial/revoke', {
    preValidation: bodyMayBeAbsent,
    schema: {
      operationId: 'revokeCertificate', summary: 'Revoke a certificate',
      description: 'By an operator with scope revoke, by the holder with this very client certificate, or by anyone with proof of possession of its key. It is on the CRL within a second',
      tags: ['certificates'], security: [...bearer, {}], params: SerialParameter, body: RevokeBody, response: { 200: reply, ...problems(400, 401, 403, 404, 409) },
    },
  }, async (request) => {
    const { reason, proof } = request.body as { reason?: RevocationReason; proof?: string };
    if (proof !== undefined) {
      const record = await authentication.attempt(request, () => {
        if (reason !== undefined && reason !== 'keyCompromise') throw new Refused('body-invalid', 'With a proof the reason is keyCompromise.', {
          faults: [{ code: 'const', detail: 'must be keyCompromise where there is a proof', at: '/reason' }],
        });
        return revokeByProof(revocation, { serial: serialOf(request.params), csr: csrBytes(proof) });
      });
      return view(record, false);
    }
    const identity = await authentication.identify(request);
    return view(await revoke(revocation, { identity, serial: serialOf(request.params), reason: reason ?? 'unspecified' }), true);
  });

  app.post('/v1/certificates/:serial/release', {
    preValidation: bodyMayBeAbsent,
    schema: {
      operationId: 'releaseCertificate', summary: 'Release a certificate from hold', description: 'By an operator with scope revoke. Only certificateHold can be undone', tags: ['certificates'],
      security: bearer, params: SerialParameter, body: Type.Object({}, closed), response: { 200: reply, ...problems(400, 401, 403, 404, 409) },
    },
  }, async (request) => {
    const identity = await authentication.operator(request, 'revoke');
    return view(await release(revocation, { identity, serial: serialOf(request.params) }), true);
  });
}

/** @throws Refused `not-found` */
function serialOf(params: unknown): string {
  const serial = normaliseSerial((params as { serial: string }).serial);
  if (serial === undefined) throw unknown();
  return serial;
}

async function recordOf(store: CertificateStore, text: string): Promise<RequestRecord> {
  const serial = normaliseSerial(text);
  const record = serial === undefined ? undefined : await store.get(serial);
  if (record?.certificate === undefined) throw unknown();
  return record;
}

const unknown = (): Refused => new Refused('not-found', 'No certificate with this serial was issued here.');

function certificateView(record: RequestRecord, chainOf: ChainOf, now: number, withRequester: boolean): object {
  const { id, profile, authority, names, notBefore = 0, notAfter = 0, revocation, requester, certificate = new Uint8Array() } = record;
  return {
    serial: id,
    status: revocation !== undefined ? 'revoked' : notAfter < Math.floor(now / 1000) ? 'expired' : 'valid',
    profile, authority, names,
    notBefore: secondsToIso(notBefore), notAfter: secondsToIso(notAfter), issuedAt: millisecondsToIso(record.createdAt),
    ...(withRequester ? { requester } : {}),
    ...(revocation === undefined ? {} : { revocation: { at: secondsToIso(revocation.at), reason: revocation.reason } }),
    certificate: encodePem('CERTIFICATE', certificate),
    chain: chainOf(authority),
  };
}

/** @throws Refused `query-invalid` */
function secondsOf(text: string): number {
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new Refused('query-invalid', '"expiresBefore" is not a time; expected for example 2030-01-31T00:00:00Z.');
  return Math.floor(time / 1000);
}
