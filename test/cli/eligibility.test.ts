import { readFileSync } from 'node:fs';
import t from 'tap';
import { temporaryFolder } from '../helpers/folder.ts';
import { makeCsr } from '../helpers/openssl.ts';
import { openClient } from '../../src/client/chancery-client.ts';
import { startService } from './service.ts';

t.test('operators approve one after another, and see whose a name is', async (t) => {
  const service = await startService([], { CHANCERY_ELIGIBILITY: '[key, names, profile, {step: approval, profiles: [server], approvals: 2}, name-ownership]' });
  t.teardown(() => service.kill());
  const root = readFileSync(`${service.data}/root.pem`, 'utf8');
  const made = async (...args: readonly string[]): Promise<any> => JSON.parse((await service.cli([...args, '--json'])).stdout);
  const ask = async (profile: string, name: string): Promise<any> => {
    const { token } = await made('token', 'create', '--profile', profile, '--name', '*');
    const client = openClient({ url: new URL(service.https), roots: [root], credentials: { kind: 'bearer', secret: token } });
    t.teardown(() => client.close());
    return client.createRequest({ csr: readFileSync(makeCsr(temporaryFolder('csr'), 'node', { san: `DNS:${name}` }).csr, 'utf8'), profile });
  };
  const keys = { alice: (await made('key', 'create', 'alice', '--scope', 'approve', '--scope', 'read')).key, bob: (await made('key', 'create', 'bob', '--scope', 'approve', '--scope', 'read')).key };
  const { id, state } = await ask('server', 'www.example.com');
  t.equal(state, 'pending');
  const approve = (CHANCERY_API_KEY: string) => service.cli(['requests', 'approve', id, '--reason', 'ticket 4711'], { env: { CHANCERY_API_KEY } });

  const first = await approve(keys.alice);
  t.equal(first.status, 0, first.stderr);
  t.match(first.stdout, `Request ${id} has 1 of 2 approvals.`);
  t.match(first.stdout, /^approvals +1 of 2$/m);
  t.match(first.stdout, /^ {2}passed {3}approval {2,}approved by api-key:alice#\w+ \(1 of 2\): ticket 4711$/m);
  t.match(first.stdout, /^ {2}waiting {2}approval {2,}waits for 1 more operator to approve it \(1 of 2\)$/m);
  const twice = await approve(keys.alice);
  t.match([twice.status, twice.stderr], [1, /alice has already approved it; expected another operator/]);
  const second = await approve(keys.bob);
  t.match([second.status, second.stdout], [0, `Request ${id} is approved.`]);

  const node = await ask('node', 'node1.example.com');
  t.equal(node.state, 'issued');
  const shown = await service.cli(['names', 'show', 'node1.example.com']);
  t.match(shown.stdout, /^name +node1\.example\.com\nowner +enrolment-token:\w+\nby +certificate [0-9a-f]+, which expires 20/);
  const refused = await ask('node', 'node1.example.com').catch((error: Error) => error.message);
  t.match(refused, /"node1.example.com" is held by another requester/);
  t.match((await service.cli(['requests', 'list', '--state', 'denied', '--json'])).stdout, 'chancery names release');
  const released = await service.cli(['names', 'release', 'node1.example.com', '--reason', 'new hardware']);
  t.match([released.status, released.stdout], [0, /^node1\.example\.com is released; it was held by enrolment-token:\w+\.\n$/]);
  t.match((await service.cli(['names', 'show', 'node1.example.com'])).stdout, 'Nobody holds node1.example.com.\n');
  t.equal((await ask('node', 'node1.example.com')).state, 'issued');
  t.equal((await service.cli(['names', 'release', 'other.example.com', '--reason', 'x'])).status, 1);
  t.match(await service.cli(['names', 'show']), { status: 2, stderr: /the name is missing/ });
});
