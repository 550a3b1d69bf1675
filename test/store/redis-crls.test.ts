import { randomBytes } from 'node:crypto';
import t from 'tap';
import { openRedisLink } from '../../src/store/redis/link/open-link.ts';
import type { RedisLink } from '../../src/store/redis/link/link.ts';
import { openRedisStore } from '../../src/store/redis/store.ts';
import { StoreUnavailable } from '../../src/store/store.ts';
import { crl } from '../contracts/store/samples.ts';
import { noRedis, startRedis, until } from '../helpers/redis.ts';
import { linkOptions } from './redis-stores.ts';

const SIZE = 3_500_000;

if (noRedis !== false) t.plan(0, noRedis);
else {
  const server = await startRedis(t);

  t.test('a large CRL of which a part is lost on its way is not published', async (t) => {
    const options = linkOptions([{ host: '127.0.0.1', port: server.port }]);
    const link = await openRedisLink(options);
    // As when another server becomes the primary, that never had the first part.
    let stages = 0;
    const lossy: RedisLink = { ...link, async evaluate(script, keys, args) {
      const reply = await link.evaluate(script, keys, args);
      stages += script.name === 'stage' ? 1 : 0;
      if (script.name === 'stage' && stages === 1) await link.evaluate({ name: 'lose', source: 'return redis.call("DEL", ARGV[1])' }, keys, [args[1] ?? '']);
      return reply;
    } };
    const store = await openRedisStore({ link: lossy, prefix: options.hashTag });
    t.teardown(() => store.close());
    const next = crl(1, { der: new Uint8Array(randomBytes(SIZE)) });
    await t.rejects(store.crls.publish('issuing', new Map([['full', next]]), []), StoreUnavailable);
    t.equal(await store.crls.current('issuing', 'full'), undefined);
    t.equal(await store.crls.publish('issuing', new Map([['full', next]]), []), 'stored', 'it is published when it is tried again');
    t.ok(Buffer.from((await store.crls.current('issuing', 'full'))?.der ?? []).equals(next.der));
  });

  t.test('the bytes of a replaced CRL leave, those that were never published end by themselves', async (t) => {
    const options = linkOptions([{ host: '127.0.0.1', port: server.port }]);
    const store = await openRedisStore({ link: await openRedisLink(options), prefix: options.hashTag });
    t.teardown(() => store.close());
    const documents = async (): Promise<number> => Number(await server.cli('EVAL', 'return #redis.call("KEYS", ARGV[1])', '0', `{${options.hashTag}}:d:*`));
    for (let number = 1; number <= 3; number += 1) await store.crls.publish('issuing', new Map([['full', crl(number, { der: new Uint8Array(randomBytes(SIZE)) })]]), []);
    t.equal(await documents(), 1);
    // Two publishers of the same number: both have written their bytes ahead.
    const outcomes = await Promise.all([1, 2].map(() => store.crls.publish('issuing', new Map([['full', crl(4, { der: new Uint8Array(randomBytes(SIZE)) })]]), [])));
    t.same(outcomes.sort(), ['stored', 'superseded']);
    t.equal(await documents(), 2);
    const ends = await server.cli('EVAL', 'local ends = {} for _, key in ipairs(redis.call("KEYS", ARGV[1])) do ends[#ends + 1] = redis.call("TTL", key) end table.sort(ends) return ends', '0', `{${options.hashTag}}:d:*`);
    t.match(ends, /^-1\n(3[56]\d\d)$/, 'what is published stays, the other one has an hour');
    await store.crls.retire('issuing', ['full'], []);
    await until('the retired one to leave', async () => await documents() === 1);
  });
}
