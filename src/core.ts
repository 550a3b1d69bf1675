import type { Authority, LoadedAuthorities } from './authority/authority.ts';
import type { Config } from './config/config.ts';
import type { IssuanceContext } from './issuance/context.ts';
import type { PublishedAt } from './issuance/template.ts';
import type { Metrics } from './metrics.ts';
import type { CrlContext } from './revocation/crl-publisher.ts';
import type { ReplicaStore } from './store/replicas.ts';
import type { AuthorityStanding } from './revocation/authority-standing.ts';
import type { Store } from './store/store.ts';

/** Everything except the listeners: authorities, store and issuance. */
export interface Core {
  readonly config: Config;
  readonly clock: () => number;
  readonly authorities: LoadedAuthorities;
  readonly store: Store;
  readonly replicas: ReplicaStore;
  readonly metrics: Metrics;
  /** Publication schedule of each authority's CRLs. */
  readonly crls: Pick<CrlContext, 'scheduleOf'>;
  /** Which authorities have been revoked. */
  readonly standing: AuthorityStanding;
  /** The authorities whose key is here: they sign, and publish a CRL. */
  readonly signing: readonly Authority[];
  /** Creates the issuance context, once the address that serves CRLs and certificates is known. Internal failures go to `report`. */
  readonly issuanceAt: (httpUrl: string | undefined, report: IssuanceContext['report']) => Issuance;
}

export interface Issuance {
  readonly issuance: IssuanceContext;
  readonly publishedAt: (authority: string) => PublishedAt;
}
