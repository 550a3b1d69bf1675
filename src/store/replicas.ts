/** A process that serves from this store. */
export interface Replica {
  /** Random, another one at each start. */
  readonly id: string;
  /** Host name and process number, for people. */
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly seenAt: number;
  /** Digests of the parts of its configuration that must be the same everywhere, by the part's name. */
  readonly parts: Readonly<Record<string, string>>;
}

/** Who serves from this store: each process says so again and again while it does. Nothing hangs on it but what people are told. */
export interface ReplicaStore {
  /** Writes or renews the entry, and forgets those not seen since `forget` (milliseconds since the epoch). */
  announce(replica: Replica, forget: number): Promise<void>;
  list(): Promise<readonly Replica[]>;
  leave(id: string): Promise<void>;
}
