import type { Demand } from './link.ts';

/** A host (name or address) and port. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Addresses of Redis, and the user to authenticate as. */
export interface RedisAddress {
  /** `single`: one server, or whatever a name resolves to. `sentinel`, `cluster`: `hosts` are asked for the primary. */
  readonly topology: 'single' | 'sentinel' | 'cluster';
  readonly tls: boolean;
  readonly hosts: readonly Endpoint[];
  /** The sentinels' name for the primary. */
  readonly name?: string;
  /** Number of the database; 0 in a Cluster. */
  readonly database: number;
  /** An ACL user; default `default`. */
  readonly user?: string;
  readonly password?: string;
}

export interface RedisLinkOptions {
  readonly address: RedisAddress;
  /** Hash tag of all keys of the store: in a Cluster it determines the responsible node. */
  readonly hashTag: string;
  /** PEM files, read at each connect, so that renewed certificates are picked up. */
  readonly tls?: {
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
    /** The name in the servers' certificates, if it differs from the host. */
    readonly serverName?: string;
  };
  /** Credentials for the sentinels themselves. */
  readonly sentinel?: { readonly user?: string; readonly password?: string };
  /** Accept a server that may lose what it has acknowledged. */
  readonly allowVolatile: boolean;
  /** Number of replicas that must have a write (and all that a call saw) before the call resolves. */
  readonly minReplicas: number;
  /** Milliseconds allowed to the replicas for that. */
  readonly replicaTimeout: number;
  /** Milliseconds after which a call has completed, one way or another. */
  readonly timeout: number;
  /** What a server must contain to be accepted, once that is known. */
  readonly demand?: () => Demand | undefined;
  /** Called, for the log, when Redis becomes usable, or unusable and why. Contains no secrets. */
  readonly told?: (state: LinkState) => void;
}

export type LinkState =
  | { readonly usable: true; readonly primary: string }
  | { readonly usable: false; readonly reason: string };

/** `127.0.0.1:6379`, `[::1]:6379`. */
export const endpointText = ({ host, port }: Endpoint): string => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`);
