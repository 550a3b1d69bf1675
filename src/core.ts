import type { Authority, LoadedAuthorities } from './authority/authority.ts';
import type { Config } from './config/config.ts';
import type { IssuanceContext } from './issuance/context.ts';
import type { PublishedAt } from './issuance/template.ts';
import type { Metrics } from './metrics.ts';
import type { CrlContext } from './revocation/crl-publisher.ts';
import type { ReplicaStore } from './store/replicas.ts';
import type { AuthorityStanding } from './revocation/authority-standing.ts';
import type { Store } from './store/store.ts';

/** Authorities, store and the cycle of issuance: all but the listeners. */
export interface Core {
  readonly config: Config;
  readonly clock: () => number;
  readonly authorities: LoadedAuthorities;
  readonly store: Store;
  readonly replicas: ReplicaStore;
  readonly metrics: Metrics;
  /** How the CRLs of an authority are published. */
  readonly crls: Pick<CrlContext, 'scheduleOf'>;
  /** Which authorities were revoked. */
  readonly standing: AuthorityStanding;
  /** Those whose key is here: they sign, and publish a CRL. */
  readonly signing: readonly Authority[];
  /** The cycle, once it is known where CRLs and certificates are fetched, and who is told of what breaks. */
  readonly issuanceAt: (httpUrl: string | undefined, report: IssuanceContext['report']) => Issuance;
}

export interface Issuance {
  readonly issuance: IssuanceContext;
  readonly publishedAt: (authority: string) => PublishedAt;
}
