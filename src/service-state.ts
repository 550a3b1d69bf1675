import type { PublishedOptions } from './http/https-app.ts';
import type { LoadedAuthorities } from './authority/authority.ts';
import type { Core } from './core.ts';
import type { MetricSources } from './metrics.ts';
import type { Store } from './store/store.ts';

const SECOND = 1000;
/** Seconds. */
const DAY = 86_400;

/** What `/readyz` asks: whether it is worth sending traffic. */
export function readiness({ store, authorities: { all, issuing }, clock, crls }: Core, listening: () => string | undefined): PublishedOptions['readiness'] {
  return [
    { name: 'listeners', check: () => Promise.resolve(listening()) },
    { name: 'store', check: () => store.ping().then(() => undefined) },
    { name: 'key', check: () => Promise.resolve(issuing.canSign && issuing.certificate.notAfter > clock() / SECOND ? undefined : `authority ${issuing.name} cannot sign, or has ended`) },
    {
      name: 'crl',
      check: async () => {
        for (const { name } of all.filter(({ canSign }) => canSign)) {
          const head = await store.crls.head(name, 'full');
          if (head === undefined || head.nextUpdate <= clock() / SECOND) return `the CRL of ${name} is ${head === undefined ? 'missing' : 'past its nextUpdate'}`;
        }
        return undefined;
      },
      // No fault of this service's: whoever has the key may publish elsewhere. But somebody must be told.
      note: async () => {
        for (const authority of all.filter(({ canSign }) => !canSign)) {
          const head = await store.crls.head(authority.name, 'full');
          const left = head === undefined ? Infinity : head.nextUpdate - clock() / SECOND;
          if (left <= crls.scheduleOf(authority).renewBefore) return `the CRL of ${authority.name}, whose key is not here, ${left <= 0 ? 'has ended' : `ends in ${Math.floor(left / DAY)} days`}`;
        }
        return undefined;
      },
    },
  ];
}

/** What the metrics page asks for when it is read. */
export function metricSources(store: Store, authorities: LoadedAuthorities, clock: () => number): MetricSources {
  return {
    crl: async () => {
      const heads = await Promise.all(authorities.all.map(async ({ name }) => ({ name, head: await store.crls.head(name, 'full') })));
      const now = clock() / SECOND;
      return heads.flatMap(({ name, head }) => (head === undefined ? [] : [{ authority: name, age: now - head.thisUpdate, left: head.nextUpdate - now, number: Number(head.number) }]));
    },
    authorities: () => authorities.all.map(({ name, certificate }) => ({ authority: name, days: (certificate.notAfter - clock() / SECOND) / DAY })),
  };
}
