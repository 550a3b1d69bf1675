import { ENDS, ORDINAL_BYTES, endKey, ordinal, readOrdinal } from './keys.ts';

/** Requests in one entry, so that removing them is no long work. */
const RUN_MOST = 64;

interface Run {
  readonly end: number;
  readonly first: number;
  count: number;
}

/**
 * When requests end, as entries of `ends`: one entry for a run of neighbours that end at the same time, as those of one batch mostly do.
 * Its key has the time and the first one's place, its value how many there are.
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

/** The places of the requests that an entry stands for. */
export function placesOf(key: Buffer, value: Buffer): number[] {
  const first = readOrdinal(key, 1 + ORDINAL_BYTES);
  return Array.from({ length: value[0] ?? 0 }, (_, n) => first + n);
}
