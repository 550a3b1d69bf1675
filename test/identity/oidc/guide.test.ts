import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { parse } from 'yaml';
import { loadConfig } from '../../../src/config/load.ts';
import { repositoryFile } from '../../repository.ts';
import { temporaryFolder } from '../../helpers/folder.ts';
import { freePort } from '../../helpers/redis.ts';
import { startTestService } from '../../helpers/service.ts';
import { startIssuer } from './issuer.ts';

const README = readFileSync(repositoryFile('README.md'), 'utf8');
const GUIDE = readFileSync(repositoryFile('docs/oidc.md'), 'utf8');
const blocks = (text: string): string[] => [...text.matchAll(/```yaml\n(.*?)```/gs)].map(([, block = '']) => block);

interface Written {
  readonly oidc: { readonly issuers: Readonly<Record<string, { readonly rules: readonly object[] }>> };
}
interface Pipeline {
  readonly steps?: readonly { readonly run?: string }[];
  readonly certificate?: { readonly script: readonly string[] };
}

t.test('every configuration of the guide can be loaded', async (t) => {
  const configurations = [README, GUIDE].flatMap(blocks).filter((block) => /^ *(?:oidc|google|azure):/m.test(block)).map((block) => (/^oidc:/m.test(block) ? block : `oidc:\n  issuers:\n${block}`));
  t.equal(configurations.length, 6);
  for (const text of configurations) {
    const folder = temporaryFolder('guide');
    writeFileSync(join(folder, 'chancery.yaml'), text, { mode: 0o600 });
    const { oidc } = loadConfig({ file: 'chancery.yaml', folder, machine: 'machine', env: /^publicUrl:/m.test(text) ? {} : { CHANCERY_PUBLIC_URL__HTTPS: 'https://ca.example.com:8443' } });
    t.ok(Object.keys(oidc.issuers).length > 0, Object.keys(oidc.issuers).join());
  }
});

/** Two issuers in place of GitHub and GitLab, and a service with the rules that a document says. */
t.test('the lines for pipelines bring certificates', async (t) => {
  const [github, gitlab] = [await startIssuer(t), await startIssuer(t)];
  const port = await freePort();
  const address = `https://localhost:${port}`;
  const rulesOf = (document: string, name: string): string => {
    const rules = blocks(document).filter((block) => /^oidc:/m.test(block)).map((block) => (parse(block) as Written).oidc.issuers[name]?.rules).find((one) => one !== undefined);
    return JSON.stringify(rules);
  };
  const claims = {
    github: { aud: address, sub: 'repo:octo-org/site:ref:refs/heads/main', repository_owner: 'octo-org', repository: 'octo-org/site', ref: 'refs/heads/main' },
    gitlab: { aud: address, sub: 'project_path:octo-org/site:ref_type:branch:ref:main', namespace_path: 'octo-org', project_path: 'octo-org/site', ref_protected: 'true' },
  };
  // What gives a job of GitHub its token.
  const asked: string[] = [];
  const tokens = createServer((request, response) => {
    asked.push(`${request.headers.authorization} ${new URL(request.url ?? '', 'http://localhost').searchParams.get('audience')}`);
    void github.token(claims.github).then((value) => response.end(JSON.stringify({ count: 1, value })));
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => tokens.once('listening', resolve));
  t.teardown(() => tokens.close());

  for (const [name, document, expected] of [['README', README, 'octo-org.ci.example.com'], ['guide', GUIDE, 'site.octo-org.ci.example.com']] as const) {
    const issuer = (kind: string, { url, ca }: typeof github, preset: string): Record<string, string> => Object.fromEntries(Object.entries({
      PRESET: preset, ISSUER: url, CA: ca, PERMIT_NETWORKS: '127.0.0.0/8,::1/128', RULES: rulesOf(document, kind).replace('my-group/**', 'octo-org/**').replace('my-group', 'octo-org'),
    }).map(([setting, value]) => [`CHANCERY_OIDC__ISSUERS__${kind.toUpperCase()}__${setting}`, value]));
    const service = await startTestService(t, {
      settings: { CHANCERY_LISTEN__HTTPS: `localhost:${port}`, CHANCERY_PUBLIC_URL__HTTPS: address, ...issuer('github', github, 'github-actions'), ...issuer('gitlab', gitlab, 'gitlab') },
    });
    const folder = temporaryFolder('pipeline');
    writeFileSync(join(folder, 'root.pem'), service.root);
    const env = {
      ...process.env, CA: address, ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'of-the-job', ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${(tokens.address() as AddressInfo).port}/token?api-version=2.0`,
      GITHUB_REPOSITORY_OWNER: 'octo-org', GITHUB_REPOSITORY: 'octo-org/site', CI_PROJECT_NAMESPACE: 'octo-org', CI_PROJECT_NAME: 'site', CA_TOKEN: await gitlab.token(claims.gitlab),
    };
    const pipelines = blocks(document).map((block) => parse(block) as Pipeline | null);
    const scripts = [
      ['GitHub Actions', pipelines.flatMap((one) => one?.steps ?? []).map(({ run }) => run).find((run) => run !== undefined), expected],
      ['GitLab CI', pipelines.find((one) => one?.certificate !== undefined)?.certificate?.script.join('\n'), name === 'guide' ? 'site.ci.example.com' : expected],
    ] as const;
    for (const [platform, script, subject] of scripts) {
      await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script ?? 'exit 1'], { cwd: folder, env, timeout: 30_000 });
      t.equal(new X509Certificate(readFileSync(join(folder, 'ci.pem'))).subjectAltName, `DNS:${subject}`, `${name}: ${platform}`);
    }
    await service.service.stop();
  }
  t.same(asked, Array(2).fill(`Bearer of-the-job ${address}`));
});
