import t from 'tap';
import type { RequestRecord } from '../../src/issuance/request.ts';
import { renewalAdvice } from '../../src/renewal/advice.ts';
import type { Campaign } from '../../src/renewal/campaign.ts';

const HOUR = 3600;
const GOOD = { replaced: false, revoked: false };
const T0 = 1_800_000_000;

const record = (more: Partial<RequestRecord> = {}): RequestRecord => ({
  id: '0a', state: 'issued', authority: 'issuing', profile: 'node', requester: { kind: 'enrolment-token', name: 'tok' }, names: [], steps: [], keyHash: '',
  createdAt: T0 * 1000, updatedAt: T0 * 1000, notBefore: T0, notAfter: T0 + 24 * HOUR - 1, ...more,
});
const campaign = (scope: Campaign['scope'], more: Partial<Campaign> = {}): Campaign =>
  ({ id: 'c', scope, reason: 'keys in an image', startedAt: (T0 + HOUR) * 1000, endsAt: (T0 + 5 * HOUR) * 1000, createdBy: 'x', ...more });

t.test('a certificate that nothing is said about is renewed by its age', async (t) => {
  t.same(renewalAdvice(record(), GOOD, [], T0), { start: T0 + 16 * HOUR, end: T0 + 18 * HOUR, explanation: undefined, askAgain: 6 * HOUR });
  t.equal(renewalAdvice(record({ notAfter: T0 + HOUR - 1 }), GOOD, [], T0).askAgain, HOUR / 4, 'one that lives an hour is asked about more often');
  t.equal(renewalAdvice(record({ notAfter: T0 + 59 }), GOOD, [], T0).askAgain, 60);
});

t.test('at once where it is revoked, or its issuer is revoked or replaced', async (t) => {
  const now = T0 + HOUR;
  for (const [advice, why] of [
    [renewalAdvice(record({ revocation: { at: T0, reason: 'keyCompromise' } }), GOOD, [], now), /revoked \(keyCompromise\)/],
    [renewalAdvice(record(), { replaced: false, revoked: true }, [campaign({})], now), /authority issuing is revoked/],
    [renewalAdvice(record(), { replaced: true, revoked: false }, [], now), /a new certificate/],
  ] as const) {
    t.ok(advice.start < advice.end && advice.end < now, 'the window is over');
    t.match(advice.explanation, why);
  }
  t.equal(renewalAdvice(record(), { replaced: true, revoked: false }, [campaign({})], now).explanation, 'keys in an image', 'where a campaign says how fast, that is how fast');
});

t.test('a campaign means what fits all of its members, asked for before it began', async (t) => {
  const isMeant = (scope: Campaign['scope'], more: Partial<RequestRecord> = {}): boolean => renewalAdvice(record(more), GOOD, [campaign(scope)], T0).explanation !== undefined;
  for (const scope of [{}, { authority: 'issuing' }, { profile: 'node' }, { requester: 'tok' }, { requester: 'enrolment-token:tok' }, { authority: 'issuing', profile: 'node', requester: 'tok' }]) t.ok(isMeant(scope), JSON.stringify(scope));
  for (const scope of [{ authority: 'root' }, { profile: 'server' }, { requester: 'to' }, { requester: 'oidc:tok' }, { authority: 'issuing', profile: 'server' }]) t.notOk(isMeant(scope), JSON.stringify(scope));
  t.notOk(isMeant({}, { createdAt: (T0 + HOUR) * 1000 }), 'its renewal is not renewed again, though it is dated back');
});

t.test('a campaign\'s certificates are spread over its time, each always at the same moment', async (t) => {
  const hours = new Map<number, number>();
  for (let index = 0; index < 4000; index++) {
    const { start, end } = renewalAdvice(record({ id: index.toString(16) }), GOOD, [campaign({})], T0);
    if (start < T0 + HOUR || end > T0 + 5 * HOUR || end - start !== 4 * HOUR / 12) t.fail(`${start} to ${end}`);
    const hour = Math.floor((start + end) / 2 / HOUR);
    hours.set(hour, (hours.get(hour) ?? 0) + 1);
  }
  for (const [, count] of hours) t.ok(Math.abs(count - 1000) < 200, `${count} in an hour`);
  t.same(renewalAdvice(record(), GOOD, [campaign({})], T0), renewalAdvice(record(), GOOD, [campaign({})], T0 + 3 * HOUR));
  const short = renewalAdvice(record(), GOOD, [campaign({}, { endsAt: (T0 + HOUR + 60) * 1000 })], T0);
  t.same([short.start, short.end], [T0 + HOUR, T0 + HOUR + 60], 'a minute is not laid out in parts');
});

t.test('of several the first counts, and a campaign makes nothing later than its age does', async (t) => {
  const first = campaign({}, { id: 'a', reason: 'first', endsAt: (T0 + HOUR + 60) * 1000 });
  t.equal(renewalAdvice(record(), GOOD, [campaign({}), first], T0).explanation, 'first');
  const late = campaign({}, { startedAt: (T0 + 20 * HOUR) * 1000, endsAt: (T0 + 40 * HOUR) * 1000 });
  t.equal(renewalAdvice(record(), GOOD, [late], T0 + 21 * HOUR).start, T0 + 16 * HOUR);
});
