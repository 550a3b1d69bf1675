import t from 'tap';
import type { LoadedAuthorities } from '../src/authority/authority.ts';
import { metricSources } from '../src/service-state.ts';
import type { CrlDocument, CrlHead } from '../src/store/crl-store.ts';
import type { Store } from '../src/store/store.ts';

const NOW = 1_000_000;
const head = (entries: number, over: Partial<CrlHead> = {}): CrlHead => ({ number: 7n, etag: '"x"', thisUpdate: NOW - 60, nextUpdate: NOW + 600, revision: 0, entries, ...over } as CrlHead);

t.test('the entries of shards are those of one number of shards, also while two numbers are kept', async (t) => {
  const heads = new Map<CrlDocument, CrlHead>([
    ['full', head(70, { number: 9n })], ['4-0', head(30)], ['4-1', head(40, { number: 8n, thisUpdate: NOW - 90 })], ['8-0', head(30)], ['8-7', head(39, { nextUpdate: NOW + 60 })],
  ]);
  const authorities = { all: [{ name: 'issuing', certificate: { notAfter: NOW + 600 } }] } as unknown as LoadedAuthorities;
  const sources = metricSources({ crls: { heads: () => Promise.resolve(heads) } } as unknown as Store, authorities, () => NOW * 1000);
  t.same(await sources.crl(), [
    { authority: 'issuing', document: 'full', age: 60, left: 600, number: 9, entries: 70 },
    { authority: 'issuing', document: 'shards', age: 90, left: 60, number: 8, entries: 70 },
  ]);
});
