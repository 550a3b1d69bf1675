import type { Entry } from './entry.ts';
import { keeper, type Keeper } from './keeper.ts';
import type { Status } from './kept-certificate.ts';
import type { KeeperSurroundings } from './surroundings.ts';

export interface DaemonSurroundings extends KeeperSurroundings {
  /** Waits until a time (milliseconds since the Unix epoch), or less: until the signal aborts, or the clock is set. */
  readonly sleepUntil: (time: number, signal: AbortSignal) => Promise<void>;
  /** Called after each pass. */
  readonly looked: () => void;
}

/** Keeps the certificates of many folders renewed in one process. */
export interface Daemon {
  /** Replaces the set of entries. Unchanged ones continue undisturbed. */
  readonly keep: (entries: readonly Entry[]) => void;
  readonly status: () => readonly Status[];
  /** Stops waiting; work in progress is finished first. */
  readonly stop: () => Promise<void>;
}

/** The number of folders processed at the same time, so that a service that does not answer does not hold up the others. */
const AT_ONCE = 8;

interface Running {
  readonly keeper: Keeper;
  readonly stop: AbortController;
  readonly done: Promise<void>;
}

export function daemon(surroundings: DaemonSurroundings): Daemon {
  const running = new Map<string, Running>();
  const gate = turnstile(AT_ONCE);

  const run = async ({ look }: Keeper, signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      const next = await gate(async () => (signal.aborted ? 0 : look()));
      surroundings.looked();
      await surroundings.sleepUntil(next, signal);
    }
  };
  const end = async (key: string, { stop, done }: Running): Promise<void> => {
    stop.abort();
    running.delete(key);
    await done;
  };

  return {
    keep: (entries) => {
      const wanted = new Map(entries.map((entry) => [JSON.stringify(entry), entry]));
      const ended = [...running].filter(([key]) => !wanted.has(key)).map(([key, one]) => ({ folder: (JSON.parse(key) as Entry).folder, done: end(key, one) }));
      for (const [key, entry] of wanted) {
        if (running.has(key)) continue;
        const [one, stop] = [keeper(entry, surroundings), new AbortController()];
        // An entry that replaces another in the same folder waits until that one has finished its work.
        const before = Promise.all(ended.filter(({ folder }) => folder === entry.folder).map(({ done }) => done));
        running.set(key, { keeper: one, stop, done: before.then(() => run(one, stop.signal)) });
      }
    },
    status: () => [...running.values()].flatMap((one) => one.keeper.status()),
    stop: async () => void await Promise.all([...running].map(([key, one]) => end(key, one))),
  };
}

/** Limits the number of concurrent tasks; further ones wait in line. */
function turnstile(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  let free = most;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => { waiting.push(resolve); });
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    }
  };
}
