import t from 'tap';
import type { Patient } from '../../src/cli/doctor/check.ts';
import { oidcChecks } from '../../src/cli/doctor/oidc.ts';
import type { Config } from '../../src/config/config.ts';
import { AUDIENCE, startIssuer } from '../identity/oidc/issuer.ts';
import { configured } from '../identity/oidc/reader.ts';

const RULES = [{ when: { sub: 'repo:octo-org/**' }, profile: 'server', names: ['a.example.com'] }];
const checks = (config: Config | undefined) => oidcChecks({ config } as Patient);
const found = async (config: Config): Promise<unknown> => {
  const [check] = checks(config);
  return check?.look({ config } as Patient);
};

t.test('doctor fetches the keys of each issuer, and says what stands in the way', async (t) => {
  const issuer = await startIssuer(t, { algorithms: ['RS256', 'ES256'] });
  const good = { issuer: issuer.url, audience: [AUDIENCE], ca: issuer.ca, permitNetworks: ['127.0.0.0/8', '::1/128'], rules: RULES };
  const jwks = JSON.stringify({ keys: issuer.server.issuer.keys.toJSON() });
  t.same(checks(configured({})), [], 'nothing to look at');
  t.same(checks(undefined), []);
  t.same(await found(configured({ ci: good, fixed: { ...good, issuer: 'https://fixed.example.com', jwks } })), { outcome: 'ok', detail: 'ci (2 keys), fixed (2 keys)' });
  t.match(await found(configured({ ci: { ...good, permitNetworks: undefined } })), { outcome: 'fail', detail: /^ci: .*is not called: it is in .*loopback/, advice: /permitNetworks/ });
  t.match(await found(configured({ ci: { ...good, ca: '/nowhere/ca.pem' } })), { outcome: 'fail', detail: /^ci: .*ENOENT.*\/nowhere\/ca\.pem/ });
  await issuer.down();
  t.match(await found(configured({ ci: good })), { outcome: 'fail', detail: /connection refused/ });
});
