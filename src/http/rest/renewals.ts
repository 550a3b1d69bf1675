import type { IssuanceContext } from '../../issuance/context.ts';
import { renew } from '../../issuance/renew.ts';
import type { App } from '../app.ts';
import type { Authentication } from '../authentication.ts';
import { certificateReply, certificateType, waitingReply } from './certificate-reply.ts';
import { acceptCsrBodies, CSR_TYPES, csrBytes, validitySeconds } from './csr-body.ts';
import { idempotencyKey } from './idempotency-key.ts';
import { CsrBody, RenewalBody, RenewalQuery } from './request-schemas.ts';
import type { ChainOf } from './request-view.ts';
import { sendRequest } from './requests.ts';
import { clientCertificateOnly, problems } from './schemas.ts';

export interface RenewalRoutes {
  readonly issuance: IssuanceContext;
  readonly authentication: Authentication;
  readonly chainOf: ChainOf;
}

/** `/v1/renewals`: the holder of a certificate receives the next one for the same names. */
export function renewalRoutes(app: App, { issuance, authentication, chainOf }: RenewalRoutes): void {
  acceptCsrBodies(app);
  app.post('/v1/renewals', {
    schema: {
      operationId: 'renewCertificate', summary: 'Renew the certificate presented',
      description: 'Requires the client certificate that is to be renewed; a CSR without names gets the same names', tags: ['requests'],
      security: clientCertificateOnly, querystring: RenewalQuery,
      body: { content: { 'application/json': { schema: RenewalBody }, ...Object.fromEntries(CSR_TYPES.map((type) => [type, { schema: CsrBody }])) } },
      response: { 201: certificateReply('The request', 'Request#'), 202: waitingReply('Request#'), ...problems(400, 401, 403, 406, 413, 415, 422) },
    },
  }, async (request, reply) => {
    return authentication.renewing(request, async ({ identity, record: renewed }, cached) => {
      const type = certificateType(request);
      const body = request.body instanceof Uint8Array ? { csr: request.body } : (request.body as { csr: string; validity?: string });
      const validity = validitySeconds(('validity' in body ? body.validity : undefined) ?? (request.query as { validity?: string }).validity);
      const record = await renew(issuance, { identity, cached, renewed, csr: csrBytes(body.csr), validity, idempotencyKey: idempotencyKey(request) });
      return sendRequest(reply, record, type, chainOf);
    });
  });
}
