import type { Identity } from '../identity/identity.ts';
import type { IssuanceContext } from '../issuance/context.ts';
import type { IssueInput } from '../issuance/input.ts';
import { type GrantedSubject, subjectFor } from './granted-subject.ts';
import { badCall, violation } from './refusal.ts';
import type { SignRequest } from './sign-request.ts';

/**
 * Seconds by which a certificate may begin in the past or in the future, as with ACME. Without a limit, someone allowed an hour today could collect
 * certificates for every hour of the years to come.
 */
const MOST_BACK = 48 * 3600;
const MOST_AHEAD = 30 * 86_400;

/** The input for the issuance cycle on behalf of an identity. @throws CfsslRefusal */
export function inputFor(identity: Identity, wanted: SignRequest, granted: GrantedSubject, issuance: Pick<IssuanceContext, 'profiles' | 'defaultProfile' | 'clock'>): IssueInput {
  const { csr, hosts, label, validity, notBefore, notAfter } = wanted;
  const profile = wanted.profile ?? onlyProfileOf(identity) ?? issuance.defaultProfile;
  checkLabel(label, profile, issuance);
  checkBeginning(notBefore, Math.floor(issuance.clock() / 1000));
  const life = notBefore === undefined && notAfter === undefined ? {} : { life: { ...(notBefore === undefined ? {} : { notBefore }), ...(notAfter === undefined ? {} : { notAfter }) } };
  return { identity, csr, profile, names: hosts, namesReplace: true, subject: subjectFor(wanted, granted), validity, ...life };
}

/** @throws CfsslRefusal */
function checkBeginning(notBefore: number | undefined, now: number): void {
  if (notBefore !== undefined && (notBefore < now - MOST_BACK || notBefore > now + MOST_AHEAD)) {
    throw violation(`Policy violation request: "NotBefore" must lie between ${MOST_BACK / 3600} hours ago and ${MOST_AHEAD / 86_400} days ahead.`);
  }
}

function onlyProfileOf({ grant: { profiles } }: Identity): string | undefined {
  return profiles === 'any' || profiles.length > 1 ? undefined : profiles[0];
}

/** A label names an authority, which must be the one that signs. @throws CfsslRefusal */
export function checkLabel(label: string | undefined, profile: string, { profiles }: Pick<IssuanceContext, 'profiles'>): void {
  const signer = profiles.get(profile)?.authority;
  if (label !== undefined && signer !== undefined && label !== signer.name) throw badCall(`bad label: certificates of profile ${profile} are signed by ${JSON.stringify(signer.name)}`);
}
