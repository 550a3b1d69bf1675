import type { Agent } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { under } from '../../client/address.ts';
import { followEvents, type ServerEvent } from '../../client/event-stream.ts';
import { Failure } from '../../client/failure.ts';
import { backOff } from './alarm.ts';
import type { Tell } from './watch.ts';

export interface EventsOptions {
  readonly service: URL;
  readonly agent: Agent;
  /** Whether an event about an authority's full CRL matters. */
  readonly concerns: (authority: string) => boolean;
  /** Something may be new. */
  readonly call: () => void;
  /** Longest time between two attempts to connect, milliseconds. */
  readonly mostPause: number;
}

/** A stream that lasted so long was a good one, milliseconds. */
const LASTED = 10_000;

/** Listens to the service's events until the signal comes, and calls for a look at each new CRL, and whenever some may have been missed. */
export async function hearEvents({ service, agent, concerns, call, mostPause }: EventsOptions, { now, random, tell }: { readonly now: () => number; readonly random: () => number; readonly tell: Tell }, signal: AbortSignal): Promise<void> {
  let lastEventId = '';
  let failures = 0;
  let quiet = false;
  while (!signal.aborted) {
    let opened: number | undefined;
    try {
      await followEvents({
        url: under(service, '/v1/revocations/events'), agent, lastEventId, signal,
        onId: (id) => { lastEventId = id; },
        onOpen: () => {
          opened = now();
          quiet = false;
          tell('info', 'connected', `listening to the events of ${service.origin}`);
          call();
        },
        onEvent: (event) => {
          if (event.event === 'reset' || (event.event === 'crl' && isAbout(event, concerns))) call();
        },
      });
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      // Polling goes on, and tells its own failures: once is enough.
      if (!quiet) tell('warn', 'disconnected', `no events: ${error.message}; looking again and again all the same`);
      quiet = true;
    }
    failures = opened !== undefined && now() - opened > LASTED ? 1 : failures + 1;
    await sleep(backOff(failures, mostPause, random), undefined, { signal }).catch(() => {});
  }
}

function isAbout({ data }: ServerEvent, concerns: (authority: string) => boolean): boolean {
  try {
    const { authority, document } = JSON.parse(data) as { authority?: unknown; document?: unknown };
    return document === 'full' && typeof authority === 'string' && concerns(authority);
  } catch {
    return true;
  }
}
