import type { CrlStore } from '../store/crl-store.ts';

/** Longest interval between two calls of `keepShards`, seconds. */
export const KEEP_SHARDS_EVERY = 3600;

export interface ShardKeeping {
  readonly store: Pick<CrlStore, 'keepShards'>;
  readonly authority: { readonly name: string; readonly certificate: { readonly notAfter: number } };
  /** Number of shards for which certificates are issued at present. */
  readonly count: number;
  /** Their folder as given in certificates, such as `http://…/crl/issuing/`. */
  readonly folder: string;
  /** Longest lifetime of a certificate that this authority may issue, seconds. */
  readonly longestLife: number;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/**
 * Records in the store that certificates name shards of this count, before the first one does. The shards are then published until the last
 * certificate that could have been issued before the next call has expired, whatever the configuration says by then.
 */
export async function keepShards({ store, authority, count, folder, longestLife, clock }: ShardKeeping): Promise<void> {
  const until = Math.min(authority.certificate.notAfter, Math.floor(clock() / 1000) + longestLife + 2 * KEEP_SHARDS_EVERY);
  await store.keepShards(authority.name, { count, until, addresses: [folder] });
}
