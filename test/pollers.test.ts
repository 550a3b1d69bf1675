import t from 'tap';
import { Pollers } from '../src/pollers.ts';

const HALF_HOUR = 1_800_000;

t.test('each address counts once, for half an hour to an hour', async (t) => {
  let now = 1_790_000_000_000;
  const pollers = new Pollers(() => now);
  for (const address of ['a', 'b', 'a']) pollers.saw('issuing', address);
  pollers.saw('root', 'a');
  t.equal(pollers.count('issuing'), 2);
  now += HALF_HOUR;
  pollers.saw('issuing', 'b');
  pollers.saw('issuing', 'c');
  t.equal(pollers.count('issuing'), 3);
  now += HALF_HOUR;
  t.equal(pollers.count('issuing'), 2);
  now += HALF_HOUR;
  t.equal(pollers.count('issuing'), 0);
  pollers.saw('issuing', 'd');
  now -= 10 * HALF_HOUR;
  t.equal(pollers.count('issuing'), 0, 'a clock that was set back begins anew');
  for (let n = 0; n < 30_000; n += 1) pollers.saw('issuing', String(n));
  t.equal(pollers.count('issuing'), 20_000, 'the memory is bounded');
});
