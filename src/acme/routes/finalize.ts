import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AcmeContext } from '../context.ts';
import { finalizeOrder } from '../finalize.ts';
import { decodeBase64Url } from '../../base64url.ts';
import { AcmeError } from '../problem.ts';
import { byAccount, payloadOf } from '../signed-request.ts';
import { ownOrder, send } from './orders.ts';

/** finalize (RFC 8555 7.4): accepts the CSR, and issues the certificate. */
export async function finalize(context: AcmeContext, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const signed = await byAccount(context, request);
  const order = await ownOrder(context, signed, request);
  const { csr } = payloadOf(signed);
  const der = typeof csr === 'string' ? decodeBase64Url(csr) : undefined;
  if (der === undefined || der.length === 0) throw new AcmeError('badCSR', 'The "csr" is missing, or not base64url of its DER.');
  await send(reply, await finalizeOrder(context, signed.account, order, der, signed.now), signed);
}
