import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { runHere } from '../../cli/run-cli.ts';
import { startTestService } from '../../helpers/service.ts';
import { AUDIENCE, startIssuer } from './issuer.ts';

t.test('chancery enroll takes a token of an issuer, and the root beside it', async (t) => {
  const issuer = await startIssuer(t);
  const one = await startTestService(t, { settings: {
    CHANCERY_OIDC__ISSUERS__CI__ISSUER: issuer.url, CHANCERY_OIDC__ISSUERS__CI__CA: issuer.ca, CHANCERY_OIDC__ISSUERS__CI__AUDIENCE: AUDIENCE,
    CHANCERY_OIDC__ISSUERS__CI__PERMIT_NETWORKS: '127.0.0.0/8,::1/128',
    CHANCERY_OIDC__ISSUERS__CI__RULES: JSON.stringify([{ when: { repository_owner: 'octo-org' }, profile: 'node', names: ['{{repository_owner}}.ci.example.com'] }]),
  } });
  const root = join(one.folder, 'root.pem');
  writeFileSync(root, one.root);
  const enroll = async (...more: readonly string[]) =>
    runHere(['enroll', '--url', one.service.addresses.https ?? '', '--token', await issuer.token({ repository_owner: 'octo-org' }), '--name', 'octo-org.ci.example.com', '--out', join(one.folder, 'tls'), ...more]);
  t.match(await enroll(), { status: 2, stderr: /--ca is missing/ });
  t.match(await enroll('--ca', root), { status: 0 });
  t.equal(new X509Certificate(readFileSync(join(one.folder, 'tls', 'cert.pem'))).subjectAltName, 'DNS:octo-org.ci.example.com');
  const other = join(one.folder, 'other.pem');
  writeFileSync(other, readFileSync(issuer.ca));
  t.match(await enroll('--ca', other, '--force'), { status: 1 }, 'another root: the token is not sent');
});
