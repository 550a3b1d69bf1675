import { readFileSync } from 'node:fs';
import t from 'tap';
import { Refused } from '../../src/errors.ts';
import type { IssuanceContext } from '../../src/issuance/context.ts';
import { approve } from '../../src/issuance/decide.ts';
import { finishApproved } from '../../src/issuance/finish.ts';
import type { RequestRecord } from '../../src/issuance/request.ts';
import { NO_GRANT } from '../../src/policy/grant.ts';
import { StoreUnavailable } from '../../src/store/store.ts';
import { makeCsr } from '../helpers/openssl.ts';
import { startTestService, type TestService } from '../helpers/service.ts';

const OPERATOR = { kind: 'api-key', name: 'approver', proof: 'a test', grant: NO_GRANT, scopes: ['approve'] } as const;
const PROFILES = { CHANCERY_PROFILES__SERVER__APPROVAL: 'true', CHANCERY_PROFILES__NODE__APPROVAL: 'true' };

/** Approved, with its bytes stored, and killed before the signature. */
async function leaveApproved({ call, folder, operator, service: { issuance } }: TestService, name: string, profile: string): Promise<string> {
  const { json } = await call('POST', `/v1/requests?profile=${profile}`, {
    certificate: operator, headers: { 'content-type': 'application/pkcs10' }, body: readFileSync(makeCsr(folder, name, { san: `DNS:${name}.example.com` }).csr),
  });
  const store: IssuanceContext['store'] = Object.create(issuance.store, {
    transition: {
      value: async (from: RequestRecord['state'], record: RequestRecord, audit: []) => {
        if (from === 'approved') throw new StoreUnavailable('killed');
        return issuance.store.transition(from, record, audit);
      },
    },
  });
  await t.rejects(approve({ ...issuance, store }, { id: json.id, operator: OPERATOR, reason: 'known' }), StoreUnavailable);
  t.equal((await issuance.store.get(json.id))?.state, 'approved');
  return String(json.id);
}

t.test('an approved request that can never be signed fails, and keeps neither the others nor the start waiting', async (t) => {
  const chancery = await startTestService(t, { settings: PROFILES });
  const good = await leaveApproved(chancery, 'good', 'server');
  const blocked = await leaveApproved(chancery, 'blocked', 'server');
  const orphan = await leaveApproved(chancery, 'orphan', 'node');
  const { issuance, core } = chancery.service;
  const lastGood = await leaveApproved(chancery, 'last', 'server');
  const stateOf = async (id: string): Promise<string | undefined> => (await issuance.store.get(id))?.state;

  t.test('what passes leaves it approved', async (t) => {
    const reported: unknown[] = [];
    const { signingKey: _away, ...keyless } = core.authorities.issuing;
    const profiles = new Map([...issuance.profiles].map(([name, issuing]) => [name, { ...issuing, authority: { ...keyless, canSign: false } }]));
    await finishApproved({ ...issuance, profiles, report: (_what, error) => void reported.push(error) });
    t.equal(reported.length, 4);
    for (const error of reported) t.match(error, { code: 'unavailable' });
    t.ok(reported.every((error) => error instanceof Refused));
    for (const id of [good, blocked, orphan, lastGood]) t.equal(await stateOf(id), 'approved');
  });

  t.test('what does not is final', async (t) => {
    await core.store.blockedKeys.add((await issuance.store.get(blocked))?.keyHash ?? '', []);
    const profiles = new Map([...issuance.profiles].filter(([name]) => name !== 'node'));
    await finishApproved({ ...issuance, profiles });
    t.equal(await stateOf(good), 'issued');
    t.equal(await stateOf(lastGood), 'issued');
    for (const [id, step] of [[blocked, 'block-list'], [orphan, 'profile']] as const) {
      const record = await issuance.store.get(id);
      t.equal(record?.state, 'failed', step);
      t.equal(record?.tbs, undefined);
      t.match(record?.steps.at(-1), { name: step, outcome: 'failed' });
      t.match(record?.refusal, { code: 'request-refused', detail: new RegExp(`^${step}: `) });
    }
    const failed = (await core.store.audit.list({ after: 0, limit: 100 })).filter(({ event }) => event === 'request.failed').map(({ subject }) => subject);
    t.strictSame(failed.sort(), [blocked, orphan].sort());
  });
});

t.test('a key that was blocked by configuration since is not approved; the request waits', async (t) => {
  const chancery = await startTestService(t, { settings: PROFILES });
  const { json } = await chancery.call('POST', '/v1/requests', {
    bearer: await chancery.token({ profile: 'server', names: ['*'] }), headers: { 'content-type': 'application/pkcs10' }, body: readFileSync(makeCsr(chancery.folder, 'late', { san: 'DNS:late.example.com' }).csr),
  });
  const keyHash = (await chancery.service.issuance.store.get(json.id))?.keyHash ?? '';
  await chancery.restart({ CHANCERY_KEYS__BLOCK: `[${keyHash}]` });
  const refused = await chancery.call('POST', `/v1/requests/${json.id}/approve`, { certificate: chancery.operator });
  t.equal(refused.status, 403);
  t.strictSame(refused.json.errors.map(({ code }: { code: string }) => code), ['step-block-list']);
  t.equal((await chancery.service.issuance.store.get(json.id))?.state, 'pending');
});

t.test('the service starts with an approved request that another authority\'s bytes make unfit', async (t) => {
  const chancery = await startTestService(t, { settings: PROFILES });
  const id = await leaveApproved(chancery, 'moved', 'server');
  // The profile's authority is another one than when it was approved: its issuer does not fit the stored bytes.
  await chancery.restart({ CHANCERY_PROFILES__SERVER__ISSUER: 'root' });
  const record = await chancery.service.issuance.store.get(id);
  t.equal(record?.state, 'failed');
  t.equal(record?.steps.at(-1)?.name, 'lints');
});
