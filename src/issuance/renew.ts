import { Refused } from '../errors.ts';
import { type Identity, requesterKey } from '../identity/identity.ts';
import type { Grant } from '../policy/grant.ts';
import type { Name } from '../policy/name-pattern.ts';
import type { Profile } from '../policy/profile.ts';
import { mostValidity } from '../policy/steps/profile.ts';
import { parseCertificate } from '../x509/certificate.ts';
import { commonNameOf } from '../x509/distinguished-name.ts';
import { certificateNames } from '../x509/extensions.ts';
import { OID } from '../x509/oids.ts';
import type { IssuanceContext } from './context.ts';
import type { AskedSubject, IssueInput } from './input.ts';
import { issue } from './issue.ts';
import type { RequestRecord } from './request.ts';

export interface RenewalInput extends Omit<IssueInput, 'profile' | 'names'> {
  /** The record of the client certificate presented; its validity and status were checked during authentication. */
  readonly renewed: RequestRecord;
}

/**
 * Issues a new certificate of the same profile and for the same names as the client certificate presented.
 * @throws Refused `renewal-refused`, and whatever `issue` throws
 */
export async function renew(context: IssuanceContext, { renewed, cached, ...input }: RenewalInput): Promise<RequestRecord> {
  const issuing = context.profiles.get(renewed.profile);
  if (issuing === undefined || !issuing.profile.renewable || renewed.certificate === undefined) {
    throw new Refused('renewal-refused', `Certificates of profile ${renewed.profile} cannot be renewed by their holder; ask for a new one.`);
  }
  // Control of an identifier is proved for a limited time only.
  if (renewed.requester.kind === 'acme') throw new Refused('renewal-refused', 'A certificate issued by ACME is renewed by ACME, where control of its names is shown again.');
  const { profile } = issuing;
  // Never longer than the first certificate was allowed to live, however often it is renewed.
  const limit = renewed.maxValidity === undefined ? {} : { maxValidity: renewed.maxValidity };
  const grant: Grant = { profiles: [profile.name], names: 'any', renewal: namesOf(renewed.certificate), ...limit };
  const validity = input.validity ?? longerThanUsual(renewed, profile, grant);
  const subject = organizationOf(renewed.certificate, profile);
  const granted = (identity: Identity): Identity => ({ ...identity, grant });
  return issue(context, {
    ...input, identity: granted(input.identity), cached: cached && { ...cached, refresh: async () => granted(await cached.refresh()) }, profile: profile.name, validity, subject,
    owner: renewed.owner ?? requesterKey(renewed.requester),
  });
}

/** Seconds. A lifetime above the profile's default that was granted before is kept, within today's limits; undefined for the default. */
const longerThanUsual = ({ validity }: RequestRecord, profile: Profile, grant: Grant): number | undefined =>
  validity !== undefined && validity > profile.lifetime ? Math.min(validity, mostValidity({ profile, grant })) : undefined;

/** Organization attributes that the profile does not set: they were granted to this certificate, so the renewal keeps them. */
function organizationOf(der: Uint8Array, { subject }: Profile): AskedSubject | undefined {
  const { subjectName } = parseCertificate(der);
  const [organization, organizationalUnit] = [OID.organizationName, OID.organizationalUnitName].map((wanted) => subjectName.find(({ type }) => type === wanted)?.value);
  const other = {
    ...(organization === undefined || subject.organization !== undefined ? {} : { organization }),
    ...(organizationalUnit === undefined || subject.organizationalUnit !== undefined ? {} : { organizationalUnit }),
  };
  return Object.keys(other).length === 0 ? undefined : other;
}

/** All names of a certificate; a common name that is not among the SANs counts as free text. */
function namesOf(der: Uint8Array): NonNullable<Grant['renewal']> {
  const certificate = parseCertificate(der);
  const names: Name[] = [...certificateNames(certificate.extensions)];
  const commonName = commonNameOf(certificate.subjectName);
  if (commonName !== undefined && !names.some(({ value }) => value === commonName)) names.unshift({ kind: 'text', value: commonName });
  return { names, commonName };
}
