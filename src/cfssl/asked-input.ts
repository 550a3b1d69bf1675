import type { Identity } from '../identity/identity.ts';
import type { IssuanceContext } from '../issuance/context.ts';
import type { IssueInput } from '../issuance/input.ts';
import { type GrantedSubject, subjectFor } from './granted-subject.ts';
import { badCall } from './refusal.ts';
import type { SignRequest } from './sign-request.ts';

/** What an identity asks the cycle of issuance for. @throws CfsslRefusal */
export function inputFor(identity: Identity, wanted: SignRequest, granted: GrantedSubject, issuance: Pick<IssuanceContext, 'profiles' | 'defaultProfile'>): IssueInput {
  const { csr, hosts, label, validity, notBefore, notAfter } = wanted;
  const profile = wanted.profile ?? onlyProfileOf(identity) ?? issuance.defaultProfile;
  checkLabel(label, profile, issuance);
  const life = notBefore === undefined && notAfter === undefined ? {} : { life: { ...(notBefore === undefined ? {} : { notBefore }), ...(notAfter === undefined ? {} : { notAfter }) } };
  return { identity, csr, profile, names: hosts, namesReplace: true, subject: subjectFor(wanted, granted), validity, ...life };
}

function onlyProfileOf({ grant: { profiles } }: Identity): string | undefined {
  return profiles === 'any' || profiles.length > 1 ? undefined : profiles[0];
}

/** A label names an authority; it must be the one that signs. @throws CfsslRefusal */
export function checkLabel(label: string | undefined, profile: string, { profiles }: Pick<IssuanceContext, 'profiles'>): void {
  const signer = profiles.get(profile)?.authority;
  if (label !== undefined && signer !== undefined && label !== signer.name) throw badCall(`bad label: certificates of profile ${profile} are signed by ${JSON.stringify(signer.name)}`);
}
