import { ENDS, ORDINAL_BYTES, endKey, ordinal, readOrdinal } from './keys.ts';

/** Requests per entry, so that removing them is quick. */
const RUN_MOST = 64;

interface Run {
  readonly end: number;
  readonly first: number;
  count: number;
}

/**
 * When requests end, as entries of `ends`: one entry per run of adjacent requests with the same end, as those of a batch mostly have.
 * The key holds the time and the first request's place, the value the length of the run.
 */
export class EndRuns {
  readonly #runs: Run[] = [];

  add(end: number, place: number): void {
    const run = this.#runs.at(-1);
    if (run !== undefined && run.end === end && run.first + run.count === place && run.count < RUN_MOST) run.count += 1;
    else this.#runs.push({ end, first: place, count: 1 });
  }

  entries(): readonly { readonly key: Buffer; readonly value: Buffer }[] {
    return this.#runs.map(({ end, first, count }) => ({ key: endKey(ENDS.request, end, ordinal(first)), value: Buffer.of(count) }));
  }
}

/** The places of the requests covered by an entry. */
export function placesOf(key: Buffer, value: Buffer): number[] {
  const first = readOrdinal(key, 1 + ORDINAL_BYTES);
  return Array.from({ length: value[0] ?? 0 }, (_, n) => first + n);
}
