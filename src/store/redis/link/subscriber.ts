import { connect, type Connection, within } from './connection.ts';
import type { Command } from './link.ts';
import type { Endpoint, RedisLinkOptions } from './options.ts';
import { ErrorReply } from './replies.ts';

export interface Subscriber {
  subscribe(channel: string, heard: (message: string | undefined) => void): () => void;
  /** Where messages come from now: the primary, whose replicas receive them from it. */
  follow(endpoint: Endpoint): void;
  close(): void;
}

/** Milliseconds before the next attempt. */
const AGAIN = 500;
/** Milliseconds between probes of the connection, on which nothing else would be sent. */
const ASK = 5000;

/**
 * Listens on a connection of its own, since a subscribed connection can do little else. Messages are hints and may be lost: after each gap, including the
 * one before the first subscription, every listener is notified with undefined.
 */
export function subscriber(options: RedisLinkOptions): Subscriber {
  const channels = new Map<string, Set<(message: string | undefined) => void>>();
  let endpoint: Endpoint | undefined;
  let connection: Connection | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  const all = (): ((message: string | undefined) => void)[] => [...channels.values()].flatMap((listeners) => [...listeners]);
  const drop = (): void => {
    clearTimeout(timer);
    connection?.close();
    connection = undefined;
  };
  const again = (delay: number): void => {
    drop();
    if (closed) return;
    timer = setTimeout(() => void begin(), delay);
    timer.unref();
  };
  const begin = async (): Promise<void> => {
    const at = endpoint;
    if (at === undefined || channels.size === 0) return;
    let mine: Connection | undefined;
    try {
      const opened = mine = await connect(at, options.address, options, options.timeout);
      if (closed || endpoint !== at || connection !== undefined) return opened.close();
      connection = opened;
      opened.onMessage((channel, message) => channels.get(channel)?.forEach((heard) => heard(message)));
      void opened.ended.then(() => (connection === opened ? again(AGAIN) : undefined));
      const names = [...channels.keys()];
      await listen(opened, names);
      for (const heard of all()) heard(undefined);
      const ask = (): void => {
        timer = setTimeout(() => {
          within(options.timeout, opened.send([['PING']]), 'no answer').then(() => (connection === opened ? ask() : undefined), () => (connection === opened ? again(0) : undefined));
        }, ASK);
        timer.unref();
      };
      ask();
    } catch {
      if (connection === mine || connection === undefined) again(AGAIN);
    }
  };
  const listen = async (on: Connection, names: readonly string[]): Promise<void> => {
    // In lower case, as ioredis expects it.
    const [reply] = await within(options.timeout, on.send([['subscribe', ...names] satisfies Command]), 'no answer');
    // Without permission to subscribe, everyone relies on polling the store.
    if (reply instanceof ErrorReply) throw new Error(reply.text);
  };

  return {
    subscribe(channel, heard) {
      const listeners = channels.get(channel) ?? new Set();
      const isNew = listeners.size === 0;
      channels.set(channel, listeners.add(heard));
      if (connection === undefined) again(0);
      else if (isNew) listen(connection, [channel]).then(() => heard(undefined), () => again(AGAIN));
      return () => {
        listeners.delete(heard);
        if (listeners.size > 0) return;
        channels.delete(channel);
        if (channels.size === 0) drop();
      };
    },
    follow(to) {
      endpoint = to;
      again(0);
    },
    close() {
      closed = true;
      drop();
    },
  };
}
