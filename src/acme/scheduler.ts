import { setMaxListeners } from 'node:events';
import type { RandomBytes } from '../identity/credential.ts';
import { problemIn } from './problem.ts';
import type { Authorization, Challenge } from './state/model.ts';
import { nameOf } from './state/model.ts';
import { type Held, put, type Records } from './state/records.ts';
import type { ValidationOutcome, Validators } from './validators/validator.ts';

export interface SchedulerOptions {
  readonly records: Pick<Records, 'due' | 'write'>;
  readonly validators: Validators;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly random: RandomBytes;
  /** Attempts before a challenge fails. */
  readonly attempts: number;
  /** Milliseconds for which a valid authorization may be used. */
  readonly authorizationLifetime: number;
  /** Milliseconds after which an attempt has certainly ended: it is leased to the process that began it for that long. */
  readonly lease: number;
  /** No other process validates with this store, so attempts can start before the lease is written. */
  readonly alone: boolean;
  /** Called when a validation has failed for good. */
  readonly failed: (account: string, name: string) => void;
  /** Reports internal failures that are nobody's response, for the log. */
  readonly report: (what: string, error: unknown) => void;
}

/**
 * Validates outside of request handling. The time at which an attempt is due is recorded in the authorization (`due`); a process that starts one first
 * moves that time forward by a lease, in one atomic step, so that only one process makes the attempt, and another one takes over after the lease.
 */
export interface Scheduler {
  /** Reserves a slot for one validation, if available: the value to write as `due`, and how to continue after that. */
  readonly place: (now: number) => Place;
  /** Resolves when this process's current attempt for an authorization has ended; undefined if there is none. */
  readonly underWay: (authorization: string) => Promise<void> | undefined;
  /** Starts attempts that are due. */
  readonly look: () => Promise<void>;
  /** Aborts current attempts, which immediately become due again for other processes. */
  readonly stop: () => Promise<void>;
}

export interface Place {
  readonly due: number;
  /** Starts the attempt with the authorization as written. Its result counts only if the write succeeds. */
  readonly begin: (authorization: Held<Authorization>, written: Promise<boolean>) => void;
  /** Releases the slot instead. */
  readonly giveBack: () => void;
}

/** Concurrent validations per process: each holds a socket or two. */
const MOST_AT_ONCE = 128;
/** Milliseconds before the second attempt; three times as many before each further one. */
const FIRST_PAUSE = 1500;
const PAUSE_FACTOR = 3;

export function createScheduler({ records, validators, clock, random, attempts, authorizationLifetime, lease, alone, failed, report }: SchedulerOptions): Scheduler {
  const stopping = new AbortController();
  // Every validation adds a listener, and removes it when done.
  setMaxListeners(0, stopping.signal);
  /** Keyed by authorization; symbols stand for slots that were only reserved. */
  const running = new Map<string | symbol, Promise<void>>();
  const timers = new Set<NodeJS.Timeout>();
  let places = 0;

  const write = async (authorization: Held<Authorization>): Promise<void> => {
    const { account, status, authority } = authorization.value;
    const valid = { time: clock(), event: 'acme-authorization.valid', actor: `acme:${account}`, subject: authorization.id, details: { authority, name: nameOf(authorization.value), challenge: authorization.value.challenges.find((one) => one.status === 'valid')?.type ?? '' } } as const;
    // If another process was faster, it has been deactivated, or taken over by someone else.
    await records.write([put.authorization(authorization)], status === 'valid' ? [valid] : []);
  };

  const validate = async ({ value: { identifier, wildcard } }: Held<Authorization>, { type, token, keyAuthorization = '', accountUri = '' }: Challenge): Promise<ValidationOutcome> => {
    try {
      return await validators.validate({ type, identifier, wildcard, token, keyAuthorization, accountUri }, stopping.signal);
    } catch (error) {
      report('a validation failed unexpectedly', error);
      return { outcome: 'invalid', problem: { type: 'serverInternal', detail: 'the validation could not be carried out here' }, again: true };
    }
  };

  /** @param early whether to begin before it is certain that no one else does */
  const attempt = async (authorization: Held<Authorization>, written: Promise<boolean>, early: boolean): Promise<void> => {
    const challenge = authorization.value.challenges.find(({ status }) => status === 'processing');
    if (challenge === undefined) return;
    const begun = early ? validate(authorization, challenge) : undefined;
    // The writer learns from the write itself why it failed.
    const stands = await written.catch(() => false);
    const outcome = await (begun ?? (stands && !stopping.signal.aborted ? validate(authorization, challenge) : undefined));
    if (!stands) return;
    const now = clock();
    if (outcome === undefined || stopping.signal.aborted) return write(withDue(authorization, now));
    const done = settled(authorization, challenge, outcome, now);
    await write(done);
    if (done.value.status === 'invalid') failed(done.value.account, nameOf(done.value));
    if (done.value.due !== undefined) later(done.value.due - now);
  };

  const settled = (authorization: Held<Authorization>, challenge: Challenge, outcome: ValidationOutcome, now: number): Held<Authorization> => {
    const { keyAuthorization: _seen, attempts: before = 0, error: _error, ...rest } = challenge;
    if (outcome.outcome === 'valid') return replaced(authorization, { ...rest, status: 'valid', validatedAt: now }, { status: 'valid', expires: now + authorizationLifetime });
    const error = problemIn(outcome.problem.type, outcome.problem.detail, { identifier: authorization.value.identifier });
    const tries = before + 1;
    const due = now + FIRST_PAUSE * PAUSE_FACTOR ** (tries - 1) + (random(1)[0] ?? 0);
    return outcome.again && tries < attempts && due < authorization.value.expires
      ? replaced(authorization, { ...challenge, attempts: tries, error }, { due })
      : replaced(authorization, { ...rest, status: 'invalid', validatedAt: now, error }, { status: 'invalid' });
  };

  const later = (milliseconds: number): void => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      look().catch((error: unknown) => report('validations that are due could not be found', error));
    }, milliseconds);
    timer.unref();
    timers.add(timer);
  };

  const place = (now: number): Place => {
    if (places >= MOST_AT_ONCE || stopping.signal.aborted) return { due: now, begin: () => undefined, giveBack: () => undefined };
    places += 1;
    const giveBack = (): void => {
      places -= 1;
    };
    return {
      due: now + lease,
      begin: (authorization, written) => {
        // If another attempt is running or about to, this one loses the write.
        const isFirst = !running.has(authorization.id);
        const of = isFirst ? authorization.id : Symbol('nothing to do');
        const work = attempt(authorization, written, alone && isFirst)
          .catch((error: unknown) => report('the result of a validation could not be stored; it is tried again', error))
          .finally(() => {
            giveBack();
            running.delete(of);
          });
        running.set(of, work);
      },
      giveBack,
    };
  };

  const look = async (): Promise<void> => {
    const room = MOST_AT_ONCE - places;
    if (room <= 0 || stopping.signal.aborted) return;
    const now = clock();
    for (const found of await records.due(now, room)) {
      const { due, begin, giveBack } = place(now);
      // If there is no slot any more, the next look starts it.
      if (due === now) return;
      const leased = withDue(found, due);
      const taken = await records.write([put.authorization(leased)]).catch((error: unknown) => {
        giveBack();
        throw error;
      });
      if (taken) begin({ ...leased, version: leased.version + 1 }, Promise.resolve(true));
      else giveBack();
    }
  };

  return {
    place,
    underWay: (authorization) => running.get(authorization),
    look,
    stop: async () => {
      stopping.abort();
      for (const timer of timers) clearTimeout(timer);
      await Promise.all(running.values());
    },
  };
}

const withDue = (authorization: Held<Authorization>, due: number): Held<Authorization> => ({ ...authorization, value: { ...authorization.value, due } });

/** The authorization with one challenge replaced; without `due` unless given. */
function replaced(authorization: Held<Authorization>, challenge: Challenge, over: Partial<Authorization>): Held<Authorization> {
  const { due: _due, ...value } = authorization.value;
  return { ...authorization, value: { ...value, ...over, challenges: value.challenges.map((one) => (one.type === challenge.type ? challenge : one)) } };
}
