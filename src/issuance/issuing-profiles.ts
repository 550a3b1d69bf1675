import type { Authority, LoadedAuthorities } from '../authority/authority.ts';
import { successorOf } from '../authority/succession.ts';
import { type Profile, ProfileError } from '../policy/profile.ts';
import type { IssuingProfile } from './context.ts';
import { compileTemplate, type PublishedAt } from './template.ts';

/**
 * Pairs each profile with the authority that signs for it, and compiles its template.
 * @throws ProfileError if a profile names an authority that is not loaded or has no key
 */
export function issuingProfiles(
  profiles: ReadonlyMap<string, Profile>, authorities: LoadedAuthorities, publishedAt: (authority: string) => PublishedAt,
  revocationOf: (authority: string) => ReturnType<NonNullable<IssuingProfile['revocation']>> = () => undefined,
): ReadonlyMap<string, IssuingProfile> {
  const faults: string[] = [];
  const issuing = new Map<string, IssuingProfile>();
  for (const profile of profiles.values()) {
    const authority = signerOf(profile, authorities);
    if (authority === undefined) faults.push(`profiles.${profile.name}: authority ${profile.issuer ?? ''} is not here, or has no key; expected one of ${authorities.all.map(({ name }) => name).join(', ')}`);
    else issuing.set(profile.name, { profile, authority, template: compileTemplate(profile, authority, publishedAt(authority.name)), revocation: () => revocationOf(authority.name) });
  }
  if (faults.length > 0) throw new ProfileError(faults);
  return issuing;
}

/**
 * The authority that the profile names, or the issuing one. A CA certificate without a named issuer is signed by the root if its key is
 * here: the issuing authority's path length commonly allows no CA below it (RFC 5280 4.2.1.9).
 */
function signerOf(profile: Profile, authorities: LoadedAuthorities): Authority | undefined {
  const { all, issuing, root } = authorities;
  const issuer = profile.issuer === undefined ? undefined : successorOf(authorities, profile.issuer);
  if (issuer !== undefined) return all.find(({ name, canSign }) => name === issuer && canSign);
  return profile.authority && root.canSign ? root : issuing;
}
