import t from 'tap';
import type { RedisLinkOptions } from '../../src/store/redis/link/options.ts';
import { openRedisLink } from '../../src/store/redis/link/open-link.ts';
import { openRedisStore } from '../../src/store/redis/store.ts';
import { StoreUnavailable } from '../../src/store/store.ts';
import type { Store } from '../../src/store/store.ts';
import { HOUR, NOW, TODAY, acceptance, apiKey, approved, claim, denied, draft, entryFor, pending, put, record, token } from '../contracts/store/samples.ts';
import { noRedis, startRedis } from '../helpers/redis.ts';
import type { RedisServer } from '../helpers/redis.ts';
import { linkOptions } from './redis-stores.ts';
import type { Test } from 'tap';

/** Everything that is found by an index, and not by its own key. */
async function told(store: Store, claims: readonly string[]): Promise<unknown> {
  const page = { limit: 1000 };
  const ids = (listing: { readonly items: readonly { readonly id: string }[]; readonly next?: string }) => [...listing.items.map(({ id }) => id), listing.next === undefined];
  const states = ['pending', 'approved', 'issued', 'denied', 'failed'] as const;
  return {
    all: ids(await store.requests.list({}, page)),
    states: await Promise.all(states.map(async (state) => ids(await store.requests.list({ state }, page)))),
    revoked: ids(await store.certificates.list({ status: 'revoked' }, page, TODAY)),
    tokens: ids(await store.tokens.list(page)),
    keys: ids(await store.apiKeys.list(page)),
    claims: await Promise.all(claims.map(async (key) => (await store.requests.find({ claims: [key] }, NOW))?.record.id)),
  };
}

async function opened(t: Test, server: RedisServer): Promise<{ readonly store: Awaited<ReturnType<typeof openRedisStore>>; readonly options: RedisLinkOptions; readonly key: (rest: string) => string }> {
  const options = linkOptions([{ host: '127.0.0.1', port: server.port }]);
  const store = await openRedisStore({ link: await openRedisLink(options), prefix: options.hashTag });
  t.teardown(() => store.close());
  return { store, options, key: (rest) => `{${options.hashTag}}:${rest}` };
}

/** A store with something in every index; the keys of its claims. */
async function fill(store: Store): Promise<string[]> {
  const claims: string[] = [];
  const accept = async (of = record()) => {
    claims.push(of.id);
    await store.requests.accept(acceptance(of, { claims: [claim(of.id), claim('the same', { expires: TODAY - 1 })], quota: { key: 'q', limit: 10_000, window: 60 } }));
    return of;
  };
  for (let n = 0; n < 300; n += 1) await accept(n % 10 === 0 ? pending() : n % 10 === 1 ? denied() : record({ notAfter: TODAY + n }));
  const moved = await accept(pending());
  await store.requests.transition('pending', approved(moved), []);
  const revoked = await accept();
  await store.certificates.revoke(revoked.id, { at: TODAY, reason: 'superseded' }, entryFor(revoked.id), { blockKey: false }, [draft('certificate.revoked', revoked.id)]);
  for (let n = 0; n < 5; n += 1) {
    await store.tokens.create(token({ expiresAt: NOW + n }), claim(`t${n}`), [], NOW);
    await store.apiKeys.create(apiKey(), undefined, [], NOW);
  }
  return claims;
}

const INDEXES = ['p:*', 'chunks', 's:*', 'c:*', 'e:*', 'ends', 'tokens', 'keys', 'token-ends', 'cc-ends', 'quotas'];

if (noRedis !== false) t.plan(0, noRedis);
else {
  const server = await startRedis(t);
  const keysOf = async (pattern: string): Promise<string[]> => (await server.cli('--scan', '--pattern', pattern.replaceAll('{', '\\{'))).split('\n').filter((one) => one !== '');

  t.test('indexes that are gone are made anew from the records, and everything is found and swept as before', async (t) => {
    const { store, key } = await opened(t, server);
    const claims = await fill(store);
    const before = await told(store, claims);
    for (const index of INDEXES) {
      await server.cli('EVAL', 'for _, key in ipairs(redis.call("KEYS", ARGV[1])) do redis.call("DEL", key) end return 0', '0', key(index));
    }
    t.same((await store.requests.list({}, { limit: 10 })).items, []);
    const steps: number[] = [];
    const rebuilt = await store.rebuildIndexes((done, total) => void steps.push(done / total));
    t.same(rebuilt, { requests: claims.length, tokens: 5, apiKeys: 5, removed: 0 });
    t.equal(steps.at(-1), 1);
    t.same(steps, [...steps].sort((a, b) => a - b));
    t.same(await told(store, claims), before);
    // New ones stand behind the old ones.
    const next = await put(store);
    t.equal((await store.requests.list({}, { limit: 1 })).items[0]?.id, next.id);
    while (await store.sweep(NOW + 9 * HOUR, { retainEnded: 0, most: 1000 }));
    const left = await told(store, []) as { readonly all: readonly unknown[]; readonly tokens: readonly unknown[] };
    t.equal(left.all.length - 1, 33, 'what waits and what is valid: 30 pending, one approved, one issued, one revoked');
    t.equal(left.tokens.length - 1, 0);
    t.same(await keysOf(key('cc-ends')), []);
    t.same(await keysOf(key('q:*')), []);
  });

  t.test('indexes that say what is not so are put right', async (t) => {
    const { store, key } = await opened(t, server);
    const claims = await fill(store);
    const before = await told(store, claims);
    await server.cli('LPUSH', key('p:0'), 'nobody', 'nobody else');
    await server.cli('RPUSH', key('p:9'), 'nobody');
    await server.cli('ZADD', key('chunks'), '9', '9');
    await server.cli('ZADD', key('s:1'), '5', 'nobody');
    await server.cli('DEL', key('tokens'));
    const { removed } = await store.rebuildIndexes();
    t.ok(removed > 0);
    t.same(await told(store, claims), before);
    t.same(await store.rebuildIndexes(), { requests: claims.length, tokens: 5, apiKeys: 5, removed: 0 }, 'a second time there is nothing to mend');
  });

  t.test('a key that somebody has made something else breaks what needs it, and nothing beside', async (t) => {
    const { store, key } = await opened(t, server);
    const [stands, broken] = [record(), record()];
    await server.cli('SET', key('leases'), 'nonsense');
    await server.cli('EVAL', 'local id = string.gsub(ARGV[1], "..", function(two) return string.char(tonumber(two, 16)) end) return redis.call("RPUSH", KEYS[1] .. id, "nonsense")', '1', key('r:'), broken.id);
    const [lease, accepted, taken, after] = await Promise.allSettled([
      store.leases.acquire('a', 'b', NOW, 1000), store.requests.accept(acceptance(stands)),
      store.requests.transition('pending', { ...broken, state: 'denied' }, [draft('request.denied', broken.id)]), store.audit.append([draft('service.started', 'after')]),
    ]);
    t.ok(lease.status === 'rejected' && lease.reason instanceof StoreUnavailable && /WRONGTYPE/.test(lease.reason.message));
    t.ok(taken.status === 'rejected' && taken.reason instanceof StoreUnavailable);
    t.same([accepted.status, after.status], ['fulfilled', 'fulfilled']);
    t.same((await store.audit.list({ after: 0, limit: 10 })).map(({ subject }) => subject), [stands.id, 'after']);
    t.equal((await store.requests.list({}, { limit: 1 })).items[0]?.id, stands.id);
  });

  t.test('indexes are made anew while others write', async (t) => {
    const { store } = await opened(t, server);
    const claims = await fill(store);
    let stop = false;
    const made: string[] = [];
    const writing = (async () => {
      while (!stop) made.unshift((await put(store)).id);
    })();
    for (let times = 0; times < 5; times += 1) await store.rebuildIndexes();
    stop = true;
    await writing;
    const all: string[] = [];
    for (let page = await store.requests.list({}, { limit: 1000 }); ; page = await store.requests.list({}, { limit: 1000, cursor: page.next })) {
      all.push(...page.items.map(({ id }) => id));
      if (page.next === undefined) break;
    }
    t.same(all, [...made, ...claims.reverse()]);
  });
}
