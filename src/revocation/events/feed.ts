import { setImmediate } from 'node:timers/promises';
import { crlEvents, type EventKind, eventText, resetEvent, type RevocationEvent, revocationEvent } from './event.ts';
import { feedReader, type FeedReaderOptions, PAGE } from './feed-reader.ts';
import { parsePosition, type Position, positionText } from './position.ts';
import { faultOf, fresh, isAhead, isAt, type Read } from './read.ts';

export interface FeedOptions extends Omit<FeedReaderOptions, 'wanted' | 'broadcast'> {
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

/** Followers served at a time. */
const SLICE = 100;

/**
 * Reads the store's feeds once for all followers of this process, and only while there are any. A new follower first catches up on its own to the
 * reader's position, and at exactly that point joins the broadcast. So it receives each event once, in order.
 */
export function revocationFeed({ store, authorities, urlOf, failed, sent }: FeedOptions): RevocationFeed {
  const waiting = new Set<Follower>();
  const live = new Set<Follower>();
  let stopped = false;

  const broadcast = async (events: readonly RevocationEvent[], text: string): Promise<void> => {
    const followers = [...live];
    for (let from = 0; from < followers.length; from += SLICE) {
      if (from > 0) await setImmediate();
      for (const follower of followers.slice(from, from + SLICE)) follower.push(text);
    }
    for (const { kind } of events) sent(kind, followers.length);
  };

  const reader = feedReader({ store, authorities, urlOf, broadcast, failed, wanted: () => waiting.size + live.size > 0 });
  const readNow = (): ReadonlyMap<string, Read> => reader.read() ?? new Map<string, Read>();

  /** Resolves when the reader has a position, or the follower has left: without anyone waiting, the reader may never get one. */
  const started = async (follower: Follower): Promise<void> => {
    reader.start();
    while (!stopped && waiting.has(follower) && !authorities.every((name) => reader.read()?.has(name))) await pause(10);
  };

  const follow = async (follower: Follower, lastEventId: string | undefined): Promise<void> => {
    waiting.add(follower);
    await started(follower);
    if (!waiting.has(follower)) return;
    let at = await begin(follower, lastEventId);
    while (!follower.ended() && !stopped) {
      const goal = reader.read();
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
      const at = fresh(readNow());
      await follower.write(`id: ${positionText(at)}\n\n`);
      return at;
    }
    const known = parsePosition(lastEventId);
    // Another process may have sent more than ours has read yet.
    if (known !== undefined && isAhead(known, readNow())) await reader.looked();
    const now = readNow();
    const fault = known === undefined ? 'the id was not issued by this service' : faultOf(known, now);
    if (known === undefined || fault !== undefined) return beginAnew(follower, fault ?? '');
    // A new authority is reported from its beginning; one that no longer exists is left out.
    return new Map(Array.from(now, ([name]) => [name, known.get(name) ?? { revision: 0, numbers: new Map() }]));
  };

  const beginAnew = async (follower: Follower, why: string): Promise<Position> => {
    const at = fresh(readNow());
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
    const crls = done ? crlEvents(name, { revision, numbers: from.numbers }, goal.heads, urlOf) : [];
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
      await reader.stop();
    },
  };
}

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
