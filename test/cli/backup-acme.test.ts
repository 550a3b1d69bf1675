import { X509Certificate } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Service } from '../../src/service.ts';
import { acmeClient, type AcmeClient, binding, csrFor, dnsName, jws, newPair, type Pair, type Signer } from '../acme/client.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { noRedis, startRedis } from '../helpers/redis.ts';
import { type Json, send } from '../helpers/service.ts';
import { runHere } from './run-cli.ts';
import { type RunningService, serve, startService } from './service.ts';

const folder = temporaryFolder('backup-acme');
const ACME = { CHANCERY_ACME__ENABLED: 'true', CHANCERY_ACME__EXTERNAL_ACCOUNT: 'required', CHANCERY_ACME__ALLOW: '["**.lab.internal"]' };

const first = await startService([], ACME);
let running = true;
t.teardown(() => (running ? first.stop() : undefined));

const clientOf = ({ https, data }: RunningService): AcmeClient => {
  const root = readFileSync(join(data, 'root.pem'), 'utf8');
  return acmeClient({ call: (method, path, options = {}) => send(`${https}${path}`, method, options, root), service: { addresses: { https } } as Service });
};
/** The same account as a service on another port names it. */
const at = ({ pair, kid = '' }: Signer, { base }: AcmeClient): Signer => ({ pair, kid: `${base}/${kid.slice(kid.indexOf('/acme/issuing/') + '/acme/issuing/'.length)}` });

/** The keys, certificates and configuration of the deployment, without its store. */
function another(name: string): string {
  const data = join(folder, name);
  mkdirSync(data, { mode: 0o700 });
  for (const part of ['authorities', 'operator', 'root.pem', 'chancery.yaml', 'secret.key', 'service']) {
    if (existsSync(join(first.data, part))) cpSync(join(first.data, part), join(data, part), { recursive: true });
  }
  return data;
}

async function json(of: RunningService, args: readonly string[]): Promise<Json> {
  const { status, stdout, stderr } = await of.cli([...args, '--json']);
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Json;
}
const client = clientOf(first);
const good = await json(first, ['eab', 'create', '--name', '**.lab.internal', '--uses', '4']);
const revoked = await json(first, ['eab', 'create']);
await first.cli(['eab', 'revoke', String(revoked.id)]);
const bound = async (of: AcmeClient, key: Json, pair: Pair = newPair()): Promise<Signer & { readonly reply: Json }> =>
  of.account(pair, { externalAccountBinding: binding(String(key.id), String(key.hmac), `${of.base}/new-account`, pair) });

const [kept, ended, rolled] = [await bound(client, good), await bound(client, good), await bound(client, good)];
await client.post(ended.kid ?? '', ended, { status: 'deactivated' });
const fresh = newPair();
const change = `${client.base}/key-change`;
await client.post(change, rolled, jws(fresh, { url: change, jwk: fresh.jwk }, { account: rolled.kid, oldKey: rolled.pair.jwk }));
const done = await client.order(kept, [dnsName('a.lab.internal')]);
await client.post(done.json.finalize, kept, { csr: csrFor([{ kind: 'dns', value: 'a.lab.internal' }]) });
const ready = await client.order(kept, [dnsName('b.lab.internal')]);
if (ready.json.status !== 'ready') throw new Error(ready.text);
const orders = (await json(first, ['acme', 'orders'])).items as Json[];

/** What each of the copies must do as the first service did. */
async function sameAs(t: Test, copy: RunningService): Promise<void> {
  const here = clientOf(copy);
  t.match(await here.account(kept.pair, { onlyReturnExisting: true }), { kid: at(kept, here).kid, reply: { status: 200 } }, 'an account is known by its key');
  t.match((await here.account(ended.pair, { onlyReturnExisting: true })).reply, { status: 401 }, 'one that was deactivated stays so');
  t.match((await bound(here, good, ended.pair)).reply, { status: 401 }, 'nor can it be made anew');
  t.match((await here.account(fresh, { onlyReturnExisting: true })).kid, at(rolled, here).kid);
  t.match((await here.account(rolled.pair, { onlyReturnExisting: true })).reply, { json: { type: 'urn:ietf:params:acme:error:accountDoesNotExist' } }, 'a key that was rolled over is good for nothing');
  t.match((await bound(here, revoked)).reply, { status: 403 }, 'a key that was revoked stays so');
  t.same((await json(copy, ['acme', 'orders'])).items, orders);
  const signer = at(kept, here);
  const order = (id: string): string => `${here.base}/order/${id}`;
  const [valid, open] = ['a', 'b'].map((host) => String(orders.find(({ identifiers }) => identifiers[0].value === `${host}.lab.internal`)?.id)) as [string, string];
  const certificate = await here.post((await here.post(order(valid), signer, '')).json.certificate, signer, '');
  t.match(new X509Certificate(certificate.text).subjectAltName, 'a.lab.internal');
  const csr = csrFor([{ kind: 'dns', value: 'b.lab.internal' }]);
  t.match((await here.post(`${order(open)}/finalize`, signer, { csr })).json, { status: 'valid' }, 'an order that was begun there is finished here');
}

t.test('a backup holds accounts, keys for external accounts, orders and authorizations; restored elsewhere, clients go on', async (t) => {
  const file = join(folder, 'acme.backup');
  const made = await first.cli(['backup', file, '--json']);
  t.equal(made.status, 0, made.stderr);
  // Three accounts, four keys of theirs, two keys for external accounts, two orders, two authorizations.
  t.match(JSON.parse(made.stdout), { items: { object: 13 } });
  t.match((await runHere(['backup', 'verify', file])).stdout, /13 objects\n/);
  t.notOk(readFileSync(file).includes(String(good.hmac)), 'no secret in it');
  const data = another('restored');
  const restored = await runHere(['restore', file, '--data', data]);
  t.equal(restored.status, 0, restored.stderr);
  const copy = await serve(data, ACME);
  t.teardown(() => copy.stop());
  await sameAs(t, copy);
  t.equal((await bound(clientOf(copy), good)).reply.status, 201, 'the fourth account of the key');
  t.equal((await bound(clientOf(copy), good)).reply.status, 403, 'and no more');
});

t.test('to Redis, with what came since; and back again', { skip: noRedis }, async (t) => {
  const redis = await startRedis(t);
  const data = another('redis');
  const env = { CHANCERY_DATA: data, CHANCERY_STORE__URL: `redis://127.0.0.1:${redis.port}` };
  const from = `embedded:${join(first.data, 'store')}`;
  const once = await runHere(['restore', '--from', from, '--more', '--json'], { env });
  t.equal(once.status, 0, once.stderr);
  const before = (await json(first, ['acme', 'orders'])).items as Json[];
  const late = await client.order(kept, [dnsName('c.lab.internal')]);
  t.equal(late.status, 201);
  await first.stop();
  running = false;
  const last = await runHere(['restore', '--from', from, '--json'], { env });
  t.equal(last.status, 0, last.stderr);
  t.match(JSON.parse(last.stdout), { added: 2 }, 'an order without a line in the log, and its authorization');
  const moved = await serve(data, { ...ACME, CHANCERY_STORE__URL: env.CHANCERY_STORE__URL });
  t.same(((await json(moved, ['acme', 'orders'])).items as Json[]).slice(1), before);
  t.match((await clientOf(moved).post(`${clientOf(moved).base}/order/${String(late.headers.location).split('/').pop()}`, at(kept, clientOf(moved)), '')).json, { status: 'ready' });
  await moved.stop();
  const back = another('back');
  const returned = await runHere(['restore', '--from', env.CHANCERY_STORE__URL, '--data', back]);
  t.equal(returned.status, 0, returned.stderr);
  const copy = await serve(back, ACME);
  t.teardown(() => copy.stop());
  orders.unshift(...((await json(copy, ['acme', 'orders'])).items as Json[]).slice(0, 1));
  await sameAs(t, copy);
});
