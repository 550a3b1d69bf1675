import type { Config } from './config.ts';
import type { OidcConfig, PresetName, WrittenIssuer } from './oidc-schema.ts';

/** Defaults for a widely used issuer. */
export interface Preset {
  readonly issuer?: (written: WrittenIssuer) => string | undefined;
  readonly jwksUri?: string;
  readonly ca?: string;
  readonly bearerFile?: string;
  readonly permitNetworks?: readonly string[];
  /**
   * For an issuer open to the public: the claims of which each rule must fix one, with the patterns that do. A rule without any would apply
   * to the whole world.
   */
  readonly owners?: Readonly<Record<string, RegExp>>;
  /** The issuer at which `owners` applies; all if absent. */
  readonly ownersAt?: string;
}

const EXACT = /^[^*]+$/;
/** A path whose first segment is fixed: `octo-org/*`. */
const FIRST_PART = /^[^*]+$|^[^*/]+\//;
/** Where Kubernetes mounts a pod's credentials for its API. */
const IN_POD = '/var/run/secrets/kubernetes.io/serviceaccount';

export const PRESETS: Readonly<Record<PresetName, Preset>> = {
  'github-actions': {
    issuer: () => 'https://token.actions.githubusercontent.com',
    owners: {
      repository_owner: EXACT, repository_owner_id: EXACT, repository: FIRST_PART, repository_id: EXACT, enterprise: EXACT, enterprise_id: EXACT, sub: /^repo:(?:[^*]+$|[^*/]+\/)/,
    },
  },
  gitlab: {
    issuer: () => 'https://gitlab.com',
    ownersAt: 'https://gitlab.com',
    owners: {
      namespace_path: FIRST_PART, namespace_id: EXACT, project_path: FIRST_PART, project_id: EXACT, sub: /^project_path:(?:[^*]+$|[^*/]+\/)/,
    },
  },
  kubernetes: {
    issuer: () => 'https://kubernetes.default.svc.cluster.local',
    // Whatever the issuer's name, the API server publishes its keys here to every service account.
    jwksUri: 'https://kubernetes.default.svc/openid/v1/jwks',
    ca: `${IN_POD}/ca.crt`,
    bearerFile: `${IN_POD}/token`,
    permitNetworks: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7'],
  },
  google: {
    issuer: () => 'https://accounts.google.com',
    owners: {
      sub: EXACT, email: /^[^*]+$|^\*@[^*]+$/, hd: EXACT, azp: EXACT, 'google/compute_engine/project_id': EXACT, 'google/compute_engine/project_number': EXACT,
    },
  },
  azure: { issuer: ({ tenant }) => (tenant === undefined ? undefined : `https://login.microsoftonline.com/${tenant}/v2.0`) },
};

/** An issuer with its preset applied; whatever is still missing is a fault of the configuration. */
export interface IssuerSettings extends Omit<WrittenIssuer, 'audience' | 'permitNetworks' | 'issuer'> {
  readonly name: string;
  readonly issuer: string | undefined;
  readonly audience: readonly string[];
  readonly permitNetworks: readonly string[];
  /** See `Preset.owners`. */
  readonly owners: Preset['owners'];
}

/** The configured issuers, each with its preset applied. */
export function issuersOf({ oidc, publicUrl }: Pick<Config, 'oidc' | 'publicUrl'>): readonly IssuerSettings[] {
  return Object.entries(oidc.issuers).map(([name, written]) => {
    const { issuer: usual, owners, ownersAt, ...preset }: Preset = written.preset === undefined ? {} : PRESETS[written.preset];
    const issuer = written.issuer ?? usual?.(written);
    // Keys given in the configuration are not fetched, so the preset's fetch settings do not apply.
    const fixed = written.jwks !== undefined || written.jwksFile !== undefined;
    return {
      ...(fixed ? {} : preset), permitNetworks: (fixed ? undefined : preset.permitNetworks) ?? [], ...written,
      name, issuer, audience: written.audience ?? (publicUrl.https === undefined ? [] : [publicUrl.https]),
      owners: ownersAt === undefined || ownersAt === issuer ? owners : undefined,
    };
  });
}

/** With files as absolute paths. */
export const absoluteFiles = (oidc: OidcConfig, absolute: (path: string) => string): OidcConfig => ({
  ...oidc,
  issuers: Object.fromEntries(Object.entries(oidc.issuers).map(([name, issuer]) => {
    const files = FILES.flatMap((file) => (issuer[file] === undefined ? [] : [[file, absolute(issuer[file])]]));
    return [name, { ...issuer, ...Object.fromEntries(files) as Partial<WrittenIssuer> }];
  })),
});

const FILES = ['ca', 'bearerFile', 'jwksFile'] as const;
