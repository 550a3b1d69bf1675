import { Refused } from '../errors.ts';
import type { RequestRecord } from '../issuance/request.ts';
import { FULL_GRANT, NO_GRANT } from '../policy/grant.ts';
import type { Identity } from './identity.ts';

/** Holders of a certificate with this profile are operators. */
export const OPERATOR_PROFILE = 'operator';

/**
 * Identifies the holder of a client certificate (TLS has proved possession of its key). The certificate is ours if the store contains this very
 * certificate, byte for byte, so no path needs to be built. Status and validity are checked with every call.
 * @throws Refused `unauthenticated` if it was not issued here, is revoked, not yet valid or expired
 */
export function identifyByClientCertificate(der: Uint8Array, record: RequestRecord | undefined, now: number): Identity {
  if (record?.certificate === undefined || Buffer.compare(record.certificate, der) !== 0) {
    throw new Refused('unauthenticated', 'The client certificate was not issued by this service.');
  }
  if (record.revocation !== undefined) throw new Refused('unauthenticated', `The client certificate ${record.id} is revoked (${record.revocation.reason}).`);
  const seconds = Math.floor(now / 1000);
  if (seconds < (record.notBefore ?? Infinity)) throw new Refused('unauthenticated', `The client certificate ${record.id} is not valid yet.`);
  if (seconds > (record.notAfter ?? 0)) throw new Refused('unauthenticated', `The client certificate ${record.id} has expired.`);
  const operator = record.profile === OPERATOR_PROFILE;
  return {
    kind: 'client-certificate',
    name: `${record.names[0] ?? ''}#${record.id}`,
    proof: `client certificate ${record.id} of profile ${record.profile}`,
    grant: operator ? FULL_GRANT : NO_GRANT,
    scopes: operator ? ['admin'] : [],
    serial: record.id,
    credential: { kind: 'certificate', id: record.id },
  };
}
