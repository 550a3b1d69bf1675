import type { FastifyReply, FastifyRequest } from 'fastify';
import { Refused } from '../errors.ts';

export interface StreamLimits {
  /** Streams per process. */
  readonly streams: number;
  readonly perAddress: number;
}

/** Why a stream was closed. */
export type StreamEnd = 'client' | 'slow' | 'stopped' | 'failed';

export interface StreamOptions {
  readonly limits: StreamLimits;
  readonly opened: () => void;
  readonly ended: (why: StreamEnd) => void;
}

/** A client's stream of server-sent events. */
export interface EventStream {
  /** Writes text at once; a client with too much pending data is dropped. */
  readonly push: (text: string) => void;
  /** Writes text, and resolves when there is room for more; false if the stream has been closed. */
  readonly write: (text: string) => Promise<boolean>;
  readonly ended: () => boolean;
  readonly end: (why: StreamEnd) => void;
  /** Called when the stream has been closed by either side. */
  readonly onEnd: (listener: () => void) => void;
}

export interface EventStreams {
  /** Responds to the call with a stream. Throws Refused `rate-limited`, `unavailable`. */
  readonly open: (request: FastifyRequest, reply: FastifyReply) => EventStream;
  /** Closes all streams, telling clients when to reconnect. */
  readonly stop: () => void;
}

/** Bytes that may be pending for a client, besides what the kernel buffers. */
const MOST_WAITING = 262_144;
/** Pending bytes above which `write` waits. */
const ENOUGH_WAITING = 32_768;
/** Milliseconds after which a client that reads nothing is dropped. */
const MOST_STALL = 30_000;
/** Milliseconds. Proxies commonly close connections that are silent for a minute. */
const HEARTBEAT = 15_000;
/** Milliseconds. Clients of a stopped service reconnect at a random time within this range. */
const COME_BACK = { least: 500, most: 5000 };

/** Server-sent event streams, bounded in number and in pending data. */
export function eventStreams({ limits, opened, ended }: StreamOptions): EventStreams {
  const streams = new Set<EventStream>();
  const addresses = new Map<string, number>();
  let heartbeat: NodeJS.Timeout | undefined;

  const count = (address: string, change: number): void => {
    const next = (addresses.get(address) ?? 0) + change;
    if (next === 0) addresses.delete(address);
    else addresses.set(address, next);
  };

  return {
    open: (request, reply) => {
      const address = request.ip;
      if (streams.size >= limits.streams) throw new Refused('unavailable', 'The maximum number of streams is open.', { retryAfter: 30 });
      if ((addresses.get(address) ?? 0) >= limits.perAddress) throw new Refused('rate-limited', 'This address has the maximum number of streams open.', { retryAfter: 30 });
      const stream = streamOf(reply);
      streams.add(stream);
      count(address, 1);
      opened();
      heartbeat ??= setInterval(() => streams.forEach(({ push }) => push(':\n\n')), HEARTBEAT).unref();
      stream.onEnd(() => {
        streams.delete(stream);
        count(address, -1);
        if (streams.size > 0) return;
        clearInterval(heartbeat);
        heartbeat = undefined;
      });
      return stream;
    },
    stop: () => {
      for (const stream of streams) {
        stream.push(`retry: ${Math.round(COME_BACK.least + Math.random() * (COME_BACK.most - COME_BACK.least))}\n\n`);
        stream.end('stopped');
      }
    },
  };

  function streamOf(reply: FastifyReply): EventStream {
    // From here on we write the response: Fastify would wait for its end.
    reply.hijack();
    const { raw } = reply;
    const listeners: (() => void)[] = [];
    let over = false;
    let stalled: NodeJS.Timeout | undefined;
    const end = (why: StreamEnd): void => {
      if (over) return;
      over = true;
      clearTimeout(stalled);
      if (why === 'stopped') raw.end();
      else raw.destroy();
      ended(why);
      for (const listener of listeners) listener();
    };
    const put = (text: string): void => {
      if (over) return;
      const room = raw.write(text);
      if (raw.writableLength > MOST_WAITING) return end('slow');
      if (!room && stalled === undefined) stalled = setTimeout(() => end('slow'), MOST_STALL).unref();
    };
    raw.on('drain', () => {
      clearTimeout(stalled);
      stalled = undefined;
    });
    raw.on('close', () => end('client'));
    raw.on('error', () => end('client'));
    raw.socket?.setNoDelay(true);
    raw.writeHead(200, {
      ...(reply.getHeaders() as Record<string, string>),
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      // Keeps nginx from buffering the events.
      'x-accel-buffering': 'no',
    });
    put(':\n\n');
    return {
      push: put,
      write: async (text) => {
        put(text);
        if (!over && raw.writableLength > ENOUGH_WAITING) {
          await new Promise<void>((resolve) => {
            raw.once('drain', resolve);
            listeners.push(resolve);
          });
        }
        return !over;
      },
      ended: () => over,
      end,
      onEnd: (listener) => {
        if (over) listener();
        else listeners.push(listener);
      },
    };
  }
}
