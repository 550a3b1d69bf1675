/** A root by which managers of a swarm may show who they are. */
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

/** What operators have said of one swarm. */
export interface Swarm {
  readonly roots: readonly RegisteredRoot[];
  readonly createdAt: number;
  /** Until then, milliseconds since the epoch, also a manager's certificate that has ended is taken. */
  readonly graceUntil?: number;
  readonly graceBy?: string;
}

export const MANAGER = 'swarm-manager';
export const WORKER = 'swarm-worker';
/** The name of every manager as a CA of its swarm. */
export const SWARM_CA = 'swarm-ca';

/** Ids of nodes, as SwarmKit makes them: 128 random bits in base 36. */
export const NODE_ID = /^[a-z0-9]{25}$/;
/** The same of swarms, which say so where all of their nodes are to keep to FIPS 140-2. */
export const CLUSTER_ID = /^(?:FIPS\.)?[a-z0-9]{25}$/;
