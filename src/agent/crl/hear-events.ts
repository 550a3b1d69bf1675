import type { Agent } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { under } from '../../client/address.ts';
import { followEvents, type ServerEvent } from '../../client/event-stream.ts';
import { Failure } from '../../client/failure.ts';
import { backOff } from './alarm.ts';
import type { Tell } from '../tell.ts';

/** A certificate that was revoked, put on hold, or released. `at` is in seconds since the epoch. */
export interface StandingChange {
  readonly authority: string;
  /** Lower-case hex. */
  readonly serial: string;
  readonly status: 'revoked' | 'held' | 'released';
  readonly at: number;
}

export interface EventsOptions {
  readonly service: URL;
  readonly agent: Agent;
  /** Something may be new. */
  readonly call: () => void;
  /** An authority's full CRL with this number was published. */
  readonly published: (authority: string, number: bigint) => void;
  /** Called for each change of a certificate's status. Only the connection vouches for it; the CRLs confirm it later. */
  readonly changed?: (change: StandingChange) => void;
  /** The longest time between two attempts to connect, in milliseconds. */
  readonly mostPause: number;
}

/** A stream that lasted this long, in milliseconds, resets the back-off. */
const LASTED = 10_000;

/** Follows the service's events until the signal aborts; requests a poll for each new CRL, and whenever events may have been missed. */
export async function hearEvents({ service, agent, call, published, changed, mostPause }: EventsOptions, { now, random, tell }: { readonly now: () => number; readonly random: () => number; readonly tell: Tell }, signal: AbortSignal): Promise<void> {
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
          if (event.event === 'reset') call();
          const crl = event.event === 'crl' ? fullCrlOf(event) : undefined;
          if (crl !== undefined) published(crl.authority, crl.number);
          const change = event.event === 'revocation' && changed !== undefined ? changeOf(event) : undefined;
          if (change !== undefined) changed?.(change);
        },
      });
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      // Polling continues and reports its own failures, so one warning is enough.
      if (!quiet) tell('warn', 'disconnected', `no events: ${error.message}; polling meanwhile`);
      quiet = true;
      // The service may be rejecting the event id. Dropping it loses nothing: the poll on the next connection catches up.
      if (opened === undefined) lastEventId = '';
    }
    failures = opened !== undefined && now() - opened > LASTED ? 1 : failures + 1;
    await sleep(backOff(failures, mostPause, random), undefined, { signal }).catch(() => {});
  }
}

/** Undefined if the event is about another document, or not understood. */
function fullCrlOf({ data }: ServerEvent): { readonly authority: string; readonly number: bigint } | undefined {
  try {
    const { authority, document, number } = JSON.parse(data) as { authority?: unknown; document?: unknown; number?: unknown };
    return document === 'full' && typeof authority === 'string' && typeof number === 'string' && /^[0-9]{1,49}$/.test(number) ? { authority, number: BigInt(number) } : undefined;
  } catch {
    return undefined;
  }
}

/** Undefined if the event is not understood. */
function changeOf({ data }: ServerEvent): StandingChange | undefined {
  try {
    const { authority, serial, status, at } = JSON.parse(data) as Partial<Record<string, unknown>>;
    const change = { authority, serial, status, at: typeof at === 'string' ? Date.parse(at) / 1000 : Number.NaN };
    return isStandingChange(change) ? change : undefined;
  } catch {
    return undefined;
  }
}

const STATUSES: readonly unknown[] = ['revoked', 'held', 'released'];

/** Whether an untrusted value is a complete change. */
export function isStandingChange(value: unknown): value is StandingChange {
  if (typeof value !== 'object' || value === null) return false;
  const { authority, serial, status, at } = value as Partial<Record<string, unknown>>;
  return typeof authority === 'string' && typeof serial === 'string' && /^([0-9a-f]{2}){1,20}$/.test(serial) && STATUSES.includes(status) && Number.isFinite(at);
}
