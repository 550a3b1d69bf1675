import type { RebuiltIndexes } from '../indexed.ts';
import { bytesOf, listOf } from './engine.ts';
import type { Engine } from './engine.ts';
import { KEYS, STATES } from './keys.ts';
import type { Command } from './link/link.ts';
import { pack } from './pack.ts';
import type { Packable } from './pack.ts';
import { checkPlacesScript, checkStatesScript, clearEndsScript, indexCredentialsScript, indexEndsScript, indexRequestsScript } from './scripts/rebuild.ts';

/** Keys examined per step of the scan, and things indexed per script: a few milliseconds. */
const SLICE = 250;

/** Kinds of keys that are examined, by what follows the prefix. */
type Kind = 'record' | 'token' | 'apiKey' | 'ending' | 'quota';
const KINDS: readonly Kind[] = ['record', 'token', 'apiKey', 'ending', 'quota'];

/** See `IndexedStore`. First adds everything that exists, then removes entries for what does not. */
export async function rebuildIndexes(engine: Engine, progress: (done: number, total: number) => void): Promise<RebuiltIndexes> {
  const counts = { requests: 0, tokens: 0, apiKeys: 0, removed: 0 };
  const [size] = await engine.read(['DBSIZE']);
  // The scan is most of the work, followed by the lists of places.
  const total = Number(size);
  let done = 0;
  while (Number(await engine.run(clearEndsScript, SLICE)) > 0);
  for await (const keys of scan(engine, (cursor) => ['SCAN', cursor, 'MATCH', `${engine.keys.prefix}*`, 'COUNT', SLICE])) {
    const found = sorted(engine, keys);
    if (found.record.length > 0) counts.requests += Number(await engine.run(indexRequestsScript, packed(found.record)));
    if (found.token.length > 0) counts.tokens += Number(await engine.run(indexCredentialsScript, 't', packed(found.token)));
    if (found.apiKey.length > 0) counts.apiKeys += Number(await engine.run(indexCredentialsScript, 'k', packed(found.apiKey)));
    if (found.ending.length + found.quota.length > 0) await engine.run(indexEndsScript, packed(found.ending), packed(found.quota), packed([]));
    progress(Math.min(done += keys.length, total), total);
  }
  for await (const pairs of scan(engine, (cursor) => ['HSCAN', engine.keys.of(KEYS.credentialClaims), cursor, 'COUNT', SLICE])) {
    await engine.run(indexEndsScript, packed([]), packed([]), packed(everySecond(pairs)));
  }
  for await (const pairs of scan(engine, (cursor) => ['ZSCAN', engine.keys.of(KEYS.chunks), cursor, 'COUNT', SLICE])) {
    for (const chunk of everySecond(pairs)) counts.removed += Number(await engine.run(checkPlacesScript, chunk));
  }
  for (const state of Object.values(STATES)) {
    for await (const pairs of scan(engine, (cursor) => ['ZSCAN', engine.keys.of(KEYS.states, state), cursor, 'COUNT', SLICE])) {
      counts.removed += Number(await engine.run(checkStatesScript, state, packed(everySecond(pairs))));
    }
  }
  progress(total, total);
  return counts;
}

const packed = (values: readonly Packable[]): Buffer => pack(values).bytes;

const everySecond = (pairs: readonly Buffer[]): Buffer[] => pairs.filter((_, at) => at % 2 === 0);

/** The results of each step of a scan. Elements may occur twice. */
async function* scan(engine: Engine, step: (cursor: string) => Command): AsyncGenerator<readonly Buffer[]> {
  let cursor = '0';
  do {
    const [reply] = await engine.read(step(cursor));
    const [next, found] = listOf(reply);
    yield listOf(found).map((one) => bytesOf(one) ?? Buffer.alloc(0));
    cursor = bytesOf(next)?.toString() ?? '0';
  } while (cursor !== '0');
}

/** The suffixes of the keys, by kind. */
function sorted({ keys: { prefix } }: Engine, keys: readonly Buffer[]): Readonly<Record<Kind, Buffer[]>> {
  const found: Record<Kind, Buffer[]> = { record: [], token: [], apiKey: [], ending: [], quota: [] };
  for (const key of keys) {
    const rest = key.subarray(Buffer.byteLength(prefix));
    const kind = KINDS.find((one) => rest.subarray(0, KEYS[one].length).equals(Buffer.from(KEYS[one])));
    if (kind !== undefined) found[kind].push(rest.subarray(KEYS[kind].length));
  }
  return found;
}
