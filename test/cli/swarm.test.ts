import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { makeSwarm, newId } from '../swarm/pki.ts';
import { startService } from './service.ts';

const folder = mkdtempSync(join(tmpdir(), 'chancery-swarm-'));
const service = await startService([], { CHANCERY_SWARM__ENABLED: 'true' });
t.teardown(async () => {
  await service.stop();
  rmSync(folder, { recursive: true });
});
const swarm = makeSwarm(folder);
const root = join(folder, 'old-root.pem');
writeFileSync(root, swarm.root);
const digest = new X509Certificate(swarm.root).fingerprint256.replaceAll(':', '').toLowerCase();
const cli = (...args: string[]): ReturnType<typeof service.cli> => service.cli(['swarm', ...args]);

t.test('register, list, unregister', async (t) => {
  t.strictSame(await cli('list'), { status: 0, stdout: 'No swarm is registered.\n', stderr: '' });
  t.match(await cli('register', '--root', root, '--cluster-id', swarm.id), { status: 0, stdout: new RegExp(`swarm +${swarm.id}\nroot +${digest} \\(CN=swarm-ca, expires `) });
  t.match((await cli('list')).stdout, new RegExp(`^${swarm.id} +${digest.slice(0, 16)} `, 'm'));
  t.match(JSON.parse((await cli('list', '--json')).stdout), { items: [{ clusterId: swarm.id, roots: [{ digest }] }] });
  t.match(await cli('register', '--root', root, '--cluster-id', newId()), { status: 1, stderr: new RegExp(`registered for swarm ${swarm.id}`) });
  t.match(await cli('unregister', '--cluster-id', swarm.id, '--root', root), { status: 0, stdout: /roots +none/ });
  t.match(await cli('unregister', '--cluster-id', swarm.id), { status: 1, stderr: /No root is registered/ });
  t.equal((await cli('register', '--root', root, '--cluster-id', swarm.id, '--json')).status, 0);
  t.equal((await cli('unregister', '--cluster-id', swarm.id, '--root', digest.toUpperCase())).status, 0);
});

t.test('grace opens a window, and closes it', async (t) => {
  t.match(await cli('grace', '--cluster-id', swarm.id, '--for', '30m'), { status: 0, stdout: /grace +until .*, by client-certificate:/ });
  t.match((await cli('list')).stdout, new RegExp(`^${swarm.id} .* 20\\d\\d-`, 'm'));
  t.match(await cli('grace', '--cluster-id', swarm.id, '--close'), { status: 0, stdout: /roots +none\n$/ });
  t.match(await cli('grace', '--cluster-id', swarm.id, '--close'), { status: 1, stderr: /No grace window is open/ });
  t.match(await cli('grace', '--cluster-id', swarm.id, '--for', '9d'), { status: 1, stderr: /expected 1s to 7d/ });
});

t.test('wrong usage is told before anything is asked', async (t) => {
  for (const args of [['register', '--root', root], ['register', '--cluster-id', swarm.id], ['register', '--root', root, '--cluster-id', 'SHORT'], ['grace', '--cluster-id', swarm.id, '--for', 'long']]) t.equal((await cli(...args)).status, 2, args.join(' '));
  t.match(await cli('register', '--root', join(folder, 'none.pem'), '--cluster-id', swarm.id), { status: 1, stderr: /^chancery: .*none\.pem.*\n$/ });
  t.match(await cli('unregister', '--root', join(folder, 'none.pem'), '--cluster-id', swarm.id), { status: 1, stderr: /none\.pem cannot be read/ });
});
