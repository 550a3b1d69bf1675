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
  /** How often a challenge is looked at before it has failed. */
  readonly attempts: number;
  /** Milliseconds that a valid authorization may be used. */
  readonly authorizationLifetime: number;
  /** Milliseconds in which an attempt has surely ended: so long it belongs to the process that began it. */
  readonly lease: number;
  /** No other process validates out of this store: then nobody else can have begun, and the calls go out while that is being written. */
  readonly alone: boolean;
  /** Told of a validation that failed for good. */
  readonly failed: (account: string, name: string) => void;
  /** Told of what is nobody's answer: for the log. */
  readonly report: (what: string, error: unknown) => void;
}

/**
 * Validates off the path of requests. That somebody has to look is written into the authorization (`due`); whoever looks moves it ahead by
 * a lease first, in one atomic step, so that of all processes one does, and after the end of that one another.
 */
export interface Scheduler {
  /** A place for one validation, if there is room: what is to be written as `due`, and how to go on after that. */
  readonly place: (now: number) => Place;
  /** Resolves when the attempt that is under way in this process for an authorization has ended; undefined where none is. */
  readonly underWay: (authorization: string) => Promise<void> | undefined;
  /** Takes up what is due. */
  readonly look: () => Promise<void>;
  /** Interrupts what is under way; it is due again at once, for whoever is there. */
  readonly stop: () => Promise<void>;
}

export interface Place {
  readonly due: number;
  /** Begins, with the authorization as it is once it is written. What came of it counts only where it was. */
  readonly begin: (authorization: Held<Authorization>, written: Promise<boolean>) => void;
  /** In place of `begin`. */
  readonly giveBack: () => void;
}

/** Validations at once in one process: each holds a socket or two. */
const MOST_AT_ONCE = 128;
/** Milliseconds before the second attempt; three times as many before each further one. */
const FIRST_PAUSE = 1500;
const PAUSE_FACTOR = 3;

export function createScheduler({ records, validators, clock, random, attempts, authorizationLifetime, lease, alone, failed, report }: SchedulerOptions): Scheduler {
  const stopping = new AbortController();
  // As many as there are validations listen to it, and stop when they are done.
  setMaxListeners(0, stopping.signal);
  /** By the authorization; and those that only give their place back. */
  const running = new Map<string | symbol, Promise<void>>();
  const timers = new Set<NodeJS.Timeout>();
  let places = 0;

  const write = async (authorization: Held<Authorization>): Promise<void> => {
    const { account, status, authority } = authorization.value;
    const valid = { time: clock(), event: 'acme-authorization.valid', actor: `acme:${account}`, subject: authorization.id, details: { authority, name: nameOf(authorization.value), challenge: authorization.value.challenges.find((one) => one.status === 'valid')?.type ?? '' } } as const;
    // Where another one was faster, it is deactivated, or somebody else's by now.
    await records.write([put.authorization(authorization)], status === 'valid' ? [valid] : []);
  };

  const validate = async ({ value: { identifier, wildcard } }: Held<Authorization>, { type, token, keyAuthorization = '', accountUri = '' }: Challenge): Promise<ValidationOutcome> => {
    try {
      return await validators.validate({ type, identifier, wildcard, token, keyAuthorization, accountUri }, stopping.signal);
    } catch (error) {
      report('a validation broke', error);
      return { outcome: 'invalid', problem: { type: 'serverInternal', detail: 'the validation could not be done here' }, again: true };
    }
  };

  /** @param early whether to begin before it is known that nobody else does */
  const attempt = async (authorization: Held<Authorization>, written: Promise<boolean>, early: boolean): Promise<void> => {
    const challenge = authorization.value.challenges.find(({ status }) => status === 'processing');
    if (challenge === undefined) return;
    const begun = early ? validate(authorization, challenge) : undefined;
    // Whoever writes is told by the write itself why it failed.
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
        // One that is under way already has begun, or will: this one loses the write.
        const isFirst = !running.has(authorization.id);
        const of = isFirst ? authorization.id : Symbol('nothing to do');
        const work = attempt(authorization, written, alone && isFirst)
          .catch((error: unknown) => report('what came of a validation could not be written; it is tried again', error))
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
      // There may be no room any more: then the next look does.
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

/** The authorization with one challenge as it is now; without `due` unless that is given. */
function replaced(authorization: Held<Authorization>, challenge: Challenge, over: Partial<Authorization>): Held<Authorization> {
  const { due: _due, ...value } = authorization.value;
  return { ...authorization, value: { ...value, ...over, challenges: value.challenges.map((one) => (one.type === challenge.type ? challenge : one)) } };
}
