import t from 'tap';
import { advisedAt, pauseAfter, plannedAt, pollAfter, spreadAfterSleep, spreadAtStart } from '../../src/agent/daemon/schedule.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const life = { notBefore: 0, notAfter: 24 * HOUR };
const serials = Array.from({ length: 3000 }, (_, index) => index.toString(16));
const [least, middle, most] = [() => 0, () => 0.5, () => 0.999_999];

/** How many of these lie in each of so many equal parts of a range. */
const spreadOf = (values: readonly number[], from: number, to: number, parts: number): number[] => {
  const counts = Array.from({ length: parts }, () => 0);
  for (const value of values) counts[Math.floor((value - from) / (to - from) * parts)] = (counts[Math.floor((value - from) / (to - from) * parts)] ?? 0) + 1;
  return counts;
};

t.test('a certificate is renewed before two thirds of its life, at a moment that its serial draws', async (t) => {
  const usual = serials.map((serial) => plannedAt(life, serial, false));
  t.ok(Math.min(...usual) >= 14 * HOUR && Math.max(...usual) <= 16 * HOUR);
  for (const count of spreadOf(usual, 14 * HOUR, 16 * HOUR, 10)) t.ok(Math.abs(count - 300) < 80, `${count} in a tenth`);
  const wide = serials.map((serial) => plannedAt(life, serial, true));
  t.ok(Math.min(...wide) >= 8 * HOUR && Math.max(...wide) <= 16 * HOUR);
  for (const count of spreadOf(wide, 8 * HOUR, 16 * HOUR, 10)) t.ok(Math.abs(count - 300) < 80, `${count} in a tenth`);
  t.equal(plannedAt(life, 'ab', true), plannedAt(life, 'ab', true), 'a restart changes nothing');
});

t.test('advice makes it earlier, never later', async (t) => {
  const planned = plannedAt(life, 'ab', false);
  t.equal(advisedAt(planned, { start: 20 * HOUR, end: 22 * HOUR }, 'ab'), planned);
  t.equal(advisedAt(planned, { start: 9e15, end: 9e15 }, 'ab'), planned);
  const early = serials.map((serial) => advisedAt(plannedAt(life, serial, false), { start: HOUR, end: 2 * HOUR }, serial));
  t.ok(Math.min(...early) >= HOUR && Math.max(...early) <= 2 * HOUR);
  t.ok(advisedAt(planned, { start: -2 * HOUR, end: -HOUR }, 'ab') < 0, 'at once where the window is over');
});

t.test('after a failure it is tried again soon, then by shares of the time that is left', async (t) => {
  const pause = (failures: number, left: number, random: () => number, retryAfter?: number): number => pauseAfter({ failures, left, retryAfter }, random);
  t.same([pause(1, 8 * HOUR, least), pause(1, 8 * HOUR, middle)], [MINUTE / 2, MINUTE]);
  t.same([pause(2, 8 * HOUR, least), pause(2, 8 * HOUR, middle)], [2.5 * MINUTE, 5 * MINUTE]);
  t.same([pause(3, 9 * HOUR, least), pause(9, 9 * HOUR, middle)], [3 * HOUR, 4.5 * HOUR]);
  t.ok(pause(9, 9 * HOUR, most) < 6 * HOUR);
  t.ok(pause(9, 1000 * HOUR, most) <= 12 * HOUR, 'twice a day at the least');
  t.equal(pause(9, 10_000, most), MINUTE, 'not in a circle without rest');
  t.same([pause(9, -1, least), pause(9, -1, middle)], [HOUR / 2, HOUR], 'and beyond the end');
  // However often it fails, there is another attempt before the end until the end is a minute away.
  let left = 8 * HOUR;
  for (let failures = 3; left > 2 * MINUTE; failures++) left -= pause(failures, left, most);
  t.ok(left > 0);
});

t.test('what the service asks for is heeded, but not to the end of the certificate', async (t) => {
  const pause = (left: number, retryAfter: number, random: () => number): number => pauseAfter({ failures: 1, left, retryAfter }, random);
  t.equal(pause(8 * HOUR, HOUR, least), HOUR, 'not before it');
  t.equal(pause(8 * HOUR, HOUR, middle), 1.25 * HOUR, 'and not all at once behind it');
  t.equal(pause(8 * HOUR, 1000, middle), MINUTE, 'later than it is allowed');
  t.equal(pause(8 * HOUR, 100 * HOUR, middle), 4 * HOUR);
  t.equal(pause(-1, 2 * HOUR, least), 2 * HOUR);
});

t.test('advice is asked for twice a day, or as the service says', async (t) => {
  t.equal(pollAfter(undefined, middle), 12 * HOUR);
  t.equal(pollAfter(6 * HOUR, middle), 6 * HOUR);
  t.ok(pollAfter(6 * HOUR, least) < pollAfter(6 * HOUR, most), 'never all at once');
  t.equal(pollAfter(0, middle), MINUTE);
  t.equal(pollAfter(1000 * HOUR, middle), 12 * HOUR);
});

t.test('those who wake or start together are spread', async (t) => {
  t.equal(spreadAfterSleep(MINUTE, HOUR, most), 0, 'on time is no sleep');
  t.equal(spreadAfterSleep(HOUR, 8 * HOUR, middle), 5 * MINUTE);
  t.equal(spreadAfterSleep(HOUR, 8 * MINUTE, middle), MINUTE / 2, 'less where time is short');
  t.equal(spreadAfterSleep(HOUR, -1, middle), 0);
  t.equal(spreadAtStart(life, middle), 5 * MINUTE);
  t.equal(spreadAtStart({ notBefore: 0, notAfter: 100_000 }, middle), 500);
});
