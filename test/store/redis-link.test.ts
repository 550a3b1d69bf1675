import { inspect } from 'node:util';
import t from 'tap';
import { ScriptRefused } from '../../src/store/redis/link/link.ts';
import { noRedis, startRedis, until } from '../helpers/redis.ts';
import { redisTls } from '../helpers/redis-topologies.ts';
import { get, healed, KEY, linked, refused, write } from './redis-linked.ts';

t.test('scripts and reads', { skip: noRedis }, async (t) => {
  const server = await startRedis(t);
  const { link, states } = await linked(t, [server]);
  t.equal(await write(link, 'one'), 1);
  t.equal(await get(link), 'one');
  t.strictSame(await link.read([['GET', KEY], ['GET', 'none'], ['HGETALL', 'none'], ['STRLEN', KEY]]), [Buffer.from('one'), null, [], 3]);
  t.strictSame(await link.read([]), []);
  t.strictSame(await link.evaluate({ name: 'bytes', source: 'return {ARGV[1], 7, false}' }, [], [Buffer.from([0, 255, 13, 10])]), [Buffer.from([0, 255, 13, 10]), 7, null]);
  await t.rejects(link.evaluate({ name: 'refusing', source: 'return redis.error_reply("CHANCERY no such thing")' }, [], []), { name: 'ScriptRefused', message: 'CHANCERY no such thing' });
  await t.rejects(link.readScript({ name: 'refusing', source: 'return redis.error_reply("CHANCERY no such thing")' }, [], []), ScriptRefused);
  await refused(t, () => link.evaluate({ name: 'broken', source: 'return nothing.at.all' }, [], []), /it answered ERR/);
  const many = await Promise.all(Array.from({ length: 200 }, (_, n) => link.evaluate({ name: 'same', source: 'return ARGV[1]' }, [], [n])));
  t.strictSame(many.map(String), Array.from({ length: 200 }, (_, n) => String(n)));
  t.same(states, [{ usable: true, primary: server.address }]);
  await server.cli('SCRIPT', 'FLUSH');
  t.equal(await write(link, 'after the scripts were thrown away'), 2);
  t.equal(await server.cli('GET', KEY), 'after the scripts were thrown away');
  await link.close();
  await refused(t, () => write(link, 'x'), /closed/, 50);
});

t.test('messages are heard, and gaps are told', { skip: noRedis }, async (t) => {
  const server = await startRedis(t);
  const [{ link: one }, { link: other }] = [await linked(t, [server]), await linked(t, [server])];
  const heard: unknown[] = [];
  const stop = one.subscribe('{chancery}:news', (message) => heard.push(message));
  await until('the subscription', () => heard.length === 1);
  other.publish('{chancery}:news', 'first');
  other.publish('{chancery}:other', 'not for us');
  await until('a message', () => heard.length === 2);
  t.same(heard, [undefined, 'first']);
  await server.cli('CLIENT', 'KILL', 'TYPE', 'pubsub');
  await until('the gap to be told', () => heard.length === 3);
  other.publish('{chancery}:news', 'second');
  await until('another message', () => heard.length === 4);
  t.same(heard.slice(2), [undefined, 'second']);
  await server.kill();
  await server.start();
  await until('the gap to be told', () => heard.length >= 5);
  stop();
  await healed(other);
  other.publish('{chancery}:news', 'unheard');
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.notOk(heard.includes('unheard'));
});

t.test('a server that may lose what it acknowledged is refused, with every setting named', { skip: noRedis }, async (t) => {
  const server = await startRedis(t);
  const cases: readonly (readonly [settings: Readonly<Record<string, string>>, told: RegExp])[] = [
    [{ appendonly: 'no' }, /appendonly is no, must be yes/],
    [{ appendfsync: 'everysec' }, /appendfsync is everysec, must be always/],
    [{ 'maxmemory-policy': 'allkeys-lru' }, /maxmemory-policy is allkeys-lru, must be noeviction/],
    [{ 'no-appendfsync-on-rewrite': 'yes' }, /no-appendfsync-on-rewrite is yes, must be no/],
    [{ appendonly: 'no', appendfsync: 'no', 'maxmemory-policy': 'volatile-ttl' }, /appendonly is no.*appendfsync is no.*maxmemory-policy is volatile-ttl.*store\.allowVolatile/],
  ];
  for (const [settings, told] of cases) {
    for (const [name, value] of Object.entries({ appendonly: 'yes', appendfsync: 'always', 'maxmemory-policy': 'noeviction', 'no-appendfsync-on-rewrite': 'no', ...settings })) await server.set(name, value);
    await refused(t, () => linked(t, [server]), told, 500);
    const { link } = await linked(t, [server], { allowVolatile: true });
    t.ok(await write(link, 'at your risk'));
  }
});

t.test('it is refused on each reconnect too, until it is right again', { skip: noRedis }, async (t) => {
  const server = await startRedis(t);
  const { link, states } = await linked(t, [server]);
  await server.kill();
  await server.start({ appendfsync: 'everysec' });
  await until('the refusal', () => states.some((state) => !state.usable && state.reason.includes('appendfsync is everysec')));
  await refused(t, () => write(link, 'x'), /appendfsync is everysec, must be always/, 50);
  await refused(t, () => get(link), /appendfsync is everysec/, 50);
  await refused(t, () => link.ping(), /appendfsync is everysec/, 50);
  await server.set('appendfsync', 'always');
  await healed(link);
});

t.test('it is refused when somebody changes it while it runs', { skip: noRedis }, async (t) => {
  const server = await startRedis(t);
  const { link, states } = await linked(t, [server]);
  await server.set('maxmemory-policy', 'allkeys-random');
  await until('the refusal', () => states.some((state) => !state.usable && state.reason.includes('maxmemory-policy is allkeys-random')));
  await refused(t, () => write(link, 'x'), /maxmemory-policy/, 50);
  await server.set('maxmemory-policy', 'noeviction');
  await healed(link);
});

t.test('TLS with a client certificate, an ACL user with the rights it needs, and another database', { skip: noRedis }, async (t) => {
  const files = redisTls();
  const rights = '~{chancery}:* &{chancery}:* -@all +@read +@write -@dangerous +eval +evalsha +publish +subscribe +ping +role +config|get +wait +select +client|setname';
  const server = await startRedis(t, {
    settings: files.settings, access: [...files.access, '--user', 'admin', '--pass', 'adm', '--no-auth-warning'],
    lines: ['user default off', 'user admin on >adm ~* &* +@all', `user chancery on >se%cret ${rights}`, `user unable on >pw ${rights} -config -role`, `user elsewhere on >pw ${rights} resetkeys ~other:*`],
  });
  const tls = { ca: files.ca, ...files.client };
  const address = { tls: true, user: 'chancery', password: 'se%cret', database: 3 };
  const { link } = await linked(t, [server], { address, tls });
  await write(link, 'secret');
  t.equal(await server.cli('-n', '3', 'GET', KEY), 'secret');
  const heard: unknown[] = [];
  link.subscribe('{chancery}:news', (message) => heard.push(message));
  await until('the subscription', () => heard.length === 1);

  await refused(t, () => linked(t, [server], { address: { ...address, password: 'wrong' }, tls }), /user and password were refused: it answered WRONGPASS/, 500);
  await refused(t, () => linked(t, [server], { address: { tls: true, database: 0 }, tls, timeout: 300 }), /requires a password/);
  await refused(t, () => linked(t, [server], { address: { ...address, user: 'unable', password: 'pw', database: 0 }, tls }), /the user lacks rights: ROLE \(NOPERM.*\)/, 500);
  await refused(t, () => linked(t, [server], { address: { ...address, user: 'elsewhere', password: 'pw', database: 0 }, tls }), /the user lacks rights: EXISTS/, 500);
  await refused(t, () => linked(t, [server], { address: { ...address, database: 77 }, tls }), /SELECT: it answered ERR .*range/, 500);
  await refused(t, () => linked(t, [server], { address, tls: { ca: files.ca }, timeout: 300 }), /Redis 127.0.0.1:\d+: .*(certificate required|alert)/i);
  await refused(t, () => linked(t, [server], { address, tls: files.client, timeout: 300 }), /self.signed certificate/i);
  await refused(t, () => linked(t, [server], { address, tls: { ...tls, serverName: 'another.example.com' }, timeout: 300 }), /another\.example\.com/);
  await refused(t, () => linked(t, [server], { address, tls: { ...tls, ca: '/nowhere/ca.pem' } }), /store\.tls\.ca: ENOENT/, 100);
  t.ok(await linked(t, [server], { address, tls: { ...tls, serverName: 'redis.example.com' } }), 'a name in the certificate that is not the host\'s');

  await server.cli('ACL', 'SETUSER', 'chancery', '-config');
  await server.cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await refused(t, () => until('nothing', () => write(link, 'x').then(() => false)), /appendfsync cannot be read: the user needs the right \+config\|get/);
  await server.cli('ACL', 'SETUSER', 'chancery', '+config|get');
  await healed(link);
});

t.test('a script for which the user has not all rights is not begun', { skip: noRedis }, async (t) => {
  const server = await startRedis(t, { lines: ['user chancery on >pw ~{chancery}:* -@all +@read +@scripting +role +config|get +info +set'] });
  const { link } = await linked(t, [server], { address: { user: 'chancery', password: 'pw' } });
  const half = { name: 'half', source: 'redis.call("SET", KEYS[1], "half done") redis.call("ZADD", KEYS[1] .. ":z", 1, "x") return redis.call(\'INCR\', KEYS[1] .. ":n")' };
  await refused(t, () => link.evaluate(half, [KEY], []), /NOPERM the user lacks rights: \+zadd \+incr/, 100);
  t.equal(await server.cli('EXISTS', KEY), '0');
  await server.cli('ACL', 'SETUSER', 'chancery', '+zadd', '+incr');
  for (const n of [1, 2, 3]) t.equal(await link.evaluate(half, [KEY], []), n);
});

t.test('no secret is in what is told', { skip: noRedis }, async (t) => {
  const server = await startRedis(t, { lines: ['user chancery on >hunter2 ~* &* +@all -config'] });
  const told: unknown[] = [];
  const address = { user: 'chancery', password: 'hunter2' };
  for (const over of [{ address: { ...address, password: 'hunter2!' } }, { address }, { address: { ...address, database: 99 }, allowVolatile: true }]) {
    await linked(t, [server], { ...over, timeout: 300, told: (state) => told.push(state) }).catch((error: unknown) => told.push(error));
  }
  const { link } = await linked(t, [server], { address, allowVolatile: true, told: (state) => told.push(state) });
  await link.evaluate({ name: 'wrong', source: 'return redis.call("GET")' }, [], ['hunter2']).catch((error: unknown) => told.push(error));
  await link.read([['NOSUCHCOMMAND', 'hunter2']]).catch((error: unknown) => told.push(error));
  t.ok(told.length >= 6, String(told.length));
  t.notMatch(inspect(told, { depth: 10, showHidden: true }), /hunter2/);
});
