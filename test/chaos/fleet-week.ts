import { HOUR, startFleet } from './fleet.ts';

/** What came of a week. Times in milliseconds from its beginning. */
export interface FleetWeek {
  /** When, and how long the certificate would have lived. */
  readonly renewals: readonly { readonly at: number; readonly left: number }[];
  readonly polls: readonly number[];
  /** Of the certificates that each node has at the end. */
  readonly ends: readonly number[];
  readonly turnedAway: number;
  readonly errors: number;
}

// A program: a fleet enrolled over a day and a half, two outages of six hours, and what came of it on standard output.
const fleet = await startFleet({ nodes: 1000, validity: '36h', enrolledAt: (_, random) => random() * 36 * HOUR, outages: [[50 * HOUR, 56 * HOUR], [110 * HOUR, 116 * HOUR]], seed: 1 });
await fleet.runUntil(7 * 24 * HOUR);
const week: FleetWeek = { renewals: fleet.renewals, polls: fleet.polls, ends: fleet.ends(), turnedAway: fleet.turnedAway(), errors: fleet.told.filter((line) => line.startsWith('error')).length };
await fleet.stop();
process.stdout.write(JSON.stringify(week));
