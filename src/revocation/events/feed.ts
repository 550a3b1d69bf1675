import { setImmediate } from 'node:timers/promises';
import type { CrlDocument, CrlHead, CrlStore, RevocationChanges } from '../../store/crl-store.ts';
import { type EventKind, type RevocationEvent, crlEvent, eventText, revocationEvent } from './event.ts';
import { type AuthorityPosition, type Position, parsePosition, positionText } from './position.ts';
import { type Read, faultOf, fresh, isAhead, isAt, numbersOf } from './read.ts';

export interface FeedOptions {
  readonly store: Pick<CrlStore, 'standing' | 'changes' | 'heads' | 'onHint'>;
  readonly authorities: readonly string[];
  /** Public address of a document. */
  readonly urlOf: (authority: string, document: CrlDocument) => string;
  readonly failed: (error: unknown) => void;
  /** Reports how many events were sent to followers. */
  readonly sent: (kind: EventKind, count: number) => void;
}

/** A client's connection. */
export interface Follower {
  /** Accepts text at once; the connection itself drops clients that are too slow. */
  readonly push: (text: string) => void;
  /** Accepts text, and resolves when there is room for more; false if the connection has ended. */
  readonly write: (text: string) => Promise<boolean>;
  readonly ended: () => boolean;
}

/** The revocations and CRLs of this service as they happen. */
export interface RevocationFeed {
  /** Sends everything after `lastEventId`, and then whatever happens. Resolves when the follower is up to date, or has left. */
  readonly follow: (follower: Follower, lastEventId: string | undefined) => Promise<void>;
  readonly leave: (follower: Follower) => void;
  readonly stop: () => Promise<void>;
}

/** Milliseconds between polls of the store, since hints may be lost. */
const LOOK_EVERY = 500;
/** Milliseconds between two broadcasts: events in between are sent together. */
const GATHER = 100;
/** Polling and broadcasting should take at most one fifth of the time. */
const SHARE = 4;
const PAGE = 500;
/** Followers served at a time. */
const SLICE = 100;
/** With more shards than this, they are not reported individually: the full CRL indicates that there is news. */
const MOST_SHARDS = 256;

/**
 * Reads the store's feeds once for all followers of this process, and only while there are any. A new follower first catches up on its own to the
 * reader's position, and at exactly that point joins the broadcast. So it receives each event once, in order.
 */
export function revocationFeed({ store, authorities, urlOf, failed, sent }: FeedOptions): RevocationFeed {
  const waiting = new Set<Follower>();
  const live = new Set<Follower>();
  let read: ReadonlyMap<string, Read> | undefined;
  let reading: Promise<void> | undefined;
  let wake = (): void => {};
  /** Callbacks for the end of the poll that starts next. */
  let nextLook: (() => void)[] = [];
  let stopped = false;
  let failing = false;

  const tell = async (events: readonly RevocationEvent[], text: string): Promise<void> => {
    const followers = [...live];
    for (let from = 0; from < followers.length; from += SLICE) {
      if (from > 0) await setImmediate();
      for (const follower of followers.slice(from, from + SLICE)) follower.push(text);
    }
    for (const { kind } of events) sent(kind, followers.length);
  };

  /** Advances the position of one authority, and broadcasts what is new. */
  const moveOn = async (name: string, next: Read, events: readonly (readonly [RevocationEvent, AuthorityPosition])[]): Promise<void> => {
    const before = read ?? new Map<string, Read>();
    const text = events.map(([event, at]) => eventText(event, positionText(new Map(before).set(name, { ...next, ...at })))).join('');
    read = new Map(before).set(name, next);
    if (events.length > 0) await tell(events.map(([event]) => event), text);
  };

  const readOne = async (name: string): Promise<void> => {
    const before = read?.get(name);
    const { revision: newest, publications } = await store.standing(name);
    if (before !== undefined && before.revision === newest && before.publications === publications) return;
    // Heads before changes: a CRL is announced only after all revocations that it lists.
    const heads = await headsOf(name);
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
    await moveOn(name, { ...now, revision }, crlEvents(name, { revision, numbers }, heads));
  };

  /** The store knows less than we do: it was replaced by an older one. */
  const startOver = async (name: string, now: Read): Promise<void> => {
    read = new Map(read).set(name, now);
    const event = resetEvent('the service\'s records were replaced');
    await tell([event], eventText(event, positionText(read)));
  };

  const headsOf = async (name: string): Promise<ReadonlyMap<CrlDocument, CrlHead>> => {
    const heads = await store.heads(name);
    const shards = [...heads.keys()].filter((document) => document !== 'full' && document !== 'delta');
    return shards.length <= MOST_SHARDS ? heads : new Map([...heads].filter(([document]) => document === 'full' || document === 'delta'));
  };

  /** Events for each document with a new CRL, with the position after each. */
  const crlEvents = (name: string, { revision, numbers }: AuthorityPosition, heads: ReadonlyMap<CrlDocument, CrlHead>): (readonly [RevocationEvent, AuthorityPosition])[] => {
    const known = new Map(numbers);
    return [...heads].filter(([document, { number }]) => number > (known.get(document) ?? 0n)).map(([document, head]) => {
      known.set(document, head.number);
      return [crlEvent(name, document, head, urlOf(name, document)), { revision, numbers: new Map(known) }] as const;
    });
  };

  const look = async (): Promise<void> => {
    for (const name of authorities) await readOne(name);
  };

  const run = async (): Promise<void> => {
    const unlisten = store.onHint(() => wake());
    while (!stopped && waiting.size + live.size > 0) {
      const began = performance.now();
      let called = false;
      const hinted = new Promise<void>((resolve) => {
        wake = () => {
          called = true;
          resolve();
        };
      });
      const waitingForIt = nextLook;
      nextLook = [];
      try {
        await look();
        failing = false;
      } catch (error) {
        // Reported once per outage, as it is retried twice a second.
        if (!failing) failed(error);
        failing = true;
      }
      for (const done of waitingForIt) done();
      const gap = Math.min(Math.max(GATHER, SHARE * (performance.now() - began)), LOOK_EVERY);
      await pause(gap);
      if (!called && !stopped) await Promise.race([hinted, pause(LOOK_EVERY - gap)]);
    }
    unlisten();
    read = undefined;
    reading = undefined;
    for (const done of nextLook.splice(0)) done();
  };

  /** Resolves when the store has been polled again. */
  const looked = (): Promise<void> => new Promise((resolve) => {
    nextLook.push(resolve);
    wake();
  });

  /** Resolves when the reader has a position, or the follower has left: without anyone waiting, the reader may never get one. */
  const started = async (follower: Follower): Promise<void> => {
    reading ??= run();
    while (!stopped && waiting.has(follower) && !authorities.every((name) => read?.has(name))) await pause(10);
  };

  const follow = async (follower: Follower, lastEventId: string | undefined): Promise<void> => {
    waiting.add(follower);
    await started(follower);
    if (!waiting.has(follower)) return;
    let at = await begin(follower, lastEventId);
    while (!follower.ended() && !stopped) {
      const goal = read;
      if (goal === undefined) break;
      const behind = [...goal].find(([name, there]) => !isAt(at.get(name), there));
      if (behind === undefined) {
        // Nothing can happen between the comparison and this: the reader only advances in its own turn.
        live.add(follower);
        break;
      }
      at = await catchUp(follower, at, behind);
    }
    waiting.delete(follower);
  };

  /** Determines where a follower starts, and sends that as an id of its own, so that it can resume from there even if nothing happens. */
  const begin = async (follower: Follower, lastEventId: string | undefined): Promise<Position> => {
    if (lastEventId === undefined) {
      const at = fresh(read ?? new Map<string, Read>());
      await follower.write(`id: ${positionText(at)}\n\n`);
      return at;
    }
    const known = parsePosition(lastEventId);
    // Another process may have sent more than ours has read yet.
    if (known !== undefined && read !== undefined && isAhead(known, read)) await looked();
    const now = read ?? new Map<string, Read>();
    const fault = known === undefined ? 'the id is none of this service' : faultOf(known, now);
    if (known === undefined || fault !== undefined) return beginAnew(follower, fault ?? '');
    // A new authority is reported from its beginning; one that no longer exists is left out.
    return new Map(Array.from(now, ([name]) => [name, known.get(name) ?? { revision: 0, numbers: new Map() }]));
  };

  const beginAnew = async (follower: Follower, why: string): Promise<Position> => {
    const at = fresh(read ?? new Map<string, Read>());
    sent('reset', 1);
    await follower.write(eventText(resetEvent(why), positionText(at)));
    return at;
  };

  /** Sends what happened to one authority, up to the goal; if that takes several pages, it has to be called again. */
  const catchUp = async (follower: Follower, at: Position, [name, goal]: readonly [string, Read]): Promise<Position> => {
    const from = at.get(name) ?? { revision: 0, numbers: new Map() };
    const page = from.revision < goal.revision ? await store.changes(name, from.revision, PAGE) : { changes: [], restart: false };
    if (page.restart) return beginAnew(follower, 'the id is too old');
    const changes = page.changes.filter(({ revision }) => revision <= goal.revision);
    const done = page.changes.length < PAGE || changes.length < page.changes.length;
    const events = changes.map((change) => [revocationEvent(name, change), { revision: change.revision, numbers: from.numbers }] as const);
    const revision = done ? goal.revision : changes.at(-1)?.revision ?? goal.revision;
    const crls = done ? crlEvents(name, { revision, numbers: from.numbers }, goal.heads) : [];
    const all = [...events, ...crls];
    for (const [{ kind }] of all) sent(kind, 1);
    if (all.length > 0) await follower.write(all.map(([event, position]) => eventText(event, positionText(new Map(at).set(name, position)))).join(''));
    return new Map(at).set(name, { revision, numbers: done ? goal.numbers : from.numbers });
  };

  return {
    follow,
    leave: (follower) => {
      waiting.delete(follower);
      live.delete(follower);
    },
    stop: async () => {
      stopped = true;
      wake();
      await reading;
    },
  };
}

const resetEvent = (why: string): RevocationEvent => ({ kind: 'reset', data: { detail: `${why}: fetch the CRL anew; what comes from now on follows` } });

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
