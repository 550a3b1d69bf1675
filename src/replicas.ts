import { createHmac, randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { canonicalJson } from './audit/chain.ts';
import type { LoadedAuthorities } from './authority/authority.ts';
import type { Config } from './config/config.ts';
import { sha256 } from './digest.ts';
import type { Log } from './log.ts';
import type { Replica, ReplicaStore } from './store/replicas.ts';
import { VERSION } from './version.ts';

export interface ReplicaOptions {
  readonly store: ReplicaStore;
  readonly config: Config;
  readonly authorities: LoadedAuthorities;
  /** The deployment's master secret. */
  readonly master: Uint8Array;
  /** Address of CRLs as certificates state it: configured, or the listener's own. */
  readonly httpUrl: () => string | undefined;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly log: Log;
}

/** This process as one of several serving from the same store. */
export interface ReplicaKeeper {
  /** Announces that this process serves, and compares its configuration with the others'. */
  readonly look: () => Promise<void>;
  /** Differences found by the last comparison, in words. */
  readonly differences: () => string | undefined;
  readonly leave: () => Promise<void>;
}

/** Milliseconds after which an entry is removed. */
const FORGOTTEN = 600_000;
/** Milliseconds without an update after which a process is considered gone. */
const GONE = 35_000;
/** Milliseconds by which clocks may differ: leases last much longer. */
const CLOCKS_APART = 5000;

/**
 * Digests of everything that must be the same in all processes serving from one store; digests, since secrets are among it. Not compared:
 * listen addresses, limits, logging, and the store's address.
 */
export function configurationParts({ config, authorities, master, httpUrl }: Omit<ReplicaOptions, 'store' | 'clock' | 'log'>): Readonly<Record<string, string>> {
  const { publicUrl, profiles, defaultProfile, eligibility, webhooks, keys: { block }, crl, ocsp, hostNames, hostNamesGiven, store: { retainEnded } } = config;
  const parts = {
    version: VERSION,
    authorities: authorities.all.map(({ name, der, canSign }) => [name, sha256(der), canSign]),
    'authority.issuing': authorities.issuing.name,
    'secret.key': createHmac('sha256', master).update('replica').digest('hex'),
    publicUrl: [publicUrl.https, httpUrl()], profiles, defaultProfile, eligibility, webhooks, 'keys.block': [...block].sort(), crl,
    ocsp: { serve: ocsp.serve, lifetime: ocsp.lifetime, responderId: ocsp.responderId },
    hostNames: hostNamesGiven ? [...hostNames].sort() : 'usual',
    'store.retainEnded': retainEnded,
  };
  return Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, sha256(canonicalJson(part))]));
}

/** This process's entry in a store, and the keeper that wrote it last: a service that replaces another in the same process is the same replica. */
const seats = new WeakMap<ReplicaStore, { readonly id: string; readonly startedAt: number; keeper: ReplicaKeeper | undefined }>();

/** Detects replicas with differing configurations, which would answer the same call differently for no visible reason, and logs it. */
export function replicaKeeper({ store, clock, log, ...deployment }: ReplicaOptions): ReplicaKeeper {
  const seat = seats.get(store) ?? { id: randomUUID(), startedAt: clock(), keeper: undefined };
  seats.set(store, seat);
  const own = { id: seat.id, name: `${hostname()}/${process.pid}`, startedAt: seat.startedAt };
  let parts: Replica['parts'] | undefined;
  let told: string | undefined;
  const keeper: ReplicaKeeper = {
    look: async () => {
      seat.keeper = keeper;
      const now = clock();
      const here = { ...own, seenAt: now, parts: parts ??= configurationParts(deployment) };
      await store.announce(here, now - FORGOTTEN);
      const others = (await store.list()).filter(({ id, seenAt }) => id !== own.id && now - seenAt < GONE);
      const found = differences(here, others);
      if (found !== told && found !== undefined) log.warn({ replica: own.name }, found);
      if (found !== told && found === undefined) log.info({ replica: own.name }, 'all replicas have the same configuration again');
      told = found;
    },
    differences: () => told,
    leave: async () => {
      if (seat.keeper === keeper) await store.leave(own.id);
    },
  };
  return keeper;
}

/** Describes how other replicas differ from this one; undefined if they do not. */
export function differences(one: Replica, others: readonly Replica[]): string | undefined {
  const words = others.flatMap((other) => {
    const names = [...new Set([...Object.keys(one.parts), ...Object.keys(other.parts)])].filter((name) => one.parts[name] !== other.parts[name]);
    // This replica's entry has just been written, so an honest entry of another one is older.
    const ahead = other.seenAt - one.seenAt;
    return [
      ...(names.length === 0 ? [] : [`${other.name} has a different ${names.sort().join(', ')}`]),
      ...(ahead > CLOCKS_APART ? [`the clock of ${other.name} is ${Math.round(ahead / 1000)} s ahead`] : []),
    ];
  });
  return words.length === 0 ? undefined : `replicas differ: ${words.sort().join('; ')}`;
}
