import { formatDuration } from '../../config/duration.ts';
import type { Extension } from '../../x509/extension.ts';
import { decodeBasicConstraints, decodeExtendedKeyUsage, decodeKeyUsage } from '../../x509/extensions.ts';
import { X509Error } from '../../x509/errors.ts';
import { OID, oidName } from '../../x509/oids.ts';
import { type Candidate, type EligibilityStep, failed, passed } from '../eligibility.ts';
import type { Grant } from '../grant.ts';
import type { Profile } from '../profile.ts';

/** Checks the profile: granted to the requester, the requested validity within limits, and no CSR extensions that it would not grant. */
export const profileStep: EligibilityStep = {
  name: 'profile',
  check: (candidate) => {
    const { profile, grant } = candidate;
    const faults: { code: string; detail: string }[] = [];
    if (grant.profiles !== 'any' && !grant.profiles.includes(profile.name)) {
      faults.push({ code: 'profile-not-allowed', detail: `profile ${profile.name} is not allowed for this requester; allowed: ${grant.profiles.join(', ') || 'none'}` });
    }
    if (profile.operatorsOnly && grant.operator !== true && grant.renewal === undefined) {
      faults.push({ code: 'profile-operators-only', detail: `profile ${profile.name} is reserved for operators with scope admin` });
    }
    const most = mostValidity(candidate);
    const asked = candidate.validity;
    if (asked !== undefined && asked > most) faults.push({ code: 'validity-too-long', detail: `a validity of ${formatDuration(asked)} was requested; at most ${formatDuration(most)} is allowed` });
    const leftOut: string[] = [];
    for (const extension of candidate.extensions) {
      const found = lookAt(extension, candidate);
      if (typeof found === 'string') faults.push({ code: 'extension-not-granted', detail: found });
      else leftOut.push(...found);
    }
    if (faults.length > 0) return failed(faults);
    const without = leftOut.length === 0 ? '' : `; requested in the CSR and left out: ${leftOut.join(', ')}`;
    return passed(`profile ${profile.name}, valid for ${formatDuration(asked ?? Math.min(profile.lifetime, most))}${without}`);
  },
};

/** The longest lifetime that profile and grant allow, seconds. */
export const mostValidity = ({ profile, grant }: { readonly profile: Profile; readonly grant: Pick<Grant, 'maxValidity'> }): number =>
  Math.min(profile.maxLifetime, grant.maxValidity ?? profile.maxLifetime);

/** Usages that TLS peers commonly request in a CSR. They confer nothing: the certificate's key usage is set by the profile. */
const COMMON_KEY_USAGES: readonly string[] = ['digitalSignature', 'keyEncipherment', 'keyAgreement'];
/** Usages that IIS and many OpenSSL recipes request as well. Harmless too, but reported as left out. */
const LEFT_OUT_KEY_USAGES: readonly string[] = ['contentCommitment', 'dataEncipherment'];
const AUTHORITY_KEY_USAGES: readonly string[] = ['digitalSignature', 'keyCertSign', 'cRLSign'];

/** The fault in a requested extension, or the parts of it that are left out of the certificate. */
type Finding = string | readonly string[];

const NOTHING: readonly string[] = [];

/**
 * Extensions that a CSR may contain, with a check of their values. They are never copied to the certificate: a request passes if the profile
 * grants the same, and anything else is refused, or reported as left out, rather than dropped silently.
 */
const NAMED_EXTENSIONS: Readonly<Record<string, (value: Uint8Array, candidate: Candidate) => Finding>> = {
  [OID.basicConstraints]: (value, { profile }) => {
    const asked = decodeBasicConstraints(value);
    if (asked.ca !== profile.authority) return asked.ca ? `the CSR asks for a CA certificate; profile ${profile.name} issues none` : NOTHING;
    if (asked.pathLength !== undefined && profile.pathLength !== undefined && asked.pathLength > profile.pathLength) {
      return `the CSR asks for path length ${asked.pathLength}; profile ${profile.name} grants ${profile.pathLength}`;
    }
    return NOTHING;
  },
  [OID.keyUsage]: (value, { profile }) => {
    const granted = profile.authority ? AUTHORITY_KEY_USAGES : COMMON_KEY_USAGES;
    const extra = decodeKeyUsage(value).filter((usage) => !granted.includes(usage));
    if (extra.length === 0) return NOTHING;
    if (!profile.authority && extra.every((usage) => LEFT_OUT_KEY_USAGES.includes(usage))) return extra.map((usage) => `key usage ${usage}`);
    return `the CSR asks for key usage ${extra.join(', ')}, which profile ${profile.name} does not grant`;
  },
  [OID.extendedKeyUsage]: (value, { profile, usagesLeftOut }) => {
    const asked = decodeExtendedKeyUsage(value);
    const extra = asked.filter((usage) => !profile.extendedKeyUsage.includes(usage));
    if (extra.length === 0) return NOTHING;
    if (usagesLeftOut === true && extra.length < asked.length) return extra.map((usage) => `extended key usage ${oidName(usage)}`);
    return `the CSR asks for extended key usage ${extra.map(oidName).join(', ')}, which profile ${profile.name} does not grant`;
  },
  // Ours is computed from the key; a value proposed by the CSR has no effect.
  [OID.subjectKeyIdentifier]: () => NOTHING,
  // Ciphers that a mail program supports (RFC 4262); in every CSR made by IIS.
  [OID.smimeCapabilities]: () => ['S/MIME capabilities'],
};

function lookAt(extension: Extension, candidate: Candidate): Finding {
  const look = Object.hasOwn(NAMED_EXTENSIONS, extension.oid) ? NAMED_EXTENSIONS[extension.oid] : undefined;
  if (look === undefined) return `the CSR asks for extension ${oidName(extension.oid)}, which no profile grants`;
  try {
    return look(extension.value, candidate);
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
    return error.detail;
  }
}
