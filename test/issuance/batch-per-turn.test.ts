import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import { batchPerTurn } from '../../src/issuance/batch-per-turn.ts';

t.test('what comes in one turn of the event loop passes in the next one, in order', async (t) => {
  const pass = batchPerTurn();
  const passed: string[] = [];
  const each = ['first', 'second', 'third'].map(async (name) => {
    await pass();
    passed.push(name);
  });
  t.same(passed, [], 'nobody passes at once');
  await Promise.all(each);
  t.same(passed, ['first', 'second', 'third']);
});

t.test('at most so many pass in one turn, and others are served in between', async (t) => {
  const pass = batchPerTurn(2);
  const passed: number[] = [];
  const all = [1, 2, 3, 4, 5].map(async (number) => {
    await pass();
    passed.push(number);
  });
  const seen: number[] = [];
  while (passed.length < 5) {
    await setImmediate();
    seen.push(passed.length);
  }
  await Promise.all(all);
  t.same(passed, [1, 2, 3, 4, 5]);
  t.ok(seen.every((count, turn) => count - (seen[turn - 1] ?? 0) <= 2), `never more than 2 in a turn: ${seen.join(', ')}`);
});

t.test('after a time with nobody the next one passes too', async (t) => {
  const pass = batchPerTurn();
  await pass();
  await setImmediate();
  await pass();
  t.pass('it did not wait for company');
});
