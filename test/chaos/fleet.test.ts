import t from 'tap';
import { HOUR, perHour, startFleet } from './fleet.ts';

const WEEK = 7 * 24;

// Each node runs the real daemon with files of its own; the service is the real one, but for its sockets. Only the clock is not.
t.test('1,000 nodes over a week with two outages: none expires, and they are spread', { timeout: 110_000 }, async (t) => {
  const outages = [[50 * HOUR, 56 * HOUR], [110 * HOUR, 116 * HOUR]] as const;
  const fleet = await startFleet({ nodes: 1000, validity: '36h', enrolledAt: (_, random) => random() * 36 * HOUR, outages, seed: 1 });
  t.teardown(() => fleet.stop());
  await fleet.runUntil(WEEK * HOUR);

  const { renewals, polls } = fleet;
  const least = Math.min(...renewals.map(({ left }) => left));
  t.ok(least > 0, `none expired: the closest one had ${Math.round(least / 60_000)} minutes left`);
  t.equal(fleet.ends().filter((end) => end <= WEEK * HOUR).length, 0, 'nor at the end');
  t.ok(fleet.turnedAway() > 300, `the outages were felt: ${fleet.turnedAway()} attempts in vain`);
  t.notOk(fleet.told.some((line) => line.startsWith('error')), 'no error was told');

  // The hours of recovery after the outages are counted like all others.
  for (const [what, times] of [['renewals', renewals.map(({ at }) => at)], ['all requests', [...renewals.map(({ at }) => at), ...polls]]] as const) {
    const counts = perHour(times, WEEK);
    const mean = times.length / WEEK;
    const peak = Math.max(...counts);
    t.ok(peak < 3 * mean, `${what}: ${times.length}, ${mean.toFixed(1)} an hour, ${peak} in the busiest (hour ${counts.indexOf(peak)}): ${(peak / mean).toFixed(2)} times the mean`);
  }
});
