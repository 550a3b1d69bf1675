import t from 'tap';
import { verifyChain } from '../../src/audit/verify.ts';
import type { Store } from '../../src/store/store.ts';
import { openByUrl } from '../chaos/open-store.ts';
import { acceptance, draft, record } from '../contracts/store/samples.ts';
import { noRedis, startRedis, until } from '../helpers/redis.ts';
import { storeOn } from './redis-stores.ts';

const LINES = 700;

const faults = async (store: Store): Promise<string[]> =>
  (await verifyChain(await store.audit.list({ after: 0, limit: 1_000_000 }), await store.audit.head())).map(({ kind, sequence }) => `${kind} ${sequence}`);

if (noRedis !== false) t.plan(0, noRedis);
else {
  const server = await startRedis(t);

  /** A sealed log of LINES lines, 7 an entry of the stream. */
  const sealed = async (t: Parameters<typeof storeOn>[0]) => {
    const opened = await storeOn(t, server.port);
    const key = (rest: string): string => `{${opened.options.hashTag}}:${rest}`;
    for (let n = 0; n < LINES; n += 7) await opened.store.audit.append(Array.from({ length: 7 }, (_, at) => draft('request.denied', `subject ${n + at + 1}`)));
    await until('the log to be sealed', async () => (await server.cli('HGET', key('meta'), 'sealed')).startsWith(`${LINES} `));
    return { ...opened, key };
  };
  const replaceEntry = async (key: string, id: string, from: string, to: string): Promise<void> => {
    // An entry cannot be changed: the stream is made anew.
    await server.cli('EVAL', `
      local entries = redis.call('XRANGE', KEYS[1], '-', '+')
      redis.call('DEL', KEYS[1])
      for _, entry in ipairs(entries) do
        local lines = entry[2][2]
        if entry[1] == ARGV[1] then lines = string.gsub(lines, ARGV[2], ARGV[3]) end
        redis.call('XADD', KEYS[1], entry[1], 'l', lines)
      end
      return #entries`, '1', key, id, from, to);
  };

  t.test('a sealed log is whole, for whoever reads it, from any line on', async (t) => {
    const { store, url } = await sealed(t);
    t.same(await faults(store), []);
    const other = await openByUrl(url);
    t.teardown(() => other.close());
    t.same(await faults(other), []);
    t.same(await other.audit.head(), await store.audit.head());
    const all = await store.audit.list({ after: 0, limit: LINES });
    for (const after of [0, 1, 255, 256, 257, 511, 512, 600, LINES - 1]) t.same(await other.audit.list({ after, limit: 5 }), all.slice(after, after + 5), `behind ${after}`);
  });

  t.test('a line that was changed shows at the next stored hash', async (t) => {
    const { store, url, key } = await sealed(t);
    for (const [id, subject, shows] of [['350-0', 'subject 347', 512], ['700-0', 'subject 694', 700]] as const) {
      await replaceEntry(key('audit'), id, `"${subject}"`, `"subject x"`);
      const other = await openByUrl(url);
      t.same(await faults(other), [`changed ${shows}`], subject);
      await other.close();
      await replaceEntry(key('audit'), id, '"subject x"', `"${subject}"`);
    }
    t.same(await faults(store), []);
  });

  t.test('an entry that is gone leaves a gap', async (t) => {
    const { key, url } = await sealed(t);
    await server.cli('XDEL', key('audit'), '350-0');
    const other = await openByUrl(url);
    t.teardown(() => other.close());
    t.same(await faults(other), ['missing 351', 'changed 512']);
  });

  t.test('lines at the end that are gone are missed', async (t) => {
    const { key, url } = await sealed(t);
    await server.cli('XDEL', key('audit'), '700-0');
    const other = await openByUrl(url);
    t.teardown(() => other.close());
    t.same(await faults(other), ['wrong-head 694']);
  });

  t.test('what is not sealed when its writer dies is sealed by the next one', async (t) => {
    const { store, url, options } = await storeOn(t, server.port);
    await store.requests.accept(acceptance(record()));
    await store.close();
    t.match(await server.cli('HGET', `{${options.hashTag}}:meta`, 'sealed'), /^1 [0-9a-f]{64}$/, 'at the end of a process that ends well');
    const next = await openByUrl(url);
    t.teardown(() => next.close());
    await next.audit.append([draft('service.started', 'next')]);
    await until('the log to be sealed', async () => (await server.cli('HGET', `{${options.hashTag}}:meta`, 'sealed')).startsWith('2 '));
    t.same(await faults(next), []);
  });

  t.test('after a failover to a server with other lines, those are sealed that are there', async (t) => {
    const { store, options } = await storeOn(t, server.port);
    const key = (rest: string): string => `{${options.hashTag}}:${rest}`;
    await store.audit.append([draft('request.denied', 'one'), draft('request.denied', 'two')]);
    // The other server never had these, and another replica has written to it.
    await server.cli('EVAL', `
      redis.call('DEL', KEYS[2])
      redis.call('XADD', KEYS[2], '2-0', 'l', '[1,"request.denied","system","three"]\\n[1,"request.denied","system","four"]')
      return redis.call('HSET', KEYS[1], 'link', 'of other lines')`, '2', key('meta'), key('audit'));
    await store.audit.append([draft('request.denied', 'five')]);
    t.same((await store.audit.list({ after: 0, limit: 10 })).map(({ subject }) => subject), ['three', 'four', 'five']);
    t.same(await faults(store), []);
    await until('the log to be sealed', async () => (await server.cli('HGET', key('meta'), 'sealed')).startsWith('3 '));
    t.same(await faults(store), []);
  });

  t.test('a certificate takes less than 2 KiB with indexes, claim, quota and log', async (t) => {
    const { store } = await storeOn(t, server.port);
    const memory = async (): Promise<number> => Number(/used_memory:(\d+)/.exec(await server.cli('INFO', 'memory'))?.[1]);
    const before = await memory();
    const count = 5000;
    const step = (name: string, reason: string) => ({ name, outcome: 'passed' as const, reason, time: 1 });
    for (let made = 0; made < count; made += 500) {
      await Promise.all(Array.from({ length: 500 }, () => {
        const of = record({ certificate: new Uint8Array(700), steps: [step('identity', 'API key deployer'), step('possession', 'the CSR is signed with its own key'), step('key', 'P-256'), step('names', 'every name matches a pattern'), step('quota', '4711 of 1000000 requests used in 86400 s')] });
        return store.requests.accept(acceptance(of, {
          claims: [{ key: `csr/${of.keyHash}`, fingerprint: of.keyHash, expires: 2_000_000_000, livesWithRequest: true }], quota: { key: 'api-key:deployer', limit: 1_000_000, window: 86_400 },
          audit: [draft('certificate.issued', of.id, { profile: of.profile, authority: of.authority, names: of.names, notAfter: of.notAfter ?? 0 })],
        }));
      }));
    }
    const each = (await memory() - before) / count;
    t.ok(each < 2048, `${Math.round(each)} octets`);
    t.comment(`${Math.round(each)} octets for each certificate`);
  });
}
