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
  /** The deployment's own secret. */
  readonly master: Uint8Array;
  /** What goes into certificates as the address of CRLs: of the configuration, or the listener's own. */
  readonly httpUrl: () => string | undefined;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly log: Log;
}

/** This process among those that serve from the same store. */
export interface ReplicaKeeper {
  /** Says that this process serves, and compares it with the others. */
  readonly look: () => Promise<void>;
  /** What the last look found to differ, in words. */
  readonly differences: () => string | undefined;
  readonly leave: () => Promise<void>;
}

/** Milliseconds after which nobody speaks of a process any more. */
const FORGOTTEN = 600_000;
/** A process that was not seen for so long has ended. */
const GONE = 35_000;
/** Clocks may differ by so much: leases are longer by far. */
const CLOCKS_APART = 5000;

/**
 * What must be the same in all processes that serve from one store, as digests: secrets are among it, and none of them is told. Not
 * compared: addresses to listen on, limits, logging, and where the store is.
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

/** The entry of this process in a store, and the keeper that wrote it last: a service that takes the place of another is the same replica. */
const seats = new WeakMap<ReplicaStore, { readonly id: string; readonly startedAt: number; keeper: ReplicaKeeper | undefined }>();

/** Two processes with another configuration would answer the same call otherwise, and nobody would know why: so it is noticed and told. */
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

/** What differs between one process and others, in words; undefined where nothing does. */
export function differences(one: Replica, others: readonly Replica[]): string | undefined {
  const words = others.flatMap((other) => {
    const names = [...new Set([...Object.keys(one.parts), ...Object.keys(other.parts)])].filter((name) => one.parts[name] !== other.parts[name]);
    // Its own entry was just written, an honest one of the other is from before.
    const ahead = other.seenAt - one.seenAt;
    return [
      ...(names.length === 0 ? [] : [`${other.name} has another ${names.sort().join(', ')}`]),
      ...(ahead > CLOCKS_APART ? [`the clock of ${other.name} is ${Math.round(ahead / 1000)} s ahead`] : []),
    ];
  });
  return words.length === 0 ? undefined : `replicas differ: ${words.sort().join('; ')}`;
}
