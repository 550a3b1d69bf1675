import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { readMaster } from '../../src/identity/master-secret.ts';
import { startTestService } from '../helpers/service.ts';

const KINDS = [
  { path: '/v1/tokens', shown: 'token', body: { profile: 'server', names: ['a.example.com'], ttl: '1h' } },
  { path: '/v1/api-keys', shown: 'key', body: { name: 'dashboard', scopes: ['read'], ttl: '1h' } },
];

t.test('an Idempotency-Key stands for a credential until that ends, and then for another', async (t) => {
  let now = Date.now();
  const chancery = await startTestService(t, { clock: () => now });
  for (const { path, shown, body } of KINDS) {
    const make = () => chancery.call('POST', path, { certificate: chancery.operator, headers: { 'idempotency-key': 'one' }, body });
    const first = await make();
    t.equal(first.status, 201, first.text);
    now += 60_000;
    t.equal((await make()).json[shown], first.json[shown], 'the same again, some time later');
    now += 3_600_000;
    const after = await make();
    t.equal(after.status, 201, after.text);
    t.not(after.json.id, first.json.id);
    t.not(after.json[shown], first.json[shown]);
  }
});

t.test('a credential that cannot be derived any more is not shown as another one', async (t) => {
  const chancery = await startTestService(t);
  const make = ({ path, body }: (typeof KINDS)[number]) => chancery.call('POST', path, { certificate: chancery.operator, headers: { 'idempotency-key': 'one' }, body });
  for (const kind of KINDS) t.equal((await make(kind)).status, 201);
  rmSync(join(chancery.config.data, 'secret.key'));
  await chancery.restart();
  for (const kind of KINDS) {
    const reply = await make(kind);
    t.equal(reply.status, 422);
    t.match(reply.json, { type: 'urn:chancery:error:idempotency-key-reused', detail: /secret\.key/ });
  }
});

t.test('the secret that credentials are derived from is made once, and never replaced', (t) => {
  const data = mkdtempSync(join(tmpdir(), 'chancery-master-'));
  t.teardown(() => rmSync(data, { recursive: true, force: true }));
  const theirs = Buffer.alloc(32, 7);
  // Another process makes it in the very moment in which this one is about to.
  const mine = (size: number): Uint8Array => {
    writeFileSync(join(data, 'secret.key'), theirs.toString('hex'), { mode: 0o600, flag: 'wx' });
    return Buffer.alloc(size, 9);
  };
  t.strictSame(Buffer.from(readMaster(data, mine)), theirs);
  t.strictSame(readdirSync(data), ['secret.key'], 'nothing is left lying about');
  t.equal(statSync(join(data, 'secret.key')).mode & 0o777, 0o600);
  t.end();
});
