import type { RequestRecord } from '../../../src/issuance/request.ts';
import { BadCursor } from '../../../src/store/store.ts';
import type { CertificateFilter, Page, PageQuery, RequestFilter, Store } from '../../../src/store/store.ts';
import type { Part } from './harness.ts';
import { HOSTILE_NAMES, NOW, TODAY, apiKey, approved, denied, entryFor, issued, pending, plain, put, record, token } from './samples.ts';

/** All items of a listing, page by page; a page may be short, but not endless. */
async function all<T>(list: (page: PageQuery) => Promise<Page<T>>, limit = 100): Promise<T[]> {
  const items: T[] = [];
  let page = await list({ limit });
  for (let pages = 0; pages < 1000; pages += 1) {
    if (page.items.length > limit) throw new Error('a page is longer than asked for');
    items.push(...page.items);
    if (page.next === undefined) return items;
    page = await list({ limit, cursor: page.next });
  }
  throw new Error('the listing does not end');
}

const ids = (records: readonly { readonly id: string }[]): string[] => records.map(({ id }) => id);

const requests = async (store: Store, filter: RequestFilter, limit?: number): Promise<string[]> =>
  ids(await all((page) => store.requests.list(filter, page), limit));

const certificates = async (store: Store, filter: CertificateFilter, now = TODAY): Promise<string[]> =>
  ids(await all((page) => store.certificates.list(filter, page, now)));

/** Listings: order, filters, pages, cursors. */
export const listingsContract: Part = (t, open) => {
  t.test('requests are listed newest first, each once, whatever the length of a page', async (t) => {
    const { store } = await open(t);
    const made: string[] = [];
    for (let n = 0; n < 23; n += 1) made.unshift((await put(store, n % 3 === 0 ? pending() : record())).id);
    for (const limit of [1, 2, 7, 22, 23, 24, 1000]) t.same(await requests(store, {}, limit), made, `${limit} a page`);
    t.strictSame(plain((await store.requests.list({}, { limit: 1 })).items[0]), plain(await store.requests.get(made[0] ?? '')));
    t.equal((await store.requests.list({}, { limit: 23 })).next, undefined, 'the last page says so');
  });

  t.test('a record that arrives between two pages shifts nothing', async (t) => {
    const { store } = await open(t);
    const made = [];
    for (let n = 0; n < 4; n += 1) made.unshift((await put(store)).id);
    const first = await store.requests.list({}, { limit: 2 });
    await put(store);
    const second = await store.requests.list({}, { limit: 2, cursor: first.next ?? '' });
    t.same(ids([...first.items, ...second.items]), made);
  });

  t.test('requests are found by state, in each state, after each transition', async (t) => {
    const { store } = await open(t);
    const waiting = await put(store, pending());
    const moved = await put(store, pending());
    const refused = await put(store, denied());
    const direct = await put(store);
    const failing = await put(store, approved(pending()));
    const second = approved(moved);
    await store.requests.transition('pending', second, []);
    t.same(await requests(store, { state: 'approved' }), [failing.id, moved.id]);
    await store.requests.transition('approved', issued(second), []);
    await store.requests.transition('approved', { ...failing, state: 'failed' }, []);
    await store.certificates.revoke(direct.id, { at: TODAY, reason: 'superseded' }, entryFor(direct.id), { blockKey: false }, []);
    t.same(await requests(store, { state: 'pending' }), [waiting.id]);
    t.same(await requests(store, { state: 'approved' }), []);
    t.same(await requests(store, { state: 'denied' }), [refused.id]);
    t.same(await requests(store, { state: 'failed' }), [failing.id]);
    t.same(await requests(store, { state: 'issued' }), [direct.id, moved.id], 'a revoked certificate was issued');
  });

  t.test('requests are found by profile, name, requester and time, and by all together', async (t) => {
    const { store } = await open(t);
    const of = (over: Partial<RequestRecord>) => put(store, record(over));
    const a = await of({ profile: 'node', names: ['a.example.com', 'b.example.com'], createdAt: NOW - 2000 });
    const b = await of({ names: ['b.example.com'], requester: { kind: 'enrolment-token', name: 'tok' }, createdAt: NOW - 1000 });
    const c = await of({ names: ['example.com'], requester: { kind: 'api-key', name: 'tok' }, createdAt: NOW });
    t.same(await requests(store, { profile: 'node' }), [a.id]);
    t.same(await requests(store, { name: 'b.example.com' }), [b.id, a.id]);
    t.same(await requests(store, { name: 'example.com' }), [c.id], 'not what lies below');
    t.same(await requests(store, { name: '*.example.com' }), [b.id, a.id], 'all that lies below, and not itself');
    t.same(await requests(store, { name: '*.xample.com' }), []);
    t.same(await requests(store, { requester: 'enrolment-token:tok' }), [b.id]);
    t.same(await requests(store, { requester: 'tok' }), [c.id, b.id]);
    t.same(await requests(store, { since: NOW - 1000 }), [c.id, b.id]);
    t.same(await requests(store, { since: NOW + 1 }), []);
    t.same(await requests(store, { name: 'b.example.com', profile: 'node', requester: 'deployer', state: 'issued', since: 0 }), [a.id]);
    for (const odd of HOSTILE_NAMES) t.same(await requests(store, { name: odd, profile: odd, requester: odd }), []);
  });

  t.test('hostile names in a record are found as they are', async (t) => {
    const { store } = await open(t);
    for (const odd of HOSTILE_NAMES) {
      const { id } = await put(store, record({ names: [`${odd}|`], profile: `p${odd}`, requester: { kind: 'oidc', name: `r${odd}` } }));
      t.same(await requests(store, { name: `${odd}|`, profile: `p${odd}`, requester: `r${odd}` }), [id], JSON.stringify(odd).slice(0, 40));
    }
  });

  t.test('certificates are found by status; the last second of notAfter counts', async (t) => {
    const { store } = await open(t);
    const valid = await put(store, record({ notAfter: TODAY }));
    const over = await put(store, record({ notAfter: TODAY - 1 }));
    const revoked = await put(store, record({ notAfter: TODAY - 1 }));
    await put(store, pending());
    await put(store, denied());
    await store.certificates.revoke(revoked.id, { at: TODAY - 5, reason: 'superseded' }, entryFor(revoked.id), { blockKey: false }, []);
    t.same(await certificates(store, {}), [revoked.id, over.id, valid.id], 'only what was issued');
    t.same(await certificates(store, { status: 'valid' }), [valid.id]);
    t.same(await certificates(store, { status: 'expired' }), [over.id]);
    t.same(await certificates(store, { status: 'revoked' }), [revoked.id]);
    t.same(await certificates(store, { status: 'valid' }, TODAY + 1), []);
    t.same(await certificates(store, { status: 'expired' }, TODAY + 1), [over.id, valid.id]);
    t.same(await certificates(store, { expiresBefore: TODAY }), [revoked.id, over.id]);
    t.same(await certificates(store, { expiresBefore: TODAY + 1, name: 'node1.example.com', profile: 'server', requester: 'deployer', status: 'valid' }), [valid.id]);
  });

  t.test('a certificate of an approved request is found by the end that it got', async (t) => {
    const { store } = await open(t);
    const first = await put(store, pending());
    const second = { ...approved(first), notAfter: TODAY + 5 };
    await store.requests.transition('pending', second, []);
    t.same(await certificates(store, {}), []);
    await store.requests.transition('approved', issued(second), []);
    t.same(await certificates(store, { expiresBefore: TODAY + 6, status: 'valid' }), [first.id]);
    t.same(await certificates(store, { expiresBefore: TODAY + 5 }), []);
  });

  t.test('a search that finds little in much is bounded, and still complete', async (t) => {
    const { store } = await open(t);
    const { id } = await put(store, record({ names: ['needle.example.com'] }));
    for (let made = 0; made < 3000; made += 500) await Promise.all(Array.from({ length: 500 }, () => put(store)));
    t.same(await requests(store, { name: 'needle.example.com' }), [id]);
    t.same(await requests(store, { since: NOW - 1, name: 'needle.example.com' }), [id]);
  });

  t.test('tokens and API keys are listed newest first', async (t) => {
    const { store } = await open(t);
    const [tokens, keys]: [string[], string[]] = [[], []];
    for (let n = 0; n < 5; n += 1) {
      const [oneToken, oneKey] = [token({ id: `t${n}` }), apiKey({ id: `k${9 - n}` })];
      await store.tokens.create(oneToken, undefined, [], NOW);
      await store.apiKeys.create(oneKey, undefined, [], NOW);
      tokens.unshift(oneToken.id);
      keys.unshift(oneKey.id);
    }
    for (const limit of [1, 2, 5, 6]) {
      t.same(ids(await all((page) => store.tokens.list(page), limit)), tokens);
      t.same(ids(await all((page) => store.apiKeys.list(page), limit)), keys);
    }
  });

  t.test('a cursor that this listing did not give out is refused as that', async (t) => {
    const { store } = await open(t);
    for (let n = 0; n < 3; n += 1) await put(store);
    for (let n = 0; n < 3; n += 1) await store.tokens.create(token(), undefined, [], NOW);
    const { next = '' } = await store.requests.list({}, { limit: 1 });
    t.ok(/^[A-Za-z0-9_-]{1,256}$/.test(next), 'a cursor fits into a URL');
    const turned = Array.from(next, (letter, at) => next.slice(0, at) + (letter === 'A' ? 'B' : 'A') + next.slice(at + 1));
    for (const bad of [...turned, `${next}A`, `${next}=`, ` ${next}`, next.slice(1), next.slice(0, -1), 'A'.repeat(100_000), ...HOSTILE_NAMES]) {
      await t.rejects(store.requests.list({}, { limit: 1, cursor: bad }), BadCursor);
    }
    await t.rejects(store.certificates.list({}, { limit: 1, cursor: next }, TODAY), BadCursor, 'another listing');
    await t.rejects(store.tokens.list({ limit: 1, cursor: next }), BadCursor);
    await t.rejects(store.apiKeys.list({ limit: 1, cursor: (await store.tokens.list({ limit: 1 })).next ?? '' }), BadCursor);
  });
};
