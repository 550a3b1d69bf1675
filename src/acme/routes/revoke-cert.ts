import type { FastifyReply, FastifyRequest } from 'fastify';
import { sha256 } from '../../digest.ts';
import { Refused } from '../../errors.ts';
import type { RequestRecord } from '../../issuance/request.ts';
import { writeRevocation } from '../../revocation/revoke.ts';
import { parseCertificate } from '../../x509/certificate.ts';
import { X509Error } from '../../x509/errors.ts';
import { REVOCATION_REASONS, type RevocationReason } from '../../x509/revocation-reason.ts';
import type { AcmeContext } from '../context.ts';
import { decodeBase64Url } from '../../base64url.ts';
import { AcmeError, malformed, unauthorized } from '../problem.ts';
import { byAnyKey, payloadOf, type SignedRequest } from '../signed-request.ts';
import type { Account } from '../state/model.ts';
import { authorizationStatus } from '../state/model.ts';
import type { Held } from '../state/records.ts';

/** Reasons that clients may give (RFC 8555 7.6); the others are reserved for authorities. */
const TAKEN: readonly RevocationReason[] = ['unspecified', 'keyCompromise', 'affiliationChanged', 'superseded', 'cessationOfOperation', 'privilegeWithdrawn'];

/** revokeCert (RFC 8555 7.6): by the account that obtained it, by one that has proved control of all its names, or by its own key. */
export async function revokeCert(context: AcmeContext, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const signed = await byAnyKey(context, request);
  const { certificate, reason: code } = payloadOf(signed);
  const record = await recordOf(context, signed, certificate);
  const reason = reasonOf(code);
  const actor = await mayRevoke(context, signed, record);
  if (actor === undefined) throw unauthorized('The certificate does not belong to this account, the account is not authorized for all of its names, and the request is not signed with its key.');
  try {
    await writeRevocation(context.revocation, { serial: record.id, reason, actor, details: { holder: true, protocol: 'acme' } });
  } catch (error) {
    if (error instanceof Refused && error.code === 'already-revoked') throw new AcmeError('alreadyRevoked', 'The certificate is already revoked.', { cause: error });
    throw error;
  }
  await reply.code(200).header('content-length', '0').send();
}

function reasonOf(code: unknown): RevocationReason {
  const reason = code === undefined ? 'unspecified' : typeof code === 'number' ? (Object.keys(REVOCATION_REASONS) as RevocationReason[]).find((name) => REVOCATION_REASONS[name] === code) : undefined;
  if (reason === undefined || !TAKEN.includes(reason)) throw new AcmeError('badRevocationReason', `The reason is not one that a client may give; expected ${TAKEN.map((name) => `${REVOCATION_REASONS[name]} (${name})`).join(', ')}.`);
  return reason;
}

/** The record of exactly this certificate. */
async function recordOf({ store }: AcmeContext, { directory }: SignedRequest, value: unknown): Promise<RequestRecord> {
  const der = typeof value === 'string' ? decodeBase64Url(value) : undefined;
  if (der === undefined) throw malformed('The "certificate" is missing, or not base64url of its DER.');
  let serial: string;
  try {
    ({ serial } = parseCertificate(der));
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
    throw malformed(`The certificate is refused: ${error.detail}`, error);
  }
  const record = await store.certificates.get(serial);
  // Byte for byte: anyone can make up a certificate with the same serial.
  if (record?.certificate === undefined || record.authority !== directory.authority.name || Buffer.compare(record.certificate, der) !== 0) throw new AcmeError('malformed', 'The certificate was not issued here.', { status: 404 });
  return record;
}

/** Who revokes, for the audit log; undefined if they may not. */
async function mayRevoke({ records }: AcmeContext, { account, key, now }: SignedRequest & { readonly account?: Held<Account> }, record: RequestRecord): Promise<string | undefined> {
  if (account === undefined) return key.keyHash === record.keyHash ? `key:${sha256(key.key.export({ format: 'der', type: 'spki' }))}` : undefined;
  const actor = `acme:${account.id}`;
  if (record.requester.kind === 'acme' && record.requester.name === account.id) return actor;
  const held = await Promise.all(record.names.map(async (name) => {
    const wildcard = name.startsWith('*.');
    const value = wildcard ? name.slice(2) : name;
    const found = await Promise.all((['dns', 'ip'] as const).map((type) => records.validAuthorization(account.id, { type, value }, wildcard)));
    return found.some((one) => one !== undefined && authorizationStatus(one.value, now) === 'valid');
  }));
  return held.length > 0 && held.every(Boolean) ? actor : undefined;
}
