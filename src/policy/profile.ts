import { formatDuration } from '../config/duration.ts';
import { normaliseDnsName } from '../x509/dns-name.ts';
import { X509Error } from '../x509/errors.ts';
import { OID } from '../x509/oids.ts';
import { compileNamePattern, type NameKind, type NamePattern, PatternError } from './name-pattern.ts';

export type CommonNameRule = 'none' | 'first-name' | 'from-csr';

/** A profile as configured; durations in seconds. */
export interface RawProfile {
  readonly lifetime?: number;
  readonly maxLifetime?: number;
  readonly backdate?: number;
  readonly keyTypes?: readonly string[];
  readonly extendedKeyUsage?: readonly string[];
  readonly subject?: { readonly commonName?: CommonNameRule; readonly organization?: string; readonly organizationalUnit?: string };
  readonly commonNameOnly?: boolean;
  readonly names?: {
    readonly kinds?: readonly NameKind[];
    readonly allow?: readonly string[];
    readonly deny?: readonly string[];
    readonly wildcards?: boolean;
    readonly privateZones?: readonly string[];
    readonly most?: number;
  };
  readonly policies?: readonly string[];
  readonly crlDistributionPoint?: boolean;
  readonly freshestCrl?: boolean;
  readonly authorityInformationAccess?: boolean;
  readonly operatorsOnly?: boolean;
  readonly approval?: boolean;
  readonly authority?: boolean;
  readonly pathLength?: number;
  readonly ocspNoCheck?: boolean;
  readonly renewable?: boolean;
  readonly issuer?: string;
}

/** What a certificate may contain and how long it lives. Checked once, at start, so that every value is valid afterwards. */
export interface Profile {
  readonly name: string;
  /** Seconds. */
  readonly lifetime: number;
  readonly maxLifetime: number;
  readonly backdate: number;
  readonly keyTypes: readonly string[];
  /** Dotted OIDs. */
  readonly extendedKeyUsage: readonly string[];
  readonly subject: { readonly commonName: CommonNameRule; readonly organization?: string; readonly organizationalUnit?: string };
  /** Whether the common name may be arbitrary text, and the SAN may be missing. */
  readonly commonNameOnly: boolean;
  readonly nameKinds: ReadonlySet<NameKind>;
  /** If undefined, every name of the allowed kinds. */
  readonly allow: readonly NamePattern[] | undefined;
  readonly deny: readonly NamePattern[];
  readonly wildcards: boolean;
  /** Normalised domains for which wildcards are allowed even though they, or their parents, are on the Public Suffix List. */
  readonly privateZones: readonly string[];
  readonly mostNames: number;
  readonly policies: readonly string[];
  readonly crlDistributionPoint: boolean;
  /** Whether certificates name the delta CRL (RFC 5280 4.2.1.15). */
  readonly freshestCrl: boolean;
  readonly authorityInformationAccess: boolean;
  readonly operatorsOnly: boolean;
  readonly approval: boolean;
  readonly authority: boolean;
  readonly pathLength: number | undefined;
  readonly ocspNoCheck: boolean;
  readonly renewable: boolean;
  /** The signing authority; undefined for the deployment's issuing authority. */
  readonly issuer: string | undefined;
}

const DAY = 86_400;

/** RFC 5280 4.2.1.12, under OpenSSL's names. */
const { serverAuth, clientAuth, codeSigning, emailProtection, timeStamping, OCSPSigning } = OID;
const EXTENDED_KEY_USAGES: Readonly<Record<string, string>> = { serverAuth, clientAuth, codeSigning, emailProtection, timeStamping, OCSPSigning };

/** Defaults for all profiles. */
export const COMMON_PROFILE = {
  lifetime: 30 * DAY,
  maxLifetime: 397 * DAY,
  backdate: 60,
  keyTypes: ['P-256', 'P-384', 'Ed25519', 'RSA'],
  names: { most: 100 },
  crlDistributionPoint: true,
  authorityInformationAccess: true,
  renewable: true,
} satisfies RawProfile;

/** Profiles that exist without any configuration. */
export const BUILT_IN_PROFILES: Readonly<Record<string, RawProfile>> = {
  server: { extendedKeyUsage: ['serverAuth'], names: { kinds: ['dns', 'ip'] } },
  // For names whose control was proved one by one.
  acme: { extendedKeyUsage: ['serverAuth'], names: { kinds: ['dns', 'ip'], wildcards: true } },
  client: { extendedKeyUsage: ['clientAuth'], commonNameOnly: true, names: { kinds: ['dns', 'ip', 'email', 'uri', 'text'] } },
  node: { extendedKeyUsage: ['serverAuth', 'clientAuth'], names: { kinds: ['dns', 'ip', 'uri'] } },
  // Docker swarm nodes: role, node id, and swarm-ca for managers.
  swarm: { extendedKeyUsage: ['serverAuth', 'clientAuth'], lifetime: 90 * DAY, maxLifetime: 90 * DAY, renewable: false, names: { kinds: ['dns'], most: 3 } },
  operator: {
    extendedKeyUsage: ['clientAuth'], commonNameOnly: true, operatorsOnly: true, lifetime: 365 * DAY,
    names: { kinds: ['dns', 'email', 'text'] },
  },
  ocsp: {
    extendedKeyUsage: ['OCSPSigning'], commonNameOnly: true, operatorsOnly: true, ocspNoCheck: true, crlDistributionPoint: false, renewable: false,
    names: { kinds: ['dns', 'text'] },
  },
  // Used by the service for its own https listener.
  service: { extendedKeyUsage: ['serverAuth'], operatorsOnly: true, renewable: false, keyTypes: ['P-256'], names: { kinds: ['dns', 'ip'] } },
  subordinate: {
    authority: true, pathLength: 0, commonNameOnly: true, operatorsOnly: true, lifetime: 5 * 365 * DAY, maxLifetime: 10 * 365 * DAY, renewable: false,
    names: { kinds: ['text'] },
  },
};

/** All faults of the configured profiles. */
export class ProfileError extends Error {
  override readonly name = 'ProfileError';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(faults.join('; '));
    this.faults = faults;
  }
}

/**
 * Merges the configured profiles over the built-in ones, member by member.
 * @throws ProfileError naming every fault
 */
export function compileProfiles(configured: Readonly<Record<string, RawProfile>>): ReadonlyMap<string, Profile> {
  const faults: string[] = [];
  const profiles = new Map<string, Profile>();
  for (const name of new Set([...Object.keys(BUILT_IN_PROFILES), ...Object.keys(configured)])) {
    const profile = compileProfile(name, overlay(overlay(COMMON_PROFILE, Object.hasOwn(BUILT_IN_PROFILES, name) ? BUILT_IN_PROFILES[name] : undefined), configured[name]), faults);
    profiles.set(name, profile);
  }
  if (faults.length > 0) throw new ProfileError(faults);
  return profiles;
}

function overlay(base: RawProfile, over: RawProfile | undefined): RawProfile {
  return { ...base, ...over, names: { ...base.names, ...over?.names }, subject: { ...base.subject, ...over?.subject } };
}

function compileProfile(name: string, raw: RawProfile, faults: string[]): Profile {
  const fault = (text: string): void => void faults.push(`profiles.${name}: ${text}`);
  const authority = raw.authority ?? false;
  const lifetime = raw.lifetime ?? 0;
  const maxLifetime = raw.maxLifetime ?? lifetime;
  if (lifetime < 60) fault(`lifetime is ${formatDuration(lifetime)}; expected at least 1m`);
  if (lifetime > maxLifetime) fault(`lifetime (${formatDuration(lifetime)}) is above maxLifetime (${formatDuration(maxLifetime)})`);
  if (authority && raw.extendedKeyUsage !== undefined && raw.extendedKeyUsage.length > 0) fault('a CA certificate has no extendedKeyUsage here');
  if (!authority && raw.pathLength !== undefined) fault('pathLength goes with authority: true (RFC 5280 4.2.1.9)');
  if (!authority && (raw.extendedKeyUsage ?? []).length === 0) fault('extendedKeyUsage is empty; expected at least one usage');
  if (authority && raw.operatorsOnly !== true) fault('a profile of CA certificates must be operatorsOnly');
  return {
    name, lifetime, maxLifetime, authority,
    backdate: raw.backdate ?? 0,
    keyTypes: raw.keyTypes ?? [],
    extendedKeyUsage: usages(raw.extendedKeyUsage ?? [], fault),
    subject: { commonName: 'from-csr', ...raw.subject },
    commonNameOnly: raw.commonNameOnly ?? false,
    nameKinds: new Set(raw.names?.kinds ?? ['dns', 'ip']),
    allow: raw.names?.allow === undefined ? undefined : patterns(raw.names.allow, fault),
    deny: patterns(raw.names?.deny ?? [], fault),
    wildcards: raw.names?.wildcards ?? false,
    privateZones: zones(raw.names?.privateZones ?? [], fault),
    mostNames: raw.names?.most ?? 100,
    policies: raw.policies ?? [],
    crlDistributionPoint: raw.crlDistributionPoint ?? true,
    freshestCrl: raw.freshestCrl ?? false,
    authorityInformationAccess: raw.authorityInformationAccess ?? true,
    operatorsOnly: raw.operatorsOnly ?? false,
    approval: raw.approval ?? false,
    pathLength: raw.pathLength,
    ocspNoCheck: raw.ocspNoCheck ?? false,
    renewable: raw.renewable ?? true,
    issuer: raw.issuer,
  };
}

function usages(names: readonly string[], fault: (text: string) => void): string[] {
  return names.map((name) => {
    const oid = Object.hasOwn(EXTENDED_KEY_USAGES, name) ? EXTENDED_KEY_USAGES[name] : name;
    if (oid === undefined || !/^[0-2](\.(0|[1-9][0-9]*))+$/.test(oid)) fault(`extendedKeyUsage "${name}" is unknown; expected ${Object.keys(EXTENDED_KEY_USAGES).join(', ')} or a dotted OID`);
    if (oid === OID.anyExtendedKeyUsage) fault('anyExtendedKeyUsage is never issued');
    return oid ?? '';
  });
}

function zones(texts: readonly string[], fault: (text: string) => void): string[] {
  return texts.flatMap((text) => {
    try {
      return [normaliseDnsName(text, false)];
    } catch (error) {
      if (!(error instanceof X509Error)) throw error;
      fault(`names.privateZones: ${error.detail}; expected a domain such as github.io`);
      return [];
    }
  });
}

function patterns(texts: readonly string[], fault: (text: string) => void): NamePattern[] {
  return texts.flatMap((text) => {
    try {
      return [compileNamePattern(text)];
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      fault(error.message);
      return [];
    }
  });
}
