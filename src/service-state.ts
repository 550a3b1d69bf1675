import type { PublishedOptions } from './http/https-app.ts';
import type { LoadedAuthorities } from './authority/authority.ts';
import { isFormer, isOver } from './authority/succession.ts';
import type { Core } from './core.ts';
import { isoTime } from './iso-time.ts';
import type { CrlState, MetricSources } from './metrics.ts';
import { shardIn } from './revocation/revocation-view.ts';
import type { CrlDocument, CrlHead } from './store/crl-store.ts';
import { CLOCKS_APART, type Store } from './store/store.ts';

const SECOND = 1000;
/** Seconds. */
const DAY = 86_400;

/** The checks of `/readyz`: whether this process should receive traffic. */
export function readiness(
  { store, authorities, clock, crls, standing }: Core, listening: () => string | undefined, differences: () => string | undefined,
): PublishedOptions['readiness'] {
  const { all, issuing } = authorities;
  return [
    { name: 'listeners', check: () => Promise.resolve(listening()) },
    { name: 'store', check: () => store.ping().then(() => undefined) },
    {
      name: 'key',
      check: () => {
        const revocation = standing.revocationOf(issuing.name);
        if (revocation !== undefined) return Promise.resolve(`authority ${issuing.name} was revoked (${revocation.reason})`);
        return Promise.resolve(issuing.canSign && issuing.certificate.notAfter > clock() / SECOND ? undefined : `authority ${issuing.name} cannot sign, or has expired`);
      },
    },
    {
      name: 'crl',
      check: async () => {
        for (const { name } of all.filter(({ canSign, certificate }) => canSign && certificate.notAfter > clock() / SECOND)) {
          const head = await store.crls.head(name, 'full');
          if (head === undefined || head.nextUpdate <= clock() / SECOND) return `the CRL of ${name} is ${head === undefined ? 'missing' : 'past its nextUpdate'}`;
        }
        return undefined;
      },
      note: async () => {
        for (const authority of all.filter((one) => !isOver(authorities, one, clock() / SECOND))) {
          const head = await store.crls.head(authority.name, 'full');
          // thisUpdate never decreases, so a CRL published while a clock was ahead stays current until that time.
          const begins = (head?.thisUpdate ?? 0) * SECOND;
          if (begins > clock() + CLOCKS_APART) return `the CRL of ${authority.name} begins only at ${isoTime(begins)}, since a clock was ahead when it was published: anyone who checks against it refuses every certificate until then`;
          // Not a fault of this service, since the holder of the key may publish elsewhere; but someone should know.
          if (authority.canSign) continue;
          const left = head === undefined ? Infinity : head.nextUpdate - clock() / SECOND;
          if (left <= crls.scheduleOf(authority).renewBefore) return `the CRL of ${authority.name}, whose key is not here, ${left <= 0 ? 'has expired' : `expires in ${Math.floor(left / DAY)} days`}`;
        }
        return undefined;
      },
    },
    // Each replica can serve as it is, but an operator should know.
    { name: 'replicas', check: () => Promise.resolve(undefined), note: () => Promise.resolve(differences()) },
  ];
}

/** Values that are computed when the metrics page is read. */
export function metricSources(store: Store, authorities: LoadedAuthorities, clock: () => number): MetricSources {
  return {
    crl: async () => {
      const now = clock() / SECOND;
      const standing = authorities.all.filter((authority) => !isOver(authorities, authority, now));
      const all = await Promise.all(standing.map(async ({ name }) => [name, await store.crls.heads(name)] as const));
      return all.flatMap(([authority, heads]) => {
        const kinds = new Map<string, [CrlDocument, CrlHead][]>();
        for (const entry of heads) {
          const kind = shardIn(entry[0]) === undefined ? entry[0] : 'shards';
          kinds.set(kind, [...kinds.get(kind) ?? [], entry]);
        }
        return Array.from(kinds, ([kind, documents]) => stateOf(authority, kind, documents, now));
      });
    },
    authorities: () => authorities.all.filter(({ name }) => !isFormer(authorities, name)).map(({ name, certificate }) => ({ authority: name, days: (certificate.notAfter - clock() / SECOND) / DAY })),
  };
}

/** Summarises documents of one kind. Sets of shards of different counts list the same certificates, so only one set is counted. */
function stateOf(authority: string, document: string, documents: readonly (readonly [CrlDocument, CrlHead])[], now: number): CrlState {
  const heads = documents.map(([, head]) => head);
  const entries = new Map<number, number>();
  for (const [name, head] of documents) {
    const count = shardIn(name)?.count ?? 1;
    entries.set(count, (entries.get(count) ?? 0) + head.entries);
  }
  return {
    authority, document, entries: Math.max(...entries.values()),
    age: now - Math.min(...heads.map(({ thisUpdate }) => thisUpdate)), left: Math.min(...heads.map(({ nextUpdate }) => nextUpdate)) - now,
    number: Number(heads.reduce((most, { number }) => (number > most ? number : most), 0n)),
  };
}
