import type { FastifyReply, FastifyRequest } from 'fastify';
import type { RequestRecord } from '../../issuance/request.ts';
import { parseCertificate } from '../../x509/certificate.ts';
import { decodeAuthorityKeyIdentifier } from '../../x509/extensions.ts';
import { OID } from '../../x509/oids.ts';
import type { AcmeContext, Directory } from '../context.ts';
import { decodeBase64Url } from '../../base64url.ts';
import { replacedSerial } from '../order-status.ts';
import { malformed, notFound } from '../problem.ts';
import { directoryOf } from '../signed-request.ts';
import { isoTime } from '../../iso-time.ts';

/** renewalInfo (RFC 9773 4): when a certificate is best renewed, consistent with the REST API. Public, without signature. */
export async function renewalInfo(context: AcmeContext, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const { directory } = directoryOf(context, request);
  const { certId } = request.params as { readonly certId: string };
  const record = await recordOf(context, directory, certId);
  const { start, end, askAgain } = await context.adviceOn(record);
  await reply.header('retry-after', String(askAgain)).send({ suggestedWindow: { start: isoTime(start * 1000), end: isoTime(end * 1000) } });
}

/** @throws AcmeError `malformed`, 404 */
async function recordOf({ store }: AcmeContext, { authority }: Directory, certId: string): Promise<RequestRecord> {
  const [keyId, serialOctets, ...more] = certId.split('.');
  const octets = [keyId, serialOctets].map((part) => (part === undefined || part === '' ? undefined : decodeBase64Url(part)));
  if (more.length > 0 || octets.includes(undefined)) throw malformed('This is not a certificate identifier (RFC 9773 4.1).');
  const serial = replacedSerial(certId);
  const record = serial === undefined ? undefined : await store.certificates.get(serial);
  if (record?.certificate === undefined) throw notFound('certificate');
  const extension = parseCertificate(record.certificate).extensions.find(({ oid }) => oid === OID.authorityKeyIdentifier);
  const issuer = extension === undefined ? authority.subjectKeyId : decodeAuthorityKeyIdentifier(extension.value);
  if (issuer === undefined || Buffer.compare(issuer, octets[0] ?? Buffer.alloc(0)) !== 0) throw notFound('certificate');
  return record;
}
