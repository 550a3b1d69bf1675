import type { Demand } from './link.ts';

/** A host (name or address) and port. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Where Redis is, and as whom to go there. */
export interface RedisAddress {
  /** `single`: one server, or whatever a name leads to. `sentinel`, `cluster`: `hosts` are asked who the primary is. */
  readonly topology: 'single' | 'sentinel' | 'cluster';
  readonly tls: boolean;
  readonly hosts: readonly Endpoint[];
  /** What the sentinels call the primary. */
  readonly name?: string;
  /** Number of the database; 0 in a Cluster. */
  readonly database: number;
  /** An ACL user; `default` where absent. */
  readonly user?: string;
  readonly password?: string;
}

export interface RedisLinkOptions {
  readonly address: RedisAddress;
  /** Hash tag of all keys of the store: in a Cluster it decides who holds them. */
  readonly hashTag: string;
  /** Files of PEM, read at each connect, so that a renewed certificate is taken. */
  readonly tls?: {
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
    /** The name in the servers' certificates, where it is not the host's. */
    readonly serverName?: string;
  };
  /** For the sentinels themselves. */
  readonly sentinel?: { readonly user?: string; readonly password?: string };
  /** Take a server that may lose what it has acknowledged. */
  readonly allowVolatile: boolean;
  /** How many replicas must have a write (and all that a call saw) before the call resolves. */
  readonly minReplicas: number;
  /** Milliseconds that the replicas have for it. */
  readonly replicaTimeout: number;
  /** Milliseconds after which a call has ended, one way or the other. */
  readonly timeout: number;
  /** What a server must hold to be used, once that is known. */
  readonly demand?: () => Demand | undefined;
  /** Told, for the log, when Redis can be used again and when it cannot, and why. No secret is in it. */
  readonly told?: (state: LinkState) => void;
}

export type LinkState =
  | { readonly usable: true; readonly primary: string }
  | { readonly usable: false; readonly reason: string };

/** `127.0.0.1:6379`, `[::1]:6379`. */
export const endpointText = ({ host, port }: Endpoint): string => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`);
