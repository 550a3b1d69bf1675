import type { FastifyReply, FastifyRequest } from 'fastify';
import type { RequestRecord } from '../../issuance/request.ts';
import { parseCertificate } from '../../x509/certificate.ts';
import { decodeAuthorityKeyIdentifier } from '../../x509/extensions.ts';
import { OID } from '../../x509/oids.ts';
import type { AcmeContext, Directory } from '../context.ts';
import { decodeBase64Url } from '../jws/base64url.ts';
import { replacedSerial } from '../order-status.ts';
import { malformed, notFound } from '../problem.ts';
import { directoryOf } from '../signed-request.ts';
import { isoTime } from '../times.ts';

/** Seconds after which clients ask again (RFC 9773 4.3.2: a fraction of the window). */
const ASK_AGAIN = 6 * 3600;
/** Of a certificate's life: where the window for its renewal begins, and ends. */
const [BEGINS, ENDS] = [2 / 3, 3 / 4];
/** Seconds: how long the window is for one that should be renewed at once, and all of which lies in the past. */
const AT_ONCE = 3600;

/** renewalInfo (RFC 9773 4): when a certificate is best renewed; at once where it is revoked, or its issuer is another one by now. No signature, no secret. */
export async function renewalInfo(context: AcmeContext, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const { directory } = directoryOf(context, request);
  const { certId } = request.params as { readonly certId: string };
  const record = await recordOf(context, directory, certId);
  const now = Math.floor(context.clock() / 1000);
  const { start, end } = windowOf(record, directory, now);
  const left = Math.max(60, Math.min(ASK_AGAIN, Math.floor((end - start) / 4)));
  await reply.header('retry-after', String(left)).send({ suggestedWindow: { start: isoTime(start * 1000), end: isoTime(end * 1000) } });
}

function windowOf({ notBefore = 0, notAfter = 0, revocation, authority }: RequestRecord, directory: Directory, now: number): { readonly start: number; readonly end: number } {
  const rolled = authority !== directory.authority.name || notBefore < directory.authority.certificate.notBefore;
  if (revocation !== undefined || rolled) return { start: now - 2 * AT_ONCE, end: now - AT_ONCE };
  const life = notAfter + 1 - notBefore;
  return { start: notBefore + Math.floor(life * BEGINS), end: notBefore + Math.floor(life * ENDS) };
}

/** @throws AcmeError `malformed`, 404 */
async function recordOf({ store }: AcmeContext, { authority }: Directory, certId: string): Promise<RequestRecord> {
  const [keyId, serialOctets, ...more] = certId.split('.');
  const octets = [keyId, serialOctets].map((part) => (part === undefined || part === '' ? undefined : decodeBase64Url(part)));
  if (more.length > 0 || octets.includes(undefined)) throw malformed('This is no certificate identifier (RFC 9773 4.1).');
  const serial = replacedSerial(certId);
  const record = serial === undefined ? undefined : await store.certificates.get(serial);
  if (record?.certificate === undefined) throw notFound('certificate');
  const extension = parseCertificate(record.certificate).extensions.find(({ oid }) => oid === OID.authorityKeyIdentifier);
  const issuer = extension === undefined ? authority.subjectKeyId : decodeAuthorityKeyIdentifier(extension.value);
  if (issuer === undefined || Buffer.compare(issuer, octets[0] ?? Buffer.alloc(0)) !== 0) throw notFound('certificate');
  return record;
}
