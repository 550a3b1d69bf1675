import { createHash } from 'node:crypto';

import { Redis } from 'ioredis';

import { StoreUnavailable } from '../../store.ts';
import { ScriptRefused } from './link.ts';
import type { Argument, Command, RedisLink, Reply, Script } from './link.ts';

/** A link to one Redis by its address (`redis://host:port/`, or the path of a socket). */
export function openSimpleLink(address: string): RedisLink {
  const redis = new Redis(address, { enableAutoPipelining: false, maxRetriesPerRequest: 0 });
  const listener = new Redis(address, { lazyConnect: true });
  redis.on('error', () => undefined);
  listener.on('error', () => undefined);
  const digests = new Map<Script, string>();

  const run = async (script: Script, keys: readonly string[], args: readonly Argument[]): Promise<Reply> => {
    let digest = digests.get(script);
    if (digest === undefined) digests.set(script, digest = createHash('sha1').update(script.source).digest('hex'));
    try {
      return await redis.callBuffer('EVALSHA', digest, keys.length, ...keys, ...args) as Reply;
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw unavailable(error);
    }
    try {
      return await redis.callBuffer('EVAL', script.source, keys.length, ...keys, ...args) as Reply;
    } catch (error) {
      throw unavailable(error);
    }
  };

  return {
    evaluate: run,
    readScript: run,
    read: async (commands: readonly Command[]) => {
      try {
        return await Promise.all(commands.map(([name, ...args]) => redis.callBuffer(name, ...args) as Promise<Reply>));
      } catch (error) {
        throw unavailable(error);
      }
    },
    publish: (channel, message) => {
      redis.publish(channel, message).catch(() => undefined);
    },
    subscribe: (channel, heard) => {
      const on = (from: string, message: string): void => {
        if (from === channel) heard(message);
      };
      listener.on('message', on);
      listener.subscribe(channel).catch(() => undefined);
      return () => listener.off('message', on);
    },
    ping: async () => {
      try {
        await redis.ping();
      } catch (error) {
        throw unavailable(error);
      }
    },
    close: async () => {
      redis.disconnect();
      listener.disconnect();
    },
  };
}

function unavailable(error: unknown): Error {
  const message = error instanceof Error ? error.message : String(error);
  if (message.startsWith('CHANCERY')) return new ScriptRefused(message, { cause: error });
  return new StoreUnavailable(message, { cause: error });
}
