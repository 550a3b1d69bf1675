import type { Authority } from './authority/authority.ts';
import type { Core } from './core.ts';
import type { CrlRoutes } from './http/published/crls.ts';
import type { Profile } from './policy/profile.ts';
import type { CrlSchedule } from './revocation/crl-documents.ts';
import { type CrlKeeper, crlKeeper } from './revocation/crl-schedule.ts';
import { CrlShelf } from './revocation/crl-shelf.ts';
import { KEEP_SHARDS_EVERY, keepShards } from './revocation/keep-shards.ts';
import { keepUp } from './upkeep.ts';

const SECOND = 1000;
/** Milliseconds between checks for revocations and CRLs by other processes. */
const LOOK = 400;

/** CRLs of this process: what it serves and what it publishes. */
export interface CrlService {
  readonly routes: CrlRoutes;
  readonly keeper: CrlKeeper;
  /** Publishes what is due, and keeps doing so. */
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

export interface CrlServiceOptions {
  readonly core: Core;
  /** Public address of the http listener, once it listens. Undefined if CRLs are not served over plain HTTP. */
  readonly httpUrl: () => string | undefined;
  readonly profiles: readonly Pick<Profile, 'issuer' | 'maxLifetime'>[];
  readonly log: { readonly error: (details: object, message: string) => void };
}

/** The publication schedule of an authority. The root's is slower, since it issues few certificates. */
export function scheduleOf({ crl }: Core['config'], { name }: Authority, root: Authority, issuing: Authority): CrlSchedule {
  if (name === root.name && name !== issuing.name) return { lifetime: crl.rootLifetime, renewBefore: Math.floor(crl.rootLifetime / 2) };
  const { publish, lifetime, reach } = crl.delta;
  return { lifetime: crl.lifetime, renewBefore: crl.renewBefore, ...(publish ? { delta: { lifetime, renewBefore: Math.floor(lifetime / 2), reach } } : {}) };
}

/** Assembles shelf, publisher and schedule. */
export function crlService({ core, httpUrl, profiles, log }: CrlServiceOptions): CrlService {
  const { config, store, authorities, signing, metrics, clock } = core;
  const folderOf = (authority: string): string | undefined => {
    const url = httpUrl();
    return url === undefined ? undefined : `${url}/crl/${authority}/`;
  };
  const shelf = new CrlShelf(store.crls, authorities.all.map(({ name }) => name));
  const look = (): Promise<void> => shelf.look();
  const keeper = crlKeeper({ store: store.crls, clock, scheduleOf: core.crls.scheduleOf, folderOf }, {
    authorities: signing, leases: store.leases, coalesce: config.crl.coalesce * SECOND, lookEvery: LOOK,
    published: (authority, { documents, oldest }, milliseconds) => {
      if (documents.size === 0) return;
      shelf.put(authority, documents);
      metrics.crlPublished(authority, milliseconds, oldest === undefined ? undefined : clock() / SECOND - oldest);
    },
    failed: (authority, err) => log.error({ err, authority }, 'the CRL could not be published'),
  });
  const failed = (what: string) => (err: unknown): void => log.error({ err }, what);
  const stopping: (() => Promise<unknown> | void)[] = [];
  const keep = async (): Promise<void> => {
    const folder = folderOf(authorities.issuing.name);
    if (config.crl.shards === 0 || folder === undefined || !authorities.issuing.canSign) return;
    const longestLife = Math.max(0, ...profiles.map(({ maxLifetime }) => maxLifetime));
    await keepShards({ store: store.crls, authority: authorities.issuing, count: config.crl.shards, folder, longestLife, clock });
  };
  return {
    routes: { authorities: authorities.all, shelf, clock, polled: metrics.crlPolled },
    keeper,
    start: async () => {
      await keep();
      await keeper.start();
      await look();
      const upkeeps = [
        keepUp(LOOK, look, failed('what other processes published could not be looked up')),
        keepUp((KEEP_SHARDS_EVERY / 2) * SECOND, keep, failed('the number of shards could not be stored')),
      ];
      const stopHints = store.crls.onHint(() => void look().catch(() => undefined));
      stopping.push(() => keeper.stop(), () => Promise.all(upkeeps.map((upkeep) => upkeep.stop())), stopHints);
    },
    stop: async () => {
      for (let step = stopping.pop(); step !== undefined; step = stopping.pop()) await step();
    },
  };
}
