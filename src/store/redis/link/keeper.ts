import { StoreUnavailable } from '../../store.ts';
import { LinkDown } from './connection.ts';
import { type Locate, locator } from './locate.ts';
import { endpointText, type RedisLinkOptions } from './options.ts';
import { openSession, type Session } from './session.ts';

/** Maintains a session whenever possible. */
export interface Keeper {
  /** The present session or, for a short time, the next one to be established. Rejects with StoreUnavailable. */
  session(): Promise<Session>;
  /** Calls `begun` with the present session, and with each new one. */
  onSession(begun: (session: Session) => void): void;
  close(): void;
}

/** Milliseconds before the n-th retry. */
const pauses = (attempt: number): number => Math.min(1000, 25 * 2 ** attempt) * (0.75 + Math.random() / 2);
/** Milliseconds after the end of a session during which calls wait for the next one: a lost connection is soon replaced. */
const GRACE = 1000;
/** Milliseconds: a session that ended sooner does not count as success. */
const SHORT = 1000;
/** Upper bound of calls waiting for a session. */
const MOST_WAITING = 10_000;

/**
 * Establishes the first session.
 * @throws StoreUnavailable if there is none within the time limit, or immediately if the server is refused
 */
export async function startKeeper(options: RedisLinkOptions): Promise<Keeper> {
  const locate: Locate = locator(options);
  const { told = () => undefined } = options;
  const listeners: ((session: Session) => void)[] = [];
  const waiting = new Set<{ readonly go: (session: Session) => void; readonly fail: (error: StoreUnavailable) => void }>();
  let current: Session | undefined;
  let closed = false;
  let reason = 'not connected yet';
  /** Until when calls wait for a session. */
  let patience = performance.now() + options.timeout + GRACE;
  let wake: (() => void) | undefined;

  const unavailable = (): StoreUnavailable => new StoreUnavailable(reason);
  /** Deferred by a turn of the event loop: a caller that retries in a loop must not keep the next session from starting. */
  const refuse = (): Promise<never> => new Promise((_, reject) => setImmediate(() => reject(unavailable())));
  const failWaiting = (): void => {
    for (const { fail } of waiting) fail(unavailable());
    waiting.clear();
  };
  const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
  const keep = async (): Promise<void> => {
    let attempt = 0;
    while (!closed) {
      try {
        const session = await openSession(locate, options);
        if (closed) return session.end('closed');
        const begun = performance.now();
        current = session;
        told({ usable: true, primary: endpointText(session.endpoint) });
        for (const listener of listeners) listener(session);
        for (const { go } of waiting) go(session);
        waiting.clear();
        reason = await session.ended;
        current = undefined;
        patience = performance.now() + GRACE;
        if (!closed) told({ usable: false, reason });
        if (performance.now() - begun > SHORT) attempt = 0;
        else await pause(pauses(attempt++));
      } catch (error) {
        const next = error instanceof Error ? error.message : String(error);
        if (next !== reason && !closed) told({ usable: false, reason: next });
        reason = next;
        if (error instanceof LinkDown && error.refused) patience = 0;
        if (performance.now() > patience) failWaiting();
        await pause(pauses(attempt));
        attempt += 1;
      }
    }
  };

  const session: Keeper['session'] = () => {
    if (current !== undefined) return Promise.resolve(current);
    const left = patience - performance.now();
    let timer: NodeJS.Timeout | undefined;
    if (closed || left <= 0 || waiting.size >= MOST_WAITING) return refuse();
    return new Promise<Session>((resolve, reject) => {
      const one = { go: resolve, fail: reject };
      waiting.add(one);
      timer = setTimeout(() => {
        waiting.delete(one);
        reject(unavailable());
      }, left);
    }).finally(() => clearTimeout(timer));
  };
  const close = (): void => {
    closed = true;
    reason = 'the store is closed';
    current?.end(reason);
    wake?.();
    failWaiting();
  };
  void keep();
  try {
    await session();
  } catch (error) {
    close();
    throw error;
  }
  return { session, close, onSession: (begun) => {
    listeners.push(begun);
    if (current !== undefined) begun(current);
  } };
}
