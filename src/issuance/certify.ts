import type { Authority } from '../authority/authority.ts';
import { Refused } from '../errors.ts';
import type { Grant } from '../policy/grant.ts';
import { type LintedTbs, lint, LintError } from '../policy/lints.ts';
import { mostValidity } from '../policy/steps/profile.ts';
import { assembleCertificate } from '../x509/certificate.ts';
import type { GeneralName } from '../x509/general-name.ts';
import type { NamedCandidate } from './candidate.ts';
import type { IssuingProfile } from './context.ts';

/** What of a candidate is in the certificate's bytes. */
export interface Certifiable extends Pick<NamedCandidate, 'publicKey' | 'names' | 'commonName' | 'organization' | 'organizationalUnit' | 'validity' | 'life'> {
  readonly grant: Pick<Grant, 'maxValidity'>;
}

/** Seconds since the epoch; both ends count. */
export interface Life {
  readonly notBefore: number;
  readonly notAfter: number;
}

/** The exact bytes of a certificate, linted; the signature when asked. */
export interface ToBeSigned extends Life {
  readonly tbs: Uint8Array;
  /** The certificate, DER: at once, or later where the key is slow or outside the process. */
  readonly sign: () => Uint8Array | Promise<Uint8Array>;
}

/**
 * When a certificate made now begins and ends. RFC 5280 4.1.2.5: both ends count, so a life of n seconds ends n - 1 after it
 * began. Never outside the issuer's.
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
 * @throws LintError naming each failed lint, also for a life that is over; Refused `unavailable` when the authority has ended, was revoked, or has no key here
 */
export function certify(issuing: IssuingProfile, candidate: Certifiable, serial: string, now: number): ToBeSigned {
  const { authority, template } = issuing;
  checkStands(issuing);
  const { notBefore, notAfter } = lifeOf(issuing, candidate, now);
  const seconds = Math.floor(now / 1000);
  if (authority.certificate.notAfter < seconds) throw new Refused('unavailable', `Authority ${authority.name} has ended and must be renewed.`, { retryAfter: 3600 });
  // That it was asked for so does not pass, as an outage does.
  if (notAfter < seconds) throw new LintError('the certificate must not be signed', [{ name: 'validity-over', citation: 'RFC 5280 4.1.2.5', detail: `it would have ended already, at ${new Date(notAfter * 1000).toISOString()}` }]);
  const { names, commonName, organization, organizationalUnit, publicKey } = candidate;
  const tbs = template({ serial, notBefore, notAfter, commonName, organization, organizationalUnit, names, publicKey });
  // Told what was granted, the lints also hold the bytes to it: this key, these names, nothing else.
  const linted = lint(tbs, { issuer: authority.certificate, publicKey: publicKey.der, names: names.filter((name): name is GeneralName => name.kind !== 'text') });
  return { tbs: linted.bytes, notBefore, notAfter, sign: () => signLinted(authority, linted) };
}

/**
 * Signs bytes that were stored before (an approved request): linted once more, as only linted bytes can be signed.
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
