import t from 'tap';
import type { Candidate, EligibilityStep, Facts } from '../../src/policy/eligibility.ts';
import { passed } from '../../src/policy/eligibility.ts';
import { runSteps } from '../../src/issuance/run-steps.ts';
import { StoreUnavailable } from '../../src/store/store.ts';

const CANDIDATE = {} as Candidate;
const FACTS: Facts = { quotaUsed: async () => 0 };
const BREAKS = new Error('secret inner detail');

t.test('a step that breaks is a refusal, told without its inner error, and the others still run', async (t) => {
  const steps: EligibilityStep[] = [
    { name: 'at-once', check: () => { throw BREAKS; } },
    { name: 'later', check: () => Promise.reject(BREAKS) },
    { name: 'good', check: () => passed('all is well') },
  ];
  const reported: unknown[] = [];
  const done = await runSteps(steps, CANDIDATE, FACTS, { clock: () => 5, report: (what, error) => void reported.push([what, error]) });
  t.strictSame(done.map(({ name, outcome }) => `${name} ${outcome}`), ['at-once failed', 'later failed', 'good passed']);
  t.notMatch(JSON.stringify(done), 'secret');
  t.strictSame(reported, [['eligibility step at-once broke', BREAKS], ['eligibility step later broke', BREAKS]]);
});

t.test('a store that does not answer says nothing about the request', async (t) => {
  const steps: EligibilityStep[] = [{ name: 'quota', check: () => Promise.reject(new StoreUnavailable('full')) }];
  await t.rejects(runSteps(steps, CANDIDATE, FACTS, { clock: () => 5, report: () => t.fail('not reported') }), StoreUnavailable);
});
