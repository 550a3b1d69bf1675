/** A root under which the managers of a swarm may authenticate. */
export interface RegisteredRoot {
  /** SHA-256 of the certificate, lower-case hex. */
  readonly digest: string;
  /** SHA-256 of its SubjectPublicKeyInfo, lower-case hex. */
  readonly keyHash: string;
  /** DER in base64. */
  readonly certificate: string;
  readonly subject: string;
  /** Seconds since the epoch. */
  readonly notAfter: number;
  /** Milliseconds since the epoch. */
  readonly addedAt: number;
  readonly addedBy: string;
}

/** What operators have registered about one swarm. */
export interface Swarm {
  readonly roots: readonly RegisteredRoot[];
  readonly createdAt: number;
  /** Until this time, in milliseconds since the epoch, an expired manager certificate is accepted too. */
  readonly graceUntil?: number;
  readonly graceBy?: string;
}

export const MANAGER = 'swarm-manager';
export const WORKER = 'swarm-worker';
/** The name that every manager has as a CA of its swarm. */
export const SWARM_CA = 'swarm-ca';

/** Node ids as SwarmKit makes them: 128 random bits in base 36. */
export const NODE_ID = /^[a-z0-9]{25}$/;
/** Ids of swarms: the same, with a prefix where all nodes are required to comply with FIPS 140-2. */
export const CLUSTER_ID = /^(?:FIPS\.)?[a-z0-9]{25}$/;
