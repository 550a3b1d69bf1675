import type { Authority } from '../authority/authority.ts';
import { Refused } from '../errors.ts';
import type { Grant } from '../policy/grant.ts';
import { type LintedTbs, lint, LintError } from '../policy/lints.ts';
import { mostValidity } from '../policy/steps/profile.ts';
import { assembleCertificate } from '../x509/certificate.ts';
import type { GeneralName } from '../x509/general-name.ts';
import type { NamedCandidate } from './candidate.ts';
import type { IssuingProfile } from './context.ts';

/** The parts of a candidate that end up in the certificate. */
export interface Certifiable extends Pick<NamedCandidate, 'publicKey' | 'names' | 'commonName' | 'organization' | 'organizationalUnit' | 'validity' | 'life'> {
  readonly grant: Pick<Grant, 'maxValidity'>;
}

/** Seconds since the epoch; both ends are inclusive. */
export interface Life {
  readonly notBefore: number;
  readonly notAfter: number;
}

/** The exact, linted bytes of a certificate, and the function that signs them. */
export interface ToBeSigned extends Life {
  readonly tbs: Uint8Array;
  /** Returns the certificate, DER; a promise if the key is slow or held outside the process. */
  readonly sign: () => Uint8Array | Promise<Uint8Array>;
}

/**
 * The validity period of a certificate issued now. Both ends are inclusive (RFC 5280 4.1.2.5), so a lifetime of n seconds ends n - 1
 * seconds after it began. It never extends beyond the issuer's.
 * @param now milliseconds since the epoch
 */
export function lifeOf({ profile, authority }: IssuingProfile, { validity, grant, life: asked = {} }: Pick<Certifiable, 'validity' | 'grant' | 'life'>, now: number): Life {
  const seconds = Math.floor(now / 1000);
  const life = validity ?? Math.min(profile.lifetime, mostValidity({ profile, grant }));
  return {
    notBefore: Math.max(asked.notBefore ?? seconds - profile.backdate, authority.certificate.notBefore),
    notAfter: Math.min(asked.notAfter ?? (asked.notBefore ?? seconds) + life - 1, authority.certificate.notAfter),
  };
}

/**
 * Builds and lints the bytes of a certificate.
 * @param now milliseconds since the epoch
 * @throws LintError naming each failed lint, including a validity period that is already over;
 *   Refused `unavailable` if the authority has expired, was revoked, or has no key here
 */
export function certify(issuing: IssuingProfile, candidate: Certifiable, serial: string, now: number): ToBeSigned {
  const { authority, template } = issuing;
  checkStands(issuing);
  const { notBefore, notAfter } = lifeOf(issuing, candidate, now);
  const seconds = Math.floor(now / 1000);
  if (authority.certificate.notAfter < seconds) throw new Refused('unavailable', `Authority ${authority.name} has expired and must be renewed.`, { retryAfter: 3600 });
    // Unlike an outage this does not pass: the dates were part of the request.
  if (notAfter < seconds) throw new LintError('the certificate must not be signed', [{ name: 'validity-over', citation: 'RFC 5280 4.1.2.5', detail: `it would already have expired, at ${new Date(notAfter * 1000).toISOString()}` }]);
  const { names, commonName, organization, organizationalUnit, publicKey } = candidate;
  const tbs = template({ serial, notBefore, notAfter, commonName, organization, organizationalUnit, names, publicKey });
  // Told what was granted, the linter also checks that the bytes hold this key and these names, and nothing else.
  const linted = lint(tbs, { issuer: authority.certificate, publicKey: publicKey.der, names: names.filter((name): name is GeneralName => name.kind !== 'text') });
  return { tbs: linted.bytes, notBefore, notAfter, sign: () => signLinted(authority, linted) };
}

/**
 * Signs bytes stored earlier, for an approved request. They are linted again, because only linted bytes can be signed.
 * @throws LintError, Refused `unavailable`
 */
export function signStored(issuing: Pick<IssuingProfile, 'authority' | 'revocation'>, tbs: Uint8Array): Uint8Array | Promise<Uint8Array> {
  checkStands(issuing);
  return signLinted(issuing.authority, lint(tbs, { issuer: issuing.authority.certificate }));
}

function checkStands({ authority, revocation }: Pick<IssuingProfile, 'authority' | 'revocation'>): void {
  const revoked = revocation?.();
  if (revoked === undefined) return;
  throw new Refused('unavailable', `Authority ${authority.name} was revoked at ${new Date(revoked.at * 1000).toISOString()} (${revoked.reason}) and issues nothing any more.`, { retryAfter: 86_400 });
}

function signLinted({ name, signingKey, signatureAlgorithm }: Authority, linted: LintedTbs): Uint8Array | Promise<Uint8Array> {
  if (signingKey === undefined) throw new Refused('unavailable', `Authority ${name} has no signing key here.`, { retryAfter: 60 });
  const signature = signingKey.sign(linted);
  const assemble = (bytes: Uint8Array): Uint8Array => assembleCertificate(linted.bytes, signatureAlgorithm.der, bytes);
  return signature instanceof Promise ? signature.then(assemble) : assemble(signature);
}
