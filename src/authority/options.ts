import { formatDuration } from '../config/duration.ts';
import { urlFault } from '../policy/lints/signing.ts';
import type { DistinguishedName } from '../x509/distinguished-name.ts';
import { X509Error } from '../x509/errors.ts';
import type { InformationAccess } from '../x509/extensions.ts';
import { type NameConstraints, nameConstraints, type NameSubtree } from '../x509/name-constraints.ts';
import { OID } from '../x509/oids.ts';
import type { AuthorityMode } from './authority.ts';
import { Faults } from './errors.ts';
import { checkPassphrase } from './keys/pkcs8.ts';
import { parseSubject } from './subject.ts';

export const AUTHORITY_ALGORITHMS = ['P-256', 'P-384', 'Ed25519', 'RSA-2048', 'RSA-3072', 'RSA-4096'] as const;
export type AuthorityAlgorithm = (typeof AUTHORITY_ALGORITHMS)[number];

/** Options of `init`. Addresses and constraints concern the issuing authority's certificate. */
export interface InitOptions {
  readonly data: string;
  readonly mode: AuthorityMode;
  /** Default P-256. */
  readonly algorithm?: AuthorityAlgorithm | undefined;
  readonly passphrase?: string | undefined;
  /** RFC 4514 text: `CN=Example Root,O=Example`. In `self-signed` mode that of the only authority. */
  readonly rootSubject?: string | undefined;
  readonly issuingSubject?: string | undefined;
  /** Seconds; default 10 and 5 years. */
  readonly rootLifetime?: number | undefined;
  readonly issuingLifetime?: number | undefined;
  /** The public http address: `<base>/crl/root.crl` and `<base>/ca/root.crt` are put into the certificate. */
  readonly httpBase?: string | undefined;
  /** Override those derived from `httpBase`. An OCSP address is only included if given here. */
  readonly crlUrls?: readonly string[] | undefined;
  readonly issuerUrls?: readonly string[] | undefined;
  readonly ocspUrls?: readonly string[] | undefined;
  /** Number of CAs allowed between the issuing one and a leaf; default 0. */
  readonly pathLength?: number | 'unlimited' | undefined;
  /** `dns:example.com`, `ip:10.0.0.0/8`, `email:example.com`, `uri:.example.com`. */
  readonly nameConstraints?: { readonly permitted?: readonly string[] | undefined; readonly excluded?: readonly string[] | undefined } | undefined;
  /** Seconds since the epoch. */
  readonly clock: () => number;
  /** Returns that many bytes from a CSPRNG. */
  readonly random: (size: number) => Uint8Array;
}

/** The same options, validated and complete. */
export interface CeremonySettings {
  readonly mode: AuthorityMode;
  readonly algorithm: AuthorityAlgorithm;
  readonly passphrase: string | undefined;
  readonly rootName: DistinguishedName;
  readonly issuingName: DistinguishedName;
  readonly rootLifetime: number;
  readonly issuingLifetime: number;
  readonly crlUrls: readonly string[];
  readonly access: InformationAccess;
  readonly pathLength: number | undefined;
  readonly constraints: NameConstraints | undefined;
}

const YEAR = 365 * 86_400;
const LIFETIMES = { root: 10 * YEAR, issuing: 5 * YEAR, least: 60, most: 50 * YEAR } as const;
const MOST_PATH_LENGTH = 10;
const CONSTRAINT = /^(dns|ip|email|uri):(.+)$/;

/** Options without effect in a mode are refused rather than ignored, since whoever gave them expects one. */
const WITHOUT_MEANING: Readonly<Record<AuthorityMode, readonly (keyof InitOptions)[]>> = {
  internal: [],
  'self-signed': ['issuingSubject', 'issuingLifetime', 'crlUrls', 'issuerUrls', 'ocspUrls'],
  external: ['rootSubject', 'rootLifetime', 'issuingLifetime', 'crlUrls', 'issuerUrls', 'ocspUrls'],
};

/** Validates the options and fills in defaults. @throws AuthorityError `option-wrong` with every fault */
export function checkOptions(options: InitOptions): CeremonySettings {
  const faults = new Faults();
  const wrong = (at: string, detail: string): void => faults.add('option-wrong', detail, at);
  const { mode, algorithm = 'P-256', passphrase, pathLength = 0 } = options;

  if (!Object.hasOwn(WITHOUT_MEANING, mode)) wrong('mode', `is "${mode}"; expected ${Object.keys(WITHOUT_MEANING).join(', ')}`);
  else for (const name of WITHOUT_MEANING[mode]) if (options[name] !== undefined) wrong(name, `has no meaning in mode ${mode}`);
  if (!AUTHORITY_ALGORITHMS.includes(algorithm)) wrong('algorithm', `is "${algorithm}"; expected ${AUTHORITY_ALGORITHMS.join(', ')}`);
  if (passphrase !== undefined) faults.catch(() => checkPassphrase(passphrase));
  if (pathLength !== 'unlimited' && !(Number.isInteger(pathLength) && pathLength >= 0 && pathLength <= MOST_PATH_LENGTH)) {
    wrong('pathLength', `is ${pathLength}; expected 0 to ${MOST_PATH_LENGTH}, or unlimited`);
  }

  const lifetime = (at: 'rootLifetime' | 'issuingLifetime', fallback: number): number => {
    const value = options[at] ?? fallback;
    if (Number.isInteger(value) && value >= LIFETIMES.least && value <= LIFETIMES.most) return value;
    wrong(at, `is ${formatDuration(value)}; expected ${formatDuration(LIFETIMES.least)} to ${LIFETIMES.most / YEAR} years`);
    return fallback;
  };
  const rootLifetime = lifetime('rootLifetime', LIFETIMES.root);
  const issuingLifetime = lifetime('issuingLifetime', Math.min(LIFETIMES.issuing, rootLifetime));
  if (issuingLifetime > rootLifetime) wrong('issuingLifetime', `is longer than the root's (${formatDuration(issuingLifetime)} against ${formatDuration(rootLifetime)})`);

  // Names differ between deployments: relying parties that trust two roots with the same name would confuse their certificates.
  const tail = Buffer.from(options.random(4)).toString('hex');
  const name = (at: 'rootSubject' | 'issuingSubject', fallback: string): DistinguishedName => {
    const text = options[at];
    return text === undefined ? [{ type: OID.commonName, value: `${fallback} ${tail}` }] : (faults.catch(() => parseSubject(text, at)) ?? []);
  };
  const rootName = name('rootSubject', mode === 'self-signed' ? 'Chancery CA' : 'Chancery Root CA');
  const issuingName = name('issuingSubject', 'Chancery Issuing CA');
  // RFC 5280 6.1: if both had the same name, the issuing certificate would appear to be self-issued.
  const alike = rootName.length > 0 && JSON.stringify(rootName) === JSON.stringify(issuingName);
  if (mode === 'internal' && alike) wrong('issuingSubject', "is the root's; expected another name");

  // An https address would depend on the certificates it serves (RFC 5280 8).
  const checkUrls = (at: keyof InitOptions, urls: readonly string[]): void => {
    const fault = urlFault(urls);
    if (fault !== undefined) wrong(at, fault);
  };
  const base = options.httpBase?.replace(/\/+$/, '');
  if (base !== undefined) checkUrls('httpBase', [`${base}/`]);
  const addresses = (at: 'crlUrls' | 'issuerUrls' | 'ocspUrls', path?: string): readonly string[] => {
    checkUrls(at, options[at] ?? []);
    return options[at] ?? (base === undefined || path === undefined ? [] : [`${base}${path}`]);
  };
  const settings: CeremonySettings = {
    mode, algorithm, passphrase, rootName, issuingName, rootLifetime, issuingLifetime,
    crlUrls: addresses('crlUrls', '/crl/root.crl'),
    access: { issuers: addresses('issuerUrls', '/ca/root.crt'), ocsp: addresses('ocspUrls') },
    pathLength: pathLength === 'unlimited' ? undefined : pathLength,
    constraints: readConstraints(options.nameConstraints, wrong),
  };
  faults.check();
  return settings;
}

function readConstraints(given: InitOptions['nameConstraints'], wrong: (at: string, detail: string) => void): NameConstraints | undefined {
  const read = (list: 'permitted' | 'excluded'): NameSubtree[] => (given?.[list] ?? []).flatMap((text) => {
    const at = `nameConstraints.${list}`;
    const [, kind, value] = CONSTRAINT.exec(text) ?? [];
    if (kind === undefined || value === undefined) {
      wrong(at, `"${text}" is not a constraint; expected dns:, ip:, email: or uri: and a value, such as dns:example.com or ip:10.0.0.0/8`);
      return [];
    }
    const subtree = { kind: kind as NameSubtree['kind'], value };
    try {
      nameConstraints({ permitted: [subtree] });
      return [subtree];
    } catch (error) {
      if (!(error instanceof X509Error)) throw error;
      wrong(at, error.detail);
      return [];
    }
  });
  const constraints = { permitted: read('permitted'), excluded: read('excluded') };
  return constraints.permitted.length + constraints.excluded.length === 0 ? undefined : constraints;
}
