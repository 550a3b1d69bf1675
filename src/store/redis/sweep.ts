import { name } from '../name.ts';
import type { Store } from '../store.ts';
import { bytesOf, listOf } from './engine.ts';
import type { Engine } from './engine.ts';
import { END_BUCKET, KEYS, idOctets } from './keys.ts';
import { pack } from './pack.ts';
import { sweepRestScript, sweepScript } from './scripts/sweep.ts';
import { recordOf } from './stored-record.ts';

/** Removals per script: a few milliseconds. */
const SLICE = 250;
/** Milliseconds after which requests that had to be kept are examined again. */
const LOOK_AGAIN = 3_600_000;

/** Removes about `most` expired things; true if there may be more. */
export function sweeper(engine: Engine): Store['sweep'] {
  return async (now, { retainEnded, most }) => {
    const before = Math.max(0, now - retainEnded);
    const again = Math.floor((before + LOOK_AGAIN) / END_BUCKET);
    let left = most;
    while (left > 0) {
      const [removed, revoked] = listOf(await engine.run(sweepScript, before, Math.min(left, SLICE), again, pack([]).bytes));
      const values = listOf(revoked);
      const mayLeave = await withoutChange(engine, values.map((value) => bytesOf(value) ?? Buffer.alloc(0)));
      if (mayLeave.length > 0) await engine.run(sweepScript, before, 0, again, pack(mayLeave).bytes);
      const done = Number(removed) + values.length;
      if (done === 0) break;
      left -= done;
    }
    while (left > 0) {
      const removed = Number(await engine.run(sweepRestScript, before, now, Math.min(left, SLICE)));
      if (removed === 0) break;
      left -= removed;
    }
    return left <= 0;
  };
}

/** Ids of the revoked requests that are no longer in a feed: a record is kept as long as its CRL entry. */
async function withoutChange(engine: Engine, values: readonly Buffer[]): Promise<Buffer[]> {
  if (values.length === 0) return [];
  const ended = values.flatMap((value) => {
    const { id, authority } = recordOf(value);
    const octets = idOctets(id);
    return octets === undefined ? [] : [{ octets, authority }];
  });
  const places = await engine.read(...ended.map(({ octets, authority }) => ['ZSCORE', engine.keys.of(KEYS.feed, name(authority)), octets] as const));
  return ended.filter((_, at) => places[at] === null).map(({ octets }) => octets);
}
