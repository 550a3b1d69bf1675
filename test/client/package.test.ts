import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { temporaryFolder } from '../helpers/folder.ts';
import { startTestService } from '../helpers/service.ts';
import { repositoryFile } from '../repository.ts';

t.test('the types are those of the OpenAPI document', async (t) => {
  const digest = createHash('sha256').update(readFileSync(repositoryFile('openapi/chancery.v1.json'))).digest('hex');
  t.match(readFileSync(repositoryFile('src/client/api-types.ts'), 'utf8').split('\n', 1)[0], digest, 'npm run schemas writes them anew');
});

t.test('who installs the package has a client with types', async (t) => {
  const folder = temporaryFolder('package');
  const run = (command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): string =>
    execFileSync(command, args, { cwd: folder, encoding: 'utf8', env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const packed = JSON.parse(run('npm', ['pack', repositoryFile('.'), '--ignore-scripts', '--json', '--loglevel=error'])) as { filename: string }[];
  run('tar', ['-xzf', packed[0]?.filename ?? '']);
  mkdirSync(join(folder, 'node_modules', '@types'), { recursive: true });
  renameSync(join(folder, 'package'), join(folder, 'node_modules', 'chancery'));
  // Nothing else is installed there: the client has no dependencies.
  for (const types of ['@types/node', 'undici-types']) symlinkSync(repositoryFile(`node_modules/${types}`), join(folder, 'node_modules', types));
  t.same(readdirSync(join(folder, 'node_modules')).sort(), ['@types', 'chancery', 'undici-types']);

  const [, example = ''] = /```ts\n(.*?)```/s.exec(readFileSync(repositoryFile('docs/client.md'), 'utf8')) ?? [];
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({
    compilerOptions: { target: 'es2022', module: 'nodenext', strict: true, exactOptionalPropertyTypes: true, types: ['node'] }, include: ['*.ts'],
  }));
  writeFileSync(join(folder, 'example.ts'), example);
  writeFileSync(join(folder, 'wrong.ts'), `import { type CallApi, type components, openClient } from 'chancery/client';
declare const call: CallApi;
const certificate: components['schemas']['Certificate'] = await call('get', '/v1/certificates/{serial}', { path: { serial: '0a' } });
certificate.status satisfies 'valid' | 'revoked' | 'expired';
(await call('get', '/v1/authorities')).items[0]?.name satisfies string | undefined;
// @ts-expect-error the path's parameter is missing
await call('get', '/v1/certificates/{serial}');
// @ts-expect-error there is no such path
await call('get', '/v1/certificate');
// @ts-expect-error it cannot be deleted
await call('delete', '/v1/certificates/{serial}', { path: { serial: '0a' } });
// @ts-expect-error a member that does not exist
await call('post', '/v1/tokens', { body: { profil: 'node', names: ['a.example.com'] } });
// @ts-expect-error a value that does not exist
await call('get', '/v1/certificates', { query: { status: 'good' } });
// @ts-expect-error credentials are missing
openClient({ url: new URL('https://ca'), roots: [] });
`);
  const tsc = (): string => {
    try {
      // What the test runner has every Node load makes the compiler end without having done anything.
      return run('env', ['-u', 'NODE_OPTIONS', process.execPath, repositoryFile('node_modules/typescript/bin/tsc'), '-p', '.']);
    } catch (error) {
      return String((error as { stdout?: string }).stdout);
    }
  };
  t.equal(tsc(), '', 'it compiles, and what is wrong does not');

  const service = await startTestService(t);
  writeFileSync(join(folder, 'root.pem'), service.root);
  const { json } = await service.call('POST', '/v1/api-keys', { certificate: service.operator, body: { name: 'example', scopes: ['token', 'read'] } });
  const said = await new Promise<string>((resolve, reject) => {
    const env = { ...process.env, CHANCERY_URL: String(service.service.addresses.https), CHANCERY_API_KEY: String(json.key) };
    execFile(process.execPath, ['example.js', 'node1.example.com', 'node2.example.com'], { cwd: folder, env }, (error, stdout, stderr) => (error === null ? resolve(stdout) : reject(new Error(stderr))));
  });
  t.match(said, /^node1\.example\.com: CHYTKN-1-\S+, until 20.*\nnode2\.example\.com: CHYTKN-1-/);
});
