/** A process serving from this store. */
export interface Replica {
  /** Random, new at each start. */
  readonly id: string;
  /** Host name and process id, for people. */
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly seenAt: number;
  /** Digests of the parts of its configuration that must be the same everywhere, keyed by part name. */
  readonly parts: Readonly<Record<string, string>>;
}

/** Processes serving from this store, each renewing its entry while it does. Informational: nothing depends on it but reports to people. */
export interface ReplicaStore {
  /** Creates or renews the entry, and deletes entries not renewed since `forget` (milliseconds since the epoch). */
  announce(replica: Replica, forget: number): Promise<void>;
  list(): Promise<readonly Replica[]>;
  leave(id: string): Promise<void>;
}
