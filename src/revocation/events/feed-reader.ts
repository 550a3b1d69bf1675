import type { CrlDocument, CrlHead, CrlStore, RevocationChanges } from '../../store/crl-store.ts';
import { crlEvents, eventText, resetEvent, type RevocationEvent, revocationEvent } from './event.ts';
import { type AuthorityPosition, positionText } from './position.ts';
import { numbersOf, type Read } from './read.ts';

export interface FeedReaderOptions {
  readonly store: Pick<CrlStore, 'standing' | 'changes' | 'heads' | 'onHint'>;
  readonly authorities: readonly string[];
  readonly urlOf: (authority: string, document: CrlDocument) => string;
  /** Whether to keep reading. */
  readonly wanted: () => boolean;
  /** Called with new events, and with the same in wire format. */
  readonly broadcast: (events: readonly RevocationEvent[], text: string) => Promise<void>;
  readonly failed: (error: unknown) => void;
}

/** Reads the store's feeds on behalf of all followers. */
export interface FeedReader {
  /** What has been read; undefined while not reading. */
  readonly read: () => ReadonlyMap<string, Read> | undefined;
  /** Starts reading from the present position unless already reading. Stops by itself once it is no longer needed. */
  readonly start: () => void;
  /** Resolves when the store has been polled again. */
  readonly looked: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** Milliseconds between polls of the store, since hints may be lost. */
const LOOK_EVERY = 500;
/** Milliseconds between two broadcasts: events in between are sent together. */
const GATHER = 100;
/** Polling and broadcasting should take at most one fifth of the time. */
const SHARE = 4;
/** Changes read at a time. */
export const PAGE = 500;
/** With more shards than this, they are not reported individually: the full CRL indicates that there is news. */
const MOST_SHARDS = 256;

export function feedReader({ store, authorities, urlOf, wanted, broadcast, failed }: FeedReaderOptions): FeedReader {
  let read: ReadonlyMap<string, Read> | undefined;
  let reading: Promise<void> | undefined;
  let wake = (): void => {};
  /** Callbacks for the end of the next poll to start. */
  let nextLook: (() => void)[] = [];
  let stopped = false;
  let failing = false;

  /** Advances the position of one authority, and broadcasts what is new. */
  const moveOn = async (name: string, next: Read, events: readonly (readonly [RevocationEvent, AuthorityPosition])[]): Promise<void> => {
    const before = read ?? new Map<string, Read>();
    const text = events.map(([event, at]) => eventText(event, positionText(new Map(before).set(name, { ...next, ...at })))).join('');
    read = new Map(before).set(name, next);
    if (events.length > 0) await broadcast(events.map(([event]) => event), text);
  };

  const readOne = async (name: string): Promise<void> => {
    const before = read?.get(name);
    const { revision: newest, publications } = await store.standing(name);
    if (before !== undefined && before.revision === newest && before.publications === publications) return;
    // Heads before changes: a CRL is announced only after all revocations that it lists.
    const heads = await headsOf(store, name);
    const now = { publications, heads, numbers: numbersOf(heads) };
    if (before === undefined) {
      await moveOn(name, { ...now, revision: newest }, []);
      return;
    }
    const { numbers } = before;
    let { revision } = before;
    for (let more = true; more;) {
      const page: RevocationChanges = await store.changes(name, revision, PAGE);
      if (page.restart || page.revision < revision) return startOver(name, { ...now, revision: page.revision });
      more = page.changes.length === PAGE;
      revision = more ? page.changes.at(-1)?.revision ?? page.revision : page.revision;
      await moveOn(name, { publications: before.publications, heads: before.heads, numbers, revision }, page.changes.map((change) => [revocationEvent(name, change), { revision: change.revision, numbers }] as const));
    }
    await moveOn(name, { ...now, revision }, crlEvents(name, { revision, numbers }, heads, urlOf));
  };

  /** The store is behind what was read before: it was replaced by an older copy. */
  const startOver = async (name: string, now: Read): Promise<void> => {
    read = new Map(read).set(name, now);
    const event = resetEvent('the service\'s records were replaced');
    await broadcast([event], eventText(event, positionText(read)));
  };

  const look = async (): Promise<void> => {
    for (const name of authorities) await readOne(name);
  };

  const run = async (): Promise<void> => {
    const unlisten = store.onHint(() => wake());
    while (!stopped && wanted()) {
      const began = performance.now();
      let called = false;
      const hinted = new Promise<void>((resolve) => {
        wake = () => {
          called = true;
          resolve();
        };
      });
      const callbacks = nextLook;
      nextLook = [];
      try {
        await look();
        failing = false;
      } catch (error) {
        // Reported once per outage, as it is retried twice a second.
        if (!failing) failed(error);
        failing = true;
      }
      for (const done of callbacks) done();
      const gap = Math.min(Math.max(GATHER, SHARE * (performance.now() - began)), LOOK_EVERY);
      await pause(gap);
      if (!called && !stopped) await Promise.race([hinted, pause(LOOK_EVERY - gap)]);
    }
    unlisten();
    read = undefined;
    reading = undefined;
    for (const done of nextLook.splice(0)) done();
  };

  return {
    read: () => read,
    start: () => void (reading ??= run()),
    looked: () => new Promise((resolve) => {
      nextLook.push(resolve);
      wake();
    }),
    stop: async () => {
      stopped = true;
      wake();
      await reading;
    },
  };
}

async function headsOf(store: Pick<CrlStore, 'heads'>, name: string): Promise<ReadonlyMap<CrlDocument, CrlHead>> {
  const heads = await store.heads(name);
  const shards = [...heads.keys()].filter((document) => document !== 'full' && document !== 'delta');
  return shards.length <= MOST_SHARDS ? heads : new Map([...heads].filter(([document]) => document === 'full' || document === 'delta'));
}

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
