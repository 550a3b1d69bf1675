import assert from 'node:assert';
import t from 'tap';
import type { Candidate, EligibilityStep, Facts } from '../../src/policy/eligibility.ts';
import { failed, passed, waiting } from '../../src/policy/eligibility.ts';
import { runSteps } from '../../src/issuance/run-steps.ts';
import { Refused } from '../../src/errors.ts';
import { StoreUnavailable } from '../../src/store/store.ts';

const CANDIDATE = {} as Candidate;
const FACTS: Facts = { quotaUsed: async () => 0, question: () => assert.fail('nobody asks'), heldByOthers: async () => [] };
const BREAKS = new Error('secret inner detail');

t.test('a step that breaks is a refusal, told without its inner error, and the others still run', async (t) => {
  const steps: EligibilityStep[] = [
    { name: 'at-once', check: () => { throw BREAKS; } },
    { name: 'later', check: () => Promise.reject(BREAKS) },
    { name: 'good', check: () => passed('all is well') },
  ];
  const reported: unknown[] = [];
  const { steps: done } = await runSteps(steps, CANDIDATE, FACTS, [], { clock: () => 5, report: (what, error) => void reported.push([what, error]) });
  t.strictSame(done.map(({ name, outcome }) => `${name} ${outcome}`), ['at-once failed', 'later failed', 'good passed']);
  t.notMatch(JSON.stringify(done), 'secret');
  t.strictSame(reported, [['eligibility step at-once failed unexpectedly', BREAKS], ['eligibility step later failed unexpectedly', BREAKS]]);
});

t.test('a store that does not answer says nothing about the request', async (t) => {
  const steps: EligibilityStep[] = [{ name: 'quota', check: () => Promise.reject(new StoreUnavailable('full')) }];
  await t.rejects(runSteps(steps, CANDIDATE, FACTS, [], { clock: () => 5, report: () => t.fail('not reported') }), StoreUnavailable);
});

t.test('whoever is outside is asked last, told how the others ended, and not about what is refused anyway', async (t) => {
  const asked: unknown[] = [];
  const outside: EligibilityStep = { name: 'outside', outside: true, check: (_candidate, _facts, before) => {
    asked.push(before.map(({ name, outcome }) => `${name} ${outcome}`));
    return waiting('later', 9);
  } };
  const surroundings = { clock: () => 5, report: () => t.fail('not reported') };
  const first = await runSteps([outside, { name: 'inside', check: () => waiting('soon', 7) }], CANDIDATE, FACTS, [], surroundings);
  t.strictSame(first.steps.map(({ name, outcome }) => `${name} ${outcome}`), ['inside waiting', 'outside waiting']);
  t.equal(first.again, 7, 'the first of the times');
  const second = await runSteps([outside, { name: 'inside', check: () => failed([{ code: 'x', detail: 'no' }]) }], CANDIDATE, FACTS, [], surroundings);
  t.strictSame(second.steps.map(({ name }) => name), ['inside']);
  t.strictSame(asked, [['inside waiting']]);
});

t.test('who gives no answer says nothing about the request', async (t) => {
  const steps: EligibilityStep[] = [{ name: 'outside', outside: true, check: () => Promise.reject(new Refused('unavailable', 'no answer', { retryAfter: 10 })) }];
  await t.rejects(runSteps(steps, CANDIDATE, FACTS, [], { clock: () => 5, report: () => t.fail('not reported') }), { code: 'unavailable', retryAfter: 10 });
});
