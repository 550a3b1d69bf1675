import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Authority } from '../../authority/authority.ts';
import { normaliseSerial } from '../../issuance/serial.ts';
import { encodePem } from '../../x509/pem.ts';
import type { AcmeContext } from '../context.ts';
import { notFound, unauthorized } from '../problem.ts';
import { byAccount, directoryOf, onlyGet } from '../signed-request.ts';

const CHAIN_TYPE = 'application/pem-certificate-chain';

/** A certificate with its chain (RFC 8555 7.4.2), and links to its issuer and to the alternate chain. */
export async function certificate(context: AcmeContext, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const signed = await byAccount(context, request);
  onlyGet(signed);
  const { serial: text, alternate = '0' } = request.params as { readonly serial: string; readonly alternate?: string };
  const serial = normaliseSerial(text);
  const record = serial === undefined ? undefined : await context.store.certificates.get(serial);
  const chains = chainsOf(signed.directory.authority);
  const chain = /^\d$/.test(alternate) ? chains[Number(alternate)] : undefined;
  if (record?.certificate === undefined || record.authority !== signed.directory.authority.name || chain === undefined) throw notFound('certificate');
  if (record.requester.kind !== 'acme' || record.requester.name !== signed.account.id) throw unauthorized('This belongs to another account.');
  const at = signed.urls.certificate(record.id);
  const others = chains.flatMap((_, number) => (String(number) === alternate ? [] : [`<${number === 0 ? at : `${at}/${number}`}>;rel="alternate"`]));
  reply.header('link', [`<${signed.urls.directory}>;rel="index"`, ...others, `<${signed.urls.issuer}>;rel="up"`]);
  await sendChain(reply, [record.certificate, ...chain]);
}

/**
 * The chain without the certificate, target of the link `up` (RFC 8555 7.1). Caddy and mod_md follow that link with a signed request, like everything in
 * ACME, although they already have the chain.
 */
export async function issuer(context: AcmeContext, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  if (request.method === 'POST') onlyGet(await byAccount(context, request));
  await sendChain(reply, directoryOf(context, request).directory.authority.leafChain);
}

async function sendChain(reply: FastifyReply, chain: readonly Uint8Array[]): Promise<void> {
  // Sent as bytes: to text Fastify would add a charset parameter, which this type does not have (RFC 8555 9.1).
  await reply.header('content-type', CHAIN_TYPE).send(Buffer.from(chain.map((der) => encodePem('CERTIFICATE', der)).join('')));
}

/** The default chain, without the root, and an alternate with it, for those who keep everything in one file. */
function chainsOf({ leafChain, root }: Authority): readonly (readonly Uint8Array[])[] {
  const top = leafChain.at(-1);
  return top !== undefined && Buffer.compare(top, root) === 0 ? [leafChain] : [leafChain, [...leafChain, root]];
}
