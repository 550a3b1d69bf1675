import type { StepSetting } from '../policy/compile-steps.ts';
import type { RawProfile } from '../policy/profile.ts';
import type { AcmeConfig } from './acme-schema.ts';
import type { WebhooksConfig } from './eligibility-schema.ts';
import type { CfsslConfig, SwarmConfig } from './cfssl-schema.ts';
import type { AttestationConfig } from './attestation-schema.ts';
import type { Listener } from './forms.ts';
import type { OidcConfig } from './oidc-schema.ts';
import type { StoreLocation } from './store-address.ts';

/** The validated, complete configuration: defaults filled in, paths absolute, durations in seconds. Frozen. */
export interface Config {
  /** The file that was read, absolute; undefined if everything comes from defaults or the environment. */
  readonly file: string | undefined;
  /** An absolute path. */
  readonly data: string;
  /** An absolute path. */
  readonly runtime: string;
  readonly listen: {
    readonly https: Listener | 'off';
    readonly http: Listener | 'off';
    readonly metrics: Listener | 'off';
  };
  /** Without a trailing slash. If undefined: the listener's own address, known once it listens. */
  readonly publicUrl: { readonly https?: string; readonly http?: string };
  /** Names and addresses for the service's own certificate, normalized; at least one. */
  readonly hostNames: readonly string[];
  /** False for the default names: those that name constraints forbid are then left out. */
  readonly hostNamesGiven: boolean;
  /** Files, absolute; both or none. */
  readonly httpsCertificate: { readonly cert?: string; readonly key?: string };
  readonly store: {
    readonly url: StoreLocation;
    /** Seconds. */
    readonly retainEnded: number;
    /** The common prefix of all keys in Redis, in braces. */
    readonly prefix: string;
    /** Used if the address contains none. */
    readonly password?: string;
    /** Files, absolute. */
    readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string; readonly serverName?: string };
    readonly sentinel: { readonly user?: string; readonly password?: string };
    readonly allowVolatile: boolean;
    readonly minReplicas: number;
    /** Seconds. */
    readonly replicaTimeout: number;
    readonly timeout: number;
  };
  readonly authority: {
    readonly passphrase?: string;
    readonly verifySignatures: boolean;
    readonly issuing?: string;
  };
  /** Seconds. */
  readonly crl: {
    readonly lifetime: number;
    readonly renewBefore: number;
    readonly rootLifetime: number;
    readonly coalesce: number;
    readonly delta: {
      readonly publish: boolean;
      readonly lifetime: number;
      readonly reach: number;
    };
    /** 0, or a power of two. */
    readonly shards: number;
  };
  readonly ocsp: {
    readonly serve: boolean;
    /** Seconds. */
    readonly lifetime: number;
    readonly maxAge: number;
    /** Responses cached by each process. */
    readonly kept: number;
    readonly responderId: 'key' | 'name';
    /** Seconds. */
    readonly responderLifetime: number;
  };
  /** The configured profiles, which override or supplement the built-in ones; `policy/profile.ts` compiles them. */
  readonly profiles: Readonly<Record<string, RawProfile>>;
  readonly defaultProfile: string;
  /** In order. */
  readonly eligibility: readonly StepSetting[];
  /** By name. File paths are absolute. */
  readonly webhooks: WebhooksConfig;
  readonly keys: {
    /** SHA-256 of SubjectPublicKeyInfo, lower-case hex. */
    readonly block: readonly string[];
    /** Absolute paths. */
    readonly debianBlockLists: readonly string[];
  };
  readonly limits: {
    /** Bytes. */
    readonly body: number;
    /** Per listener and process. */
    readonly connections: number;
    /** Seconds. */
    readonly requestTime: number;
    readonly wait: number;
    /** Calls per minute; 0 for no limit. */
    readonly perIdentity: number;
    readonly perAddress: number;
    readonly failuresPerAddress: number;
    /** Per process. */
    readonly eventStreams: number;
    readonly eventStreamsPerAddress: number;
  };
  readonly log: { readonly level: LogLevel; readonly requests: boolean };
  readonly acme: AcmeConfig;
  readonly cfssl: CfsslConfig;
  readonly swarm: SwarmConfig;
  /** File paths are absolute. */
  readonly attestation: AttestationConfig;
  readonly oidc: OidcConfig;
  readonly workers: number;
}

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
