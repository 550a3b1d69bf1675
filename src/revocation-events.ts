import type { Core } from './core.ts';
import type { RevocationEventRoutes } from './http/rest/revocation-events.ts';
import type { Log } from './log.ts';
import { revocationFeed } from './revocation/events/feed.ts';
import type { CrlDocument } from './store/crl-store.ts';

/** The revocation feed for clients, with its limits, metrics and failure reports. `httpUrl`: where CRLs are served over plain HTTP. */
export function revocationEvents({ config: { limits }, store, authorities, metrics }: Core, httpUrl: string | undefined, log: Log): RevocationEventRoutes {
  const feed = revocationFeed({
    store: store.crls,
    authorities: authorities.all.map(({ name }) => name),
    urlOf: (authority, document) => `${httpUrl ?? ''}${pathOf(authority, document)}`,
    failed: (err) => log.error({ err }, 'the store\'s revocations could not be read for those who follow them'),
    sent: metrics.eventsSent,
  });
  return {
    feed,
    limits: { streams: limits.eventStreams, perAddress: limits.eventStreamsPerAddress },
    opened: () => metrics.eventStream(1),
    ended: (why) => {
      metrics.eventStream(-1);
      metrics.eventStreamEnded(why);
    },
    failed: (err) => log.error({ err }, 'a stream of events was ended: what its client had missed could not be read'),
  };
}

const pathOf = (authority: string, document: CrlDocument): string => (document === 'full' ? `/crl/${authority}.crl` : `/crl/${authority}/${document}.crl`);
