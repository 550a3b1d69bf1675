import type { FastifyReply, FastifyRequest } from 'fastify';
import { Refused } from '../errors.ts';

export interface StreamLimits {
  /** Streams of this process. */
  readonly streams: number;
  readonly perAddress: number;
}

/** Why a stream ended. */
export type StreamEnd = 'client' | 'slow' | 'stopped' | 'failed';

export interface StreamOptions {
  readonly limits: StreamLimits;
  readonly opened: () => void;
  readonly ended: (why: StreamEnd) => void;
}

/** One client's stream of server-sent events. */
export interface EventStream {
  /** Writes text at once; a client that has let too much pile up is dropped. */
  readonly push: (text: string) => void;
  /** Writes text, and resolves when there is room for more; false when the stream has ended. */
  readonly write: (text: string) => Promise<boolean>;
  readonly ended: () => boolean;
  readonly end: (why: StreamEnd) => void;
  /** Called when it has ended, by whomever. */
  readonly onEnd: (listener: () => void) => void;
}

export interface EventStreams {
  /** Answers the call with a stream. Throws Refused `rate-limited`, `unavailable`. */
  readonly open: (request: FastifyRequest, reply: FastifyReply) => EventStream;
  /** Ends all, politely. */
  readonly stop: () => void;
}

/** Bytes that may wait for a client beside what the kernel keeps. */
const MOST_WAITING = 262_144;
/** With more than this waiting, who has a choice waits. */
const ENOUGH_WAITING = 32_768;
/** A client that takes nothing for so long is dropped, milliseconds. */
const MOST_STALL = 30_000;
/** Proxies commonly end what is silent for a minute. */
const HEARTBEAT = 15_000;
/** Clients of a stopped service come back within this time, each by chance, milliseconds. */
const COME_BACK = { least: 500, most: 5000 };

/** Streams of server-sent events, bounded in number and in what each may hold. */
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
      if (streams.size >= limits.streams) throw new Refused('unavailable', 'As many streams are open as are allowed.', { retryAfter: 30 });
      if ((addresses.get(address) ?? 0) >= limits.perAddress) throw new Refused('rate-limited', 'This address has as many streams open as are allowed.', { retryAfter: 30 });
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
    // From here on the answer is ours: Fastify would wait for its end.
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
      // nginx would gather the events otherwise.
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
