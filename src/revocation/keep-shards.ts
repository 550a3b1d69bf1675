import type { CrlStore } from '../store/crl-store.ts';

/** How long after one `keepShards` the next one comes at the latest, seconds. */
export const KEEP_SHARDS_EVERY = 3600;

export interface ShardKeeping {
  readonly store: Pick<CrlStore, 'keepShards'>;
  readonly authority: { readonly name: string; readonly certificate: { readonly notAfter: number } };
  /** How many shards certificates are issued for now. */
  readonly count: number;
  /** Where they say the shards are: `http://…/crl/issuing/`. */
  readonly folder: string;
  /** The longest life of a certificate that this authority may issue, seconds. */
  readonly longestLife: number;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/**
 * Says to the store that certificates name shards of this number, before the first one does: so the shards are published until the last
 * certificate that could have been issued before this is said again has ended, whatever the configuration says by then.
 */
export async function keepShards({ store, authority, count, folder, longestLife, clock }: ShardKeeping): Promise<void> {
  const until = Math.min(authority.certificate.notAfter, Math.floor(clock() / 1000) + longestLife + 2 * KEEP_SHARDS_EVERY);
  await store.keepShards(authority.name, { count, until, addresses: [folder] });
}
