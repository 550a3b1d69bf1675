import { Refused } from '../errors.ts';
import type { Identity } from '../identity/identity.ts';
import type { Grant } from '../policy/grant.ts';
import type { Name } from '../policy/name-pattern.ts';
import { parseCertificate } from '../x509/certificate.ts';
import { commonNameOf } from '../x509/distinguished-name.ts';
import { certificateNames } from '../x509/extensions.ts';
import type { IssuanceContext } from './context.ts';
import type { IssueInput } from './input.ts';
import { issue } from './issue.ts';
import type { RequestRecord } from './request.ts';

export interface RenewalInput extends Omit<IssueInput, 'profile' | 'names'> {
  /** The record of the client certificate presented; its validity and status were checked when the identity was proved. */
  readonly renewed: RequestRecord;
}

/**
 * A new certificate of the same profile for the same names as the client certificate presented.
 * @throws Refused `renewal-refused`, and whatever `issue` refuses with
 */
export async function renew(context: IssuanceContext, { renewed, ...input }: RenewalInput): Promise<RequestRecord> {
  const issuing = context.profiles.get(renewed.profile);
  if (issuing === undefined || !issuing.profile.renewable || renewed.certificate === undefined) {
    throw new Refused('renewal-refused', `Certificates of profile ${renewed.profile} cannot be renewed by their holder; ask for a new one.`);
  }
  // Never longer than the first certificate was allowed to live, however often it is renewed.
  const maxValidity = Math.max(renewed.validity ?? 0, issuing.profile.lifetime);
  const identity: Identity = { ...input.identity, grant: { profiles: [renewed.profile], names: 'any', renewal: namesOf(renewed.certificate), maxValidity } };
  return issue(context, { ...input, identity, profile: renewed.profile });
}

/** Every name of a certificate; a common name that is not among the SANs counts as a text. */
function namesOf(der: Uint8Array): NonNullable<Grant['renewal']> {
  const certificate = parseCertificate(der);
  const names: Name[] = [...certificateNames(certificate.extensions)];
  const commonName = commonNameOf(certificate.subjectName);
  if (commonName !== undefined && !names.some(({ value }) => value === commonName)) names.unshift({ kind: 'text', value: commonName });
  return { names, commonName };
}
