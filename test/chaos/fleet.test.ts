import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { FleetWeek } from './fleet-week.ts';
import { perHour } from './fleet.ts';

const WEEK = 7 * 24;

// Each node runs the real daemon with files of its own; the service is the real one, but for its sockets. Only the clock is not.
// In a process of its own: what a test runner hooks into promises takes as long as all the rest.
t.test('1,000 nodes over a week with two outages: none expires, and they are spread', { timeout: 115_000 }, async (t) => {
  const text = await new Promise<string>((resolve, reject) => {
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^NODE_(OPTIONS|V8_COVERAGE)$/.test(name)));
    const child = execFile(process.execPath, [fileURLToPath(new URL('fleet-week.js', import.meta.url))], { env, maxBuffer: 64 << 20 }, (error, stdout) => (error === null ? resolve(stdout) : reject(new Error('the fleet failed', { cause: error }))));
    t.teardown(() => child.kill('SIGKILL'));
  });
  const { renewals, polls, ends, turnedAway, errors } = JSON.parse(text) as FleetWeek;
  const least = Math.min(...renewals.map(({ left }) => left));
  t.ok(least > 0, `none expired: the closest one had ${Math.round(least / 60_000)} minutes left`);
  t.equal(ends.length, 1000);
  t.equal(ends.filter((end) => end <= WEEK * 3_600_000).length, 0, 'nor at the end');
  t.ok(turnedAway > 300, `the outages were felt: ${turnedAway} attempts in vain`);
  t.equal(errors, 0, 'no error was told');

  // The hours of recovery after the outages are counted like all others.
  for (const [what, times] of [['renewals', renewals.map(({ at }) => at)], ['all requests', [...renewals.map(({ at }) => at), ...polls]]] as const) {
    const counts = perHour(times, WEEK);
    const mean = times.length / WEEK;
    const peak = Math.max(...counts);
    t.ok(mean > 30 && peak < 3 * mean, `${what}: ${times.length}, ${mean.toFixed(1)} an hour, ${peak} in the busiest (hour ${counts.indexOf(peak)}): ${(peak / mean).toFixed(2)} times the mean`);
  }
});
