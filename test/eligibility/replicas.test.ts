import { readFileSync } from 'node:fs';
import t from 'tap';
import { makeCsr } from '../helpers/openssl.ts';
import { noRedis, startRedis } from '../helpers/redis.ts';
import { type Reply, startReplica, startTestService } from '../helpers/service.ts';
import { json, startWebhook } from './webhook-server.ts';

t.test('over two replicas: a name goes to one, approvals count once, and one of them asks a webhook again', { skip: noRedis }, async (t) => {
  const redis = await startRedis(t);
  const webhook = await startWebhook(t);
  const settings = {
    CHANCERY_STORE__URL: `redis://127.0.0.1:${redis.port}`,
    CHANCERY_ELIGIBILITY: '[key, names, profile, {step: approval, profiles: [client], approvals: 2}, name-ownership, {step: webhook, webhook: cmdb, profiles: [node]}]',
    CHANCERY_WEBHOOKS__CMDB__URL: webhook.url, CHANCERY_WEBHOOKS__CMDB__CA: webhook.ca, CHANCERY_WEBHOOKS__CMDB__SECRET: '0123456789abcdef0123456789abcdef',
  };
  const first = await startTestService(t, { settings });
  const second = await startReplica(t, first, settings);
  const both = [first, second] as const;
  const ask = (n: number, bearer: string, name: string, profile: string): Promise<Reply> => (both[n % 2] ?? first).call('POST', `/v1/requests?profile=${profile}`, {
    bearer, headers: { 'content-type': 'application/pkcs10' }, body: readFileSync(makeCsr(first.folder, `${name}-${n}`, { san: `DNS:${name}.example.com` }).csr),
  });
  const token = (profile: string): Promise<string> => first.token({ profile, names: ['**.example.com'], uses: 20 });

  const tokens = await Promise.all(Array.from({ length: 6 }, () => token('server')));
  const raced = await Promise.all(tokens.map((bearer, n) => ask(n, bearer, 'raced', 'server')));
  t.same(raced.map(({ status }) => status).sort((a, b) => a - b), [201, 403, 403, 403, 403, 403]);

  const keys = await Promise.all(['alice', 'bob'].map(async (name) => (await first.call('POST', '/v1/api-keys', { certificate: first.operator, body: { name, scopes: ['approve'] } })).json.key as string));
  const { id } = (await ask(0, await token('client'), 'person', 'client')).json;
  const approvals = await Promise.all([0, 1, 0, 1].map((who, n) => (both[n % 2] ?? first).call('POST', `/v1/requests/${id}/approve`, { bearer: keys[who] ?? '', body: {} })));
  t.same(approvals.map(({ status }) => status).sort((a, b) => a - b), [200, 200, 409, 409]);

  webhook.answer = json({ decision: 'wait', reason: 'not yet', retryAfter: 1 });
  const bearer = await token('node');
  const waiting = await Promise.all([1, 2, 3, 4].map((n) => ask(n, bearer, `waits${n}`, 'node')));
  t.same(waiting.map(({ status }) => status), [202, 202, 202, 202]);
  const asked = webhook.asked.length;
  webhook.answer = json({ decision: 'allow' });
  for (const { json: { id: one } } of waiting) t.equal((await second.call('GET', `/v1/requests/${one}`, { bearer, headers: { prefer: 'wait=10' } })).json.state, 'issued');
  t.equal(webhook.asked.length, asked + 4, 'each once, by whichever was first');
});
